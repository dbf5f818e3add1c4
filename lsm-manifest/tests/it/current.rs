//! Tests of CURRENT, and of directories in which it is missing or damaged.

use std::path::Path;

use lsm_fs::{DirectorySync, Fs, FsExt, Op, errno};
use lsm_fs_mem::{Fault, FaultFs};
use lsm_manifest::{
    ChecksumType, Current, Error, ReadOptions, WriteOptions, open_current, open_highest, publish_current,
    read_current, recover, remove_stale, versions,
};

use crate::probe_fs::ProbeFs;
use crate::support::{
    DIR, LIMIT, SECTIONS, current_path, mem_fs, owned, put_file, read_all, version_path, write,
};

const OPTIONS: ReadOptions = ReadOptions::new();

#[test]
fn a_published_archive_is_the_live_version() {
    let fs = mem_fs();
    for version in [7, 8] {
        let archive = write(&fs, &version_path(version), WriteOptions::new(), &SECTIONS).unwrap();
        assert_eq!(publish_current(&archive).unwrap(), DirectorySync::Durable);
        let current = read_current(&fs, Path::new(DIR)).unwrap();
        assert_eq!(current, Current::new(version, archive.footer()));
        assert_eq!((current.version_id, current.checksum_type), (version, ChecksumType::Xxh3));
    }
    let recovered = recover(&fs, Path::new(DIR), &OPTIONS).unwrap().unwrap();
    assert_eq!(read_all(&recovered.archive).unwrap(), owned(&SECTIONS));
    assert_eq!((recovered.stale, recovered.healed.len()), (vec![7], 0));
}

#[test]
fn only_a_version_can_be_published() {
    let fs = mem_fs();
    for name in ["MANIFEST", "v", "v01", "v+1", "v-1", "v1 ", "v1.tmp", "v18446744073709551616"] {
        let archive = write(&fs, &Path::new(DIR).join(name), WriteOptions::new(), &SECTIONS).unwrap();
        assert!(matches!(publish_current(&archive), Err(Error::NotAVersion { .. })), "{name}");
        assert_eq!(archive.version_id(), None, "{name}");
    }
    assert!(!fs.exists(&current_path()).unwrap());
    let last = write(&fs, &version_path(u64::MAX), WriteOptions::new(), &SECTIONS).unwrap();
    let _ = publish_current(&last).unwrap();
    assert_eq!(read_current(&fs, Path::new(DIR)).unwrap().version_id, u64::MAX);
}

/// Neither the proof nor the publication claims more durability than the platform provides.
#[test]
fn a_platform_without_directory_syncs_promises_nothing() {
    // The four syncs of a publication: archive, its name, CURRENT, its name.
    for (from, name, pointer) in [
        (0, DirectorySync::Durable, DirectorySync::Durable),
        (1, DirectorySync::NotSupported, DirectorySync::NotSupported),
        (4, DirectorySync::Durable, DirectorySync::NotSupported),
    ] {
        let fs = ProbeFs::new(mem_fs()).without_directory_syncs_from(from);
        let archive = write(&fs, &version_path(1), WriteOptions::new(), &SECTIONS).unwrap();
        assert_eq!(archive.directory_sync(), name, "{from}");
        assert_eq!(publish_current(&archive).unwrap(), pointer, "{from}");
    }
    // A later sync that is supported does not make an earlier name durable.
    let fs = ProbeFs::new(mem_fs()).without_directory_syncs_from(1);
    let archive = write(&fs, &version_path(1), WriteOptions::new(), &SECTIONS).unwrap();
    let fs = fs.clone().without_directory_syncs_from(0);
    assert_eq!(publish_current(&archive).unwrap(), DirectorySync::NotSupported);
    assert!(fs.exists(&current_path()).unwrap());
}

#[test]
fn a_live_archive_is_not_discarded() {
    let fs = mem_fs();
    let live = write(&fs, &version_path(1), WriteOptions::new(), &SECTIONS).unwrap();
    let other = write(&fs, &version_path(2), WriteOptions::new(), &SECTIONS).unwrap();
    let _ = publish_current(&live).unwrap();
    assert_eq!(live.discard().unwrap_err().to_string(), "/db/v1: not removed, because CURRENT names it");
    other.discard().unwrap();
    assert_eq!(versions(&fs, Path::new(DIR)).unwrap(), [1]);
}

#[test]
fn an_empty_directory_is_new() {
    let fs = mem_fs();
    for dir in [DIR, "/not/there"] {
        assert!(open_current(&fs, Path::new(dir), &OPTIONS).unwrap().is_none());
        assert!(recover(&fs, Path::new(dir), &OPTIONS).unwrap().is_none());
    }
    assert!(open_highest(&fs, Path::new("/nowhere"), &OPTIONS).unwrap().is_none());
    assert!(open_highest(&fs, Path::new(DIR), &OPTIONS).unwrap().is_none());
    // Names of the operator and empty folders do not count as data.
    for name in ["LOCK", "lost+found", ".current.tmp-0"] {
        put_file(&fs, &Path::new(DIR).join(name), b"");
    }
    for name in ["tables", "v2"] {
        fs.create_dir(&Path::new(DIR).join(name)).unwrap();
    }
    assert!(open_current(&fs, Path::new(DIR), &OPTIONS).unwrap().is_none());
}

#[test]
fn a_directory_with_data_and_no_current_is_not_new() {
    for name in ["tables/1", "blobs/1", "v0", "v17", "edits-3"] {
        let fs = mem_fs();
        let path = Path::new(DIR).join(name);
        fs.create_dir_all(path.parent().unwrap()).unwrap();
        put_file(&fs, &path, b"");
        let error = open_current(&fs, Path::new(DIR), &OPTIONS).unwrap_err();
        assert!(matches!(error, Error::MissingCurrent { .. }), "{name}");
        let shown = name.split('/').next().unwrap();
        assert!(error.to_string().starts_with(&format!("/db/current: missing, but found {shown};")));
        if name == "tables/1" {
            let error = open_highest(&fs, Path::new(DIR), &OPTIONS).unwrap_err();
            assert!(matches!(error, Error::MissingCurrent { .. }), "{error}");
        }
    }
}

#[test]
fn a_current_of_a_missing_or_another_archive_is_refused() {
    let fs = mem_fs();
    let archive = write(&fs, &version_path(2), WriteOptions::new(), &SECTIONS).unwrap();
    put_file(&fs, &current_path(), &Current::new(3, archive.footer()).encode());
    let error = open_current(&fs, Path::new(DIR), &OPTIONS).unwrap_err();
    assert_eq!(error.to_string(), "/db/v3: missing, although CURRENT names it");
    fs.remove_file(&current_path()).unwrap();
    let _ = publish_current(&archive).unwrap();
    // Another valid archive under the same name.
    fs.remove_file(&version_path(2)).unwrap();
    write(&fs, &version_path(2), WriteOptions::new().mirror(false), &SECTIONS).map(drop).unwrap();
    match open_current(&fs, Path::new(DIR), &OPTIONS) {
        Err(Error::DigestMismatch { expected, found, .. }) => assert_ne!(expected, found),
        other => panic!("{other:?}"),
    }
}

#[test]
fn recovery_finds_damage_that_opening_misses() {
    let fs = mem_fs();
    let archive = write(&fs, &version_path(2), WriteOptions::new(), &SECTIONS).unwrap();
    let _ = publish_current(&archive).unwrap();
    let at = archive.footer().section("tables").unwrap().offset + 40;
    let mut bytes = fs.read_to_vec(&version_path(2), LIMIT).unwrap();
    bytes[usize::try_from(at).unwrap()] ^= 1;
    put_file(&fs, &version_path(2), &bytes);
    assert!(open_current(&fs, Path::new(DIR), &OPTIONS).is_ok());
    let error = recover(&fs, Path::new(DIR), &OPTIONS).unwrap_err();
    assert!(error.is_corruption());
    assert!(error.to_string().starts_with("/db/v2: offset 4"), "{error}");
}

#[test]
fn without_current_the_highest_version_is_opened() {
    let fs = mem_fs();
    let sections = |id: &'static [u8]| [("version_id", id)];
    write(&fs, &version_path(9), WriteOptions::new(), &sections(&[9, 0, 0, 0, 0, 0, 0, 0]))
        .map(drop)
        .unwrap();
    write(&fs, &version_path(10), WriteOptions::new(), &sections(&[10, 0, 0, 0, 0, 0, 0, 0]))
        .map(drop)
        .unwrap();
    put_file(&fs, &Path::new(DIR).join("v11.tmp"), b"");
    let (found, _) = open_highest(&fs, Path::new(DIR), &OPTIONS).unwrap().unwrap();
    assert_eq!(found, 10);
    for (version, id) in
        [(11, &[10, 0, 0, 0, 0, 0, 0, 0][..]), (12, &[12]), (13, &[]), (14, &[14, 0, 0, 0, 0, 0, 0, 0, 0])]
    {
        write(&fs, &version_path(version), WriteOptions::new(), &[("version_id", id)]).map(drop).unwrap();
        let error = open_highest(&fs, Path::new(DIR), &OPTIONS).unwrap_err();
        assert!(matches!(error, Error::WrongVersion { .. }), "{error}");
    }
    // A damaged archive is not skipped.
    put_file(&fs, &version_path(15), b"");
    assert!(open_highest(&fs, Path::new(DIR), &OPTIONS).unwrap_err().is_corruption());
}

/// If CURRENT is damaged, the archive may be live.
#[test]
fn a_damaged_current_prevents_every_removal() {
    let fs = mem_fs();
    let archive = write(&fs, &version_path(1), WriteOptions::new(), &SECTIONS).unwrap();
    let _ = publish_current(&archive).unwrap();
    fs.truncate_file(&current_path(), 24).unwrap();
    assert!(archive.discard().unwrap_err().is_corruption());
    assert!(remove_stale(&fs, Path::new(DIR), 2).unwrap_err().is_corruption());
    assert!(fs.exists(&version_path(1)).unwrap());
}

/// Between reading CURRENT and opening its archive, a writer may publish the next version and remove this one. CURRENT
/// is then read again.
#[test]
fn current_is_read_again_if_its_archive_is_gone() {
    let fs = mem_fs();
    let _ = publish_current(&write(&fs, &version_path(1), WriteOptions::new(), &SECTIONS).unwrap()).unwrap();
    let racing = FaultFs::new(fs.clone());
    racing.inject(Fault::on(Op::Open).at(version_path(1)).nth(1).before(errno::ENOENT));
    let (current, _) = open_current(&racing, Path::new(DIR), &OPTIONS).unwrap().unwrap();
    assert_eq!(current.version_id, 1);
    fs.remove_file(&version_path(1)).unwrap();
    let lost = open_current(&fs, Path::new(DIR), &OPTIONS).unwrap_err();
    assert!(matches!(lost, Error::MissingArchive { .. }), "{lost:?}");
}

#[test]
fn only_stale_versions_are_removed() {
    let fs = mem_fs();
    let keep = ["edits-5", "v6.tmp", "v06", "LOCK", ".current.tmp-x", ".v5.tmp", ".v05.tmp-0", ".v5.tmp-01"];
    let go = ["v4", "v6", "edits-0", ".current.tmp-0", ".current.tmp-11", ".v5.tmp-0", ".v7.tmp-12"];
    let _ = publish_current(&write(&fs, &version_path(5), WriteOptions::new(), &[]).unwrap()).unwrap();
    for name in keep.iter().chain(&go) {
        put_file(&fs, &Path::new(DIR).join(name), b"");
    }
    let before = fs.read_dir(Path::new(DIR)).unwrap().len();
    let refused = remove_stale(&fs, Path::new(DIR), 4).unwrap_err();
    assert!(matches!(&refused, Error::Live { file } if *file == version_path(5)), "{refused:?}");
    assert_eq!(fs.read_dir(Path::new(DIR)).unwrap().len(), before);
    fs.create_dir(&Path::new(DIR).join("v7")).unwrap();
    assert_eq!(versions(&fs, Path::new(DIR)).unwrap(), [4, 5, 6]);
    let mut removed = remove_stale(&fs, Path::new(DIR), 5).unwrap();
    removed.sort();
    let mut expected: Vec<_> = go.iter().map(|name| Path::new(DIR).join(name)).collect();
    expected.sort();
    assert_eq!(removed, expected);
    let names = fs.read_dir(Path::new(DIR)).unwrap();
    assert_eq!(names.len(), keep.len() + 3, "v5, current, the directory v7");
}

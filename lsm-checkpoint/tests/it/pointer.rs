//! CURRENT must name the captured version. This is checked when a checkpoint is made, verified and restored.

use std::{path::Path, sync::Arc};

use lsm_checkpoint::{
    BoxError, Catalog, CheckpointDir, Defect, Error, ManifestTarget, PointerProblem, Stranger, VerifyOptions,
    restore, run_checkpoint, verify,
};
use lsm_fs::{Fs, FsExt, SyncMode};
use lsm_fs_mem::MemFs;
use lsm_manifest::{ManifestArchiveWriter, WriteOptions, publish_current, version_file_name};

use crate::{create::TARGET, entries::write_catalog, foreign::Foreign, remove::with_checkpoint};

/// The version that `Foreign` captures.
const CAPTURED: u64 = 1;

/// Writes the archive and the pointer of a version. An engine that writes its live version does the same.
fn write_version(target: &ManifestTarget<'_>, version: u64) -> Result<(), BoxError> {
    let path = target.dir().join(version_file_name(version));
    let mut writer = ManifestArchiveWriter::create(target.fs(), &path, WriteOptions::new())?;
    writer.add_section("tables", b"1 2")?;
    let _ = publish_current(&writer.finish()?)?;
    Ok(())
}

type Manifest = fn(&ManifestTarget<'_>) -> Result<(), BoxError>;

/// Wrong manifests, each with its problem.
const WRONG: [(Manifest, PointerProblem); 4] = [
    (|target| write_version(target, 2), PointerProblem::Version { found: 2 }),
    (
        |target| {
            write_version(target, CAPTURED)?;
            write_version(target, 2)
        },
        PointerProblem::Version { found: 2 },
    ),
    (
        |target| {
            write_version(target, CAPTURED)?;
            Ok(target.fs().remove_file(&target.dir().join("current"))?)
        },
        PointerProblem::NoCurrent,
    ),
    (
        |target| {
            write_version(target, CAPTURED)?;
            Ok(target.fs().remove_file(&target.dir().join("v1"))?)
        },
        PointerProblem::NoArchive,
    ),
];

#[test]
fn a_checkpoint_of_another_version_is_not_published() {
    for (manifest, expected) in WRONG {
        let fs = MemFs::new();
        let refused =
            run_checkpoint(&Foreign::new(Vec::new(), manifest), &fs, Path::new(TARGET)).unwrap_err();
        assert!(
            matches!(&refused, Error::WrongVersion { problem, expected: CAPTURED, .. } if *problem == expected),
            "{refused:?}"
        );
        assert!(fs.read_dir(Path::new("/")).unwrap().is_empty(), "{expected}");
    }
}

/// Changes the captured version in the catalog.
fn forge_version(fs: &MemFs, version: u64) {
    let mut sections = crate::entries::read_catalog(fs, Path::new(TARGET));
    let (_, trees) = sections.iter_mut().find(|(name, _)| name == "trees.0").unwrap();
    trees[8..16].copy_from_slice(&version.to_le_bytes());
    fs.remove_file(Path::new("/checkpoint/CHECKPOINT")).unwrap();
    let sections: Vec<_> = sections.iter().map(|(name, payload)| (name.as_str(), &payload[..])).collect();
    write_catalog(fs, Path::new(TARGET), &sections);
}

#[test]
fn a_catalog_of_another_version_is_not_sound_and_not_restored() {
    let fs = MemFs::new();
    run_checkpoint(&Foreign::new(Vec::new(), |target| write_version(target, 1)), &fs, Path::new(TARGET))
        .unwrap();
    forge_version(&fs, 7);
    assert_eq!(Catalog::read(&fs, Path::new(TARGET)).unwrap().trees[0].version_id, 7);
    let report = verify(&fs, Path::new(TARGET), &VerifyOptions::quick()).unwrap();
    let [problem] = &report.problems[..] else { panic!("{report}") };
    assert!(matches!(problem.what, Defect::Version { expected: 7, found: 1 }), "{report}");
    let checkpoint = CheckpointDir::open(Arc::new(fs.clone()), TARGET).unwrap();
    let refused = restore(&checkpoint, &fs, Path::new("/restored")).unwrap_err();
    assert!(matches!(refused, Error::WrongVersion { expected: 7, .. }), "{refused:?}");
    assert!(!fs.exists(Path::new("/restored")).unwrap());
}

/// Metadata of another format is not checked, even if its files have these names.
#[test]
fn foreign_metadata_is_left_alone() {
    for (name, bytes) in
        [("current", &b"7"[..]), ("current", &[b'7'; 25]), ("v1", b"no archive"), ("CURRENT", b"")]
    {
        let fs = MemFs::new();
        let engine = Foreign::new(Vec::new(), move |target| Ok(target.write(name, bytes)?));
        run_checkpoint(&engine, &fs, Path::new(TARGET)).unwrap();
        let report = verify(&fs, Path::new(TARGET), &VerifyOptions::full()).unwrap();
        assert!(report.is_sound(), "{name}: {report}");
    }
}

/// An engine that opens the highest `v{N}` writes `edits-{N}` next to it and has no CURRENT.
#[test]
fn an_engine_that_opens_the_highest_version_needs_no_pointer() {
    let fs = MemFs::new();
    let engine = Foreign::new(Vec::new(), |target| {
        target.write("edits-1", b"")?;
        write_version(target, CAPTURED)?;
        Ok(target.fs().remove_file(&target.dir().join("current"))?)
    });
    run_checkpoint(&engine, &fs, Path::new(TARGET)).unwrap();
    let report = verify(&fs, Path::new(TARGET), &VerifyOptions::full()).unwrap();
    assert!(report.is_sound(), "{report}");
    let checkpoint = CheckpointDir::open(Arc::new(fs.clone()), TARGET).unwrap();
    restore(&checkpoint, &fs, Path::new("/restored")).unwrap();
}

#[test]
fn known_strangers_are_notes_and_others_are_defects() {
    let fs = MemFs::new();
    with_checkpoint(&fs, &["", "users"]);
    let path = |name: &str| Path::new(TARGET).join(name);
    let known = [
        ("LOCK", Stranger::Lock),
        ("users/lock", Stranger::Lock),
        ("tables/.DS_Store", Stranger::Desktop),
        ("Thumbs.db", Stranger::Desktop),
        ("users/blobs/.nfs0001", Stranger::Nfs),
        (".checkpoint-unpublished", Stranger::Mark),
    ];
    for (name, _) in known {
        fs.write_new(&path(name), b"x", SyncMode::Normal).unwrap();
    }
    for name in ["lost+found", "wal"] {
        fs.create_dir(&path(name)).unwrap();
    }
    fs.write_new(&path("lost+found/#12"), b"x", SyncMode::Normal).unwrap();
    let report = verify(&fs, Path::new(TARGET), &VerifyOptions::full()).unwrap();
    assert!(report.is_sound(), "{report}");
    let mut notes: Vec<_> =
        report.notes.iter().map(|note| (note.path.to_str().unwrap(), note.what)).collect();
    notes.sort_by_key(|(path, _)| *path);
    let mut expected = known.to_vec();
    expected.extend([("lost+found", Stranger::LostAndFound), ("wal", Stranger::EmptyFolder)]);
    expected.sort_by_key(|(path, _)| *path);
    assert_eq!(notes, expected);
    assert!(report.to_string().contains("wal: an empty folder (harmless)"), "{report}");

    let unknown = ["v8", "users/v8", "wal/32", "tables/9", "users/LOCK.old", "edits-8"];
    for name in unknown {
        fs.write_new(&path(name), b"", SyncMode::Normal).unwrap();
    }
    let report = verify(&fs, Path::new(TARGET), &VerifyOptions::quick()).unwrap();
    let mut found: Vec<_> = report.problems.iter().map(ToString::to_string).collect();
    found.sort();
    let expected = ["edits-8", "tables/9", "users/LOCK.old", "users/v8", "v8", "wal"];
    assert_eq!(found, expected.map(|name| format!("{name}: not in the catalog")));
    // A restore leaves them out.
    let checkpoint = CheckpointDir::open(Arc::new(fs.clone()), TARGET).unwrap();
    restore(&checkpoint, &fs, Path::new("/restored")).unwrap();
    assert!(
        !fs.exists(Path::new("/restored/v8")).unwrap() && !fs.exists(Path::new("/restored/wal")).unwrap()
    );
}

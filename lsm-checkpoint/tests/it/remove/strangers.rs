//! Removal with entries that the catalog does not list, with and without force.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use lsm_checkpoint::{CheckpointState, Error, Removal, RemoveReport, list, remove};
use lsm_fs::{
    Fs, FsExt, Op, StdFs, SyncMode, errno,
    intercept::{Call, InterceptFs, Interceptor, Outcome},
};
use lsm_fs_mem::{Budget, CrashSweep, Fault, FaultFs, MemFs, Notes, fault_sweep};

use super::{NORMAL, debris, with_checkpoint};
use crate::{crash::tried, create::TARGET, db::Db, tweak::Tweak};

const CATALOG: &str = "/checkpoint/CHECKPOINT";

fn force(fs: &dyn Fs) -> Result<RemoveReport, Error> {
    Removal::new().force(true).run(fs, Path::new(TARGET))
}

/// Writes a file and creates its folder.
fn put(fs: &dyn Fs, path: &str) {
    let path = Path::new(TARGET).join(path);
    let _ = fs.create_dir(path.parent().unwrap());
    fs.write_new(&path, path.as_os_str().as_encoded_bytes(), NORMAL).unwrap();
}

/// Returns every name below a directory, with the bytes of files.
pub(crate) fn tree(fs: &dyn Fs, dir: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in fs.read_dir(dir).unwrap() {
        let path = dir.join(&entry.name);
        let bytes = (!entry.file_type.is_dir()).then(|| fs.read_to_vec(&path, 1 << 20).unwrap());
        if bytes.is_none() {
            found.append(&mut tree(fs, &path));
        }
        found.insert(path, bytes);
    }
    found
}

#[test]
fn an_entry_that_the_catalog_does_not_name_is_refused_and_named() {
    for stranger in
        ["v8", "notes.txt", "tables/99", "tables/LOCK.old", "wal/1", "other/deep", "lost+found.txt"]
    {
        let fs = MemFs::new();
        with_checkpoint(&fs, &[""]);
        put(&fs, stranger);
        let before = tree(&fs, Path::new("/"));
        for fs in [&fs as &dyn Fs, &Tweak::new(fs.clone()).without_directory_renames()] {
            let refused = remove(fs, Path::new(TARGET), NORMAL).unwrap_err();
            let Error::Stranger { target, path } = &refused else { panic!("{refused:?}") };
            assert_eq!(target, Path::new(TARGET));
            assert!(Path::new(stranger).starts_with(path), "{stranger}: {}", path.display());
        }
        assert_eq!(tree(&fs, Path::new("/")), before, "{stranger}");
    }
}

#[test]
fn harmless_leftovers_and_empty_folders_are_removed_with_the_checkpoint() {
    let fs = MemFs::new();
    let db = with_checkpoint(&fs, &["users", "orders"]);
    for leftover in ["LOCK", "lock", ".DS_Store", "Thumbs.db", "users/LOCK", "users/tables/.DS_Store"] {
        put(&fs, leftover);
    }
    fs.create_dir(Path::new("/checkpoint/empty")).unwrap();
    assert_eq!(remove(&fs, Path::new(TARGET), NORMAL).unwrap(), RemoveReport::default());
    assert!(!fs.exists(Path::new(TARGET)).unwrap() && debris(&fs).is_empty());
    db.check_source(&fs).unwrap();
}

#[test]
fn names_of_the_filesystem_stay_and_are_reported() {
    for forced in [false, true] {
        let fs = MemFs::new();
        let db = with_checkpoint(&fs, &[""]);
        fs.create_dir(Path::new("/checkpoint/lost+found")).unwrap();
        put(&fs, "lost+found/#12");
        put(&fs, "tables/.nfs0001");
        let report = Removal::new().force(forced).run(&fs, Path::new(TARGET)).unwrap();
        let mut left = report.left;
        left.sort();
        assert_eq!(left, [Path::new("lost+found"), Path::new("tables/.nfs0001")]);
        let names: Vec<_> = tree(&fs, Path::new(TARGET)).into_keys().collect();
        let expected = ["lost+found", "lost+found/#12", "tables", "tables/.nfs0001"];
        assert_eq!(names, expected.map(|name| Path::new(TARGET).join(name)));
        assert!(debris(&fs).is_empty());
        db.check_source(&fs).unwrap();
    }
}

/// Directories that cannot be listed: another user's, or the mount points of other volumes.
#[derive(Debug)]
struct Closed(i32);

impl Interceptor for Closed {
    type File = ();

    fn around<R: Outcome>(
        &self,
        _: Option<&()>,
        call: &Call<'_>,
        run: impl FnOnce() -> lsm_fs::Result<R>,
    ) -> lsm_fs::Result<R> {
        let is_closed = ["closed", "lost+found"].iter().any(|name| call.path.ends_with(name));
        if call.op == Op::ReadDir && is_closed {
            return Err(call.error(std::io::Error::from_raw_os_error(self.0)));
        }
        run()
    }
}

#[test]
fn a_directory_that_cannot_be_listed_is_a_stranger() {
    for code in [errno::EACCES, errno::EXDEV] {
        let fs = MemFs::new();
        let db = with_checkpoint(&fs, &[""]);
        put(&fs, "closed/v1");
        put(&fs, "lost+found/#12");
        let closed = InterceptFs::new(fs.clone(), Closed(code));
        let refused = remove(&closed, Path::new(TARGET), NORMAL).unwrap_err();
        assert!(matches!(&refused, Error::Stranger { path, .. } if path == Path::new("closed")), "{refused}");
        assert!(db.check_target(&fs, Path::new(TARGET)).is_err(), "the strangers are there");
        assert_eq!(force(&closed).unwrap().left, [Path::new("lost+found"), Path::new("closed")]);
        let left: Vec<_> = tree(&fs, Path::new(TARGET)).into_keys().collect();
        let expected = ["closed", "closed/v1", "lost+found", "lost+found/#12"];
        assert_eq!(left, expected.map(|name| Path::new(TARGET).join(name)));
    }
}

/// Only a regular file counts as a catalog. Without force, only a checkpoint with a readable catalog is removed.
#[test]
fn only_a_regular_file_counts_as_a_catalog() {
    for forced in [false, true] {
        let fs = MemFs::new();
        fs.create_dir(Path::new(TARGET)).unwrap();
        put(&fs, "precious");
        put(&fs, "tables/1");
        fs.create_dir(Path::new(CATALOG)).unwrap();
        let before = tree(&fs, Path::new("/"));
        let refused = Removal::new().force(forced).run(&fs, Path::new(TARGET)).unwrap_err();
        assert!(matches!(refused, Error::NotACheckpoint { .. }), "{refused:?}");
        assert_eq!(tree(&fs, Path::new("/")), before);
    }
    for text in [&b""[..], b"notes on checkpoints"] {
        let fs = MemFs::new();
        fs.create_dir(Path::new(TARGET)).unwrap();
        put(&fs, "precious");
        fs.write_new(Path::new(CATALOG), text, NORMAL).unwrap();
        let before = tree(&fs, Path::new("/"));
        let refused = remove(&fs, Path::new(TARGET), NORMAL).unwrap_err();
        assert!(matches!(refused, Error::Manifest(_)), "{refused:?}");
        assert_eq!(tree(&fs, Path::new("/")), before);
        assert_eq!(force(&fs).unwrap().left, [Path::new("precious")]);
        assert_eq!(tree(&fs, Path::new(TARGET)).len(), 1);
    }
}

#[test]
fn force_removes_the_documented_names_of_a_damaged_checkpoint() {
    let fs = MemFs::new();
    let db = with_checkpoint(&fs, &["users", "orders"]);
    let _ = fs.rewrite_atomic(Path::new(CATALOG), b"damaged", NORMAL).unwrap();
    for left_by_the_engine in ["users/v8", "users/edits-8", "users/tables/99", "users/dicts/1", "orders/LOCK"]
    {
        put(&fs, left_by_the_engine);
    }
    put(&fs, "users/v8.bak");
    put(&fs, "other/file");
    assert!(matches!(remove(&fs, Path::new(TARGET), NORMAL), Err(Error::Manifest(_))));
    let report = force(&fs).unwrap();
    let left: Vec<_> = tree(&fs, Path::new(TARGET)).into_keys().collect();
    // The engine of the test stores edits, options and logs under names that only its catalog knew.
    let kept = [
        "orders/EDITS",
        "orders/OPTIONS",
        "orders/logs",
        "other",
        "users/EDITS",
        "users/OPTIONS",
        "users/logs",
        "users/v8.bak",
    ];
    assert_eq!(report.left, kept.map(PathBuf::from));
    for path in kept.map(|kept| Path::new(TARGET).join(kept)) {
        assert!(left.contains(&path), "{}", path.display());
    }
    let gone =
        ["current", "v7", "v8", "edits-7", "edits-8", "tables", "blobs", "dicts", "LOCK", "CHECKPOINT"];
    assert!(left.iter().all(|path| !gone.iter().any(|gone| path.ends_with(gone))), "{left:?}");
    db.check_source(&fs).unwrap();
}

/// A checkpoint with a stranger. The stranger always stays, and the rest is complete or recognisable as an unfinished
/// removal.
pub(crate) fn with_stranger() -> MemFs {
    let fs = MemFs::new();
    with_checkpoint(&fs, &[""]);
    put(&fs, "tables/notes.txt");
    put(&fs, "precious");
    fs.rename(Path::new("/checkpoint/tables/notes.txt"), Path::new("/checkpoint/blobs/notes")).unwrap();
    fs.create_dir(Path::new("/checkpoint/blobs/sub")).unwrap();
    fs.rename(Path::new("/checkpoint/blobs/notes"), Path::new("/checkpoint/blobs/sub/notes")).unwrap();
    fs.settle();
    fs
}

pub(crate) const FORCED: &str = "removed by force";

pub(crate) fn check_forced(image: &MemFs, notes: &Notes) -> Result<(), String> {
    let db = Db::open(std::sync::Arc::new(image.clone()), Path::new(crate::create::DIR), &[""]);
    db.check_source(image)?;
    let names = || tree(image, Path::new(TARGET)).into_keys().collect::<Vec<_>>();
    let stay = ["blobs", "blobs/sub", "blobs/sub/notes", "precious"].map(|name| Path::new(TARGET).join(name));
    if !stay.iter().all(|name| names().contains(name)) {
        return Err(format!("a stranger is gone: {:?}", names()));
    }
    if notes.contains(FORCED) && names().len() != stay.len() {
        return Err(format!("it came back: {:?}", names()));
    }
    if names().len() == stay.len() {
        return Ok(());
    }
    let listed = list(image, Path::new("/")).map_err(|e| e.to_string())?;
    let Some(checkpoint) = listed.iter().find(|listed| listed.name == "checkpoint") else {
        return Err(format!("files are left, and no catalog says whose they are: {:?}", names()));
    };
    let is_whole = matches!(checkpoint.state, CheckpointState::Complete);
    let is_readable = image.exists(&Path::new(TARGET).join("current")).map_err(|e| e.to_string())?;
    if is_whole != is_readable {
        return Err(format!("readable, and files are missing: {:?}", names()));
    }
    force(image).map_err(|e| e.to_string())?;
    if names() != stay { Err(format!("a second call left {:?}", names())) } else { Ok(()) }
}

pub(crate) fn force_and_note(fs: &MemFs) -> Result<(), Error> {
    force(fs)?;
    fs.note(FORCED);
    Ok(())
}

#[test]
fn a_forced_removal_can_be_repeated_after_a_crash() {
    let fs = with_stranger();
    tried("remove by force", CrashSweep::new().start_from(&fs).run(force_and_note, check_forced));
    let twice = CrashSweep::new().start_from(&fs).budget(Budget::Quick);
    let twice = twice.recovery(|fs| match force(fs) {
        Ok(_) | Err(Error::NotACheckpoint { .. }) => Ok(()),
        Err(error) => Err(error),
    });
    tried("remove by force, second crash in the next call", twice.run(force_and_note, check_forced));
}

#[test]
fn any_failure_of_a_forced_removal_can_be_repeated() {
    let report = fault_sweep(
        with_stranger,
        |fs| force(fs),
        |fault, result, fs| {
            if matches!(result, Err(Error::Fs(_) | Error::Manifest(_))) {
                assert!(fs.exists(&Path::new(TARGET).join("current"))?, "{fault}: {result:?}");
            }
            check_forced(fs, &Notes::default()).unwrap_or_else(|failure| panic!("{fault}: {failure}"));
            Ok(())
        },
    );
    println!("{}", report.unwrap());
}

/// If a network filesystem repeats a request, the effect of the first attempt makes the second attempt fail.
#[test]
fn a_repeated_rename_of_a_network_filesystem_is_recognised() {
    let fs = MemFs::new();
    let db = with_checkpoint(&fs, &[""]);
    let late = FaultFs::new(fs.clone());
    late.inject(Fault::on(Op::RenameNoreplace).nth(1).after(errno::EEXIST));
    remove(&late, Path::new(TARGET), NORMAL).unwrap();
    assert!(!fs.exists(Path::new(TARGET)).unwrap() && debris(&fs).is_empty());
    db.check_source(&fs).unwrap();
}

/// A forced removal follows no symbolic link. The link and everything behind it stay.
#[test]
#[cfg(unix)]
fn force_follows_no_link() {
    let dir = tempfile::tempdir().unwrap();
    let (outside, target) = (dir.path().join("db"), dir.path().join("t"));
    for folder in [&outside, &outside.join("tables"), &target] {
        StdFs.create_dir(folder).unwrap();
    }
    for file in
        [outside.join("current"), outside.join("tables/1"), outside.join("v7"), target.join("CHECKPOINT")]
    {
        StdFs.write_new(&file, b"live", SyncMode::Normal).unwrap();
    }
    for link in ["users", "tables", "blobs"] {
        std::os::unix::fs::symlink(
            if link == "tables" { outside.join("tables") } else { outside.clone() },
            target.join(link),
        )
        .unwrap();
    }
    let before = tree(&StdFs, &outside);
    let report = Removal::new().force(true).run(&StdFs, &target).unwrap();
    assert_eq!(report.left, ["blobs", "tables", "users"].map(PathBuf::from));
    assert_eq!(tree(&StdFs, &outside), before);
}

/// A tree may lie below another folder, and that folder may have been replaced by a link.
#[test]
#[cfg(unix)]
fn force_follows_no_link_on_the_way_to_a_tree() {
    let dir = tempfile::tempdir().unwrap();
    let (db, outside, target) = (dir.path().join("db"), dir.path().join("outside"), dir.path().join("t"));
    StdFs.create_dir(&db).unwrap();
    StdFs.create_dir(&db.join("a")).unwrap();
    Db::prepare(&StdFs, &db, &["a/b"]);
    let source = Db::open(std::sync::Arc::new(StdFs), &db, &["a/b"]);
    lsm_checkpoint::run_checkpoint(&source, &StdFs, &target).unwrap();
    StdFs.rename(&target.join("a"), &outside).unwrap();
    std::os::unix::fs::symlink(&outside, target.join("a")).unwrap();
    let before = tree(&StdFs, &outside);
    let report = Removal::new().force(true).run(&StdFs, &target).unwrap();
    assert_eq!(report.left, [PathBuf::from("a")]);
    assert_eq!(tree(&StdFs, &outside), before);
}

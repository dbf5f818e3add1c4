//! Restoring into an existing directory. In the end the directory is unchanged or complete.

pub(crate) mod debris;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_checkpoint::{Checkpoint, CheckpointDir, Error, Policy};
use lsm_fs::{Fs, FsExt, Op, SyncMode};
use lsm_fs_mem::{
    Budget, CrashSweep, Fault, FaultFs, MemFs, MemFsOptions, Notes, TraceFs, VolumeOptions, fault_sweep,
};

use crate::{
    crash::{OK, tried},
    create::TARGET,
    db::all_files,
    remove::with_checkpoint,
    seeded::seeded_sweep,
    tweak::Tweak,
};

/// The mount point of a volume.
pub(crate) const DATA: &str = "/data";
/// A note that the call has returned, so none of its temporary files may be left.
pub(crate) const ENDED: &str = "ended";

const STAGED: &str = "/data/.checkpoint-staged";
const MARKER: &str = "/data/.checkpoint-unpublished";

pub(crate) fn mounted(trees: &[&'static str]) -> MemFs {
    let fs = MemFsOptions::new().volume(DATA, VolumeOptions::new()).build().unwrap();
    fs.create_dir(Path::new("/data/lost+found")).unwrap();
    with_checkpoint(&fs, trees);
    fs
}

pub(crate) fn restore_into(fs: &dyn Fs, mem: &MemFs) -> Result<(), Error> {
    let checkpoint = CheckpointDir::open(Arc::new(mem.clone()), TARGET)?;
    let options = Checkpoint::new().policy(Policy::Independent);
    options.restore_into(&checkpoint, fs, Path::new(DATA)).map(drop)
}

fn bytes_below(fs: &MemFs, dir: &str) -> BTreeMap<PathBuf, Vec<u8>> {
    let files = all_files(fs, Path::new(dir), Path::new("")).unwrap();
    let bytes = |file: &PathBuf| fs.read_to_vec(&Path::new(dir).join(file), 1 << 20).unwrap();
    files.into_iter().map(|file| (file.clone(), bytes(&file))).collect()
}

fn names(fs: &MemFs) -> Vec<String> {
    let entries = fs.read_dir(Path::new(DATA)).unwrap();
    entries.iter().map(|entry| entry.name.to_string_lossy().into_owned()).collect()
}

/// Returns `true` for a complete directory, and `false` for one without a file that makes a tree readable.
fn is_complete(fs: &MemFs, trees: &[&str]) -> Result<bool, String> {
    let exists = |path: &Path| fs.exists(path).map_err(|e| e.to_string());
    for tree in trees {
        if !exists(&Path::new(DATA).join(tree).join("current"))? {
            return Ok(false);
        }
    }
    let mut expected = bytes_below(fs, TARGET);
    expected.remove(Path::new("CHECKPOINT"));
    let mut found = bytes_below(fs, DATA);
    found.remove(Path::new(".checkpoint-unpublished"));
    found.retain(|path, _| !path.starts_with(".checkpoint-staged"));
    if found != expected {
        return Err(format!("{:?} are there", found.keys()));
    }
    for path in expected.keys().flat_map(|file| file.ancestors()).filter(|path| *path != Path::new("")) {
        let mode = |dir| fs.metadata(&Path::new(dir).join(path)).unwrap().permissions;
        if mode(DATA) != mode(TARGET) {
            return Err(format!("{} has {:?}", path.display(), mode(DATA)));
        }
    }
    Ok(true)
}

/// Checks a crash state. The next call must clear any debris and complete the restore.
pub(crate) fn check_state(image: &MemFs, notes: &Notes, trees: &[&str]) -> Result<(), String> {
    let complete = is_complete(image, trees)?;
    if notes.contains(OK) && !complete {
        return Err("the call has returned Ok, and nothing is there".to_owned());
    }
    if notes.contains(ENDED) && names(image).iter().any(|name| name.starts_with('.')) {
        return Err("debris came back".to_owned());
    }
    match restore_into(image, image) {
        Ok(()) if !complete => {}
        Err(Error::NotEmpty { .. }) if complete => {}
        other => return Err(format!("complete: {complete}, and the next call: {other:?}")),
    }
    if !is_complete(image, trees)? || names(image).iter().any(|name| name.starts_with('.')) {
        return Err(format!("after the next call: {:?}", names(image)));
    }
    if names(image).contains(&"lost+found".to_owned()) {
        Ok(())
    } else {
        Err("lost+found is gone".to_owned())
    }
}

fn crash(scenario: &str, trees: &'static [&'static str], sweeping: CrashSweep<'_>) {
    let fs = mounted(trees);
    let swept = sweeping.start_from(&fs).run(
        |fs| {
            restore_into(fs, fs)?;
            fs.note(OK);
            fs.note(ENDED);
            Ok::<_, Error>(())
        },
        |image, notes| check_state(image, notes, trees),
    );
    tried(scenario, swept);
}

#[test]
fn a_mount_point_gets_every_file_and_keeps_its_own_mode() {
    for trees in [&[""][..], &["users", "orders"]] {
        let fs = mounted(trees);
        let before = fs.metadata(Path::new(DATA)).unwrap().permissions;
        restore_into(&fs, &fs).unwrap();
        assert!(is_complete(&fs, trees).unwrap());
        assert!(names(&fs).iter().all(|name| !name.starts_with('.')), "{:?}", names(&fs));
        assert_eq!(fs.metadata(Path::new(DATA)).unwrap().permissions, before);
        assert!(matches!(restore_into(&fs, &fs), Err(Error::NotEmpty { .. })));
        assert!(is_complete(&fs, trees).unwrap());
    }
}

#[test]
fn existing_entries_are_not_touched() {
    for entry in ["file", ".checkpoint-unpublished", "CHECKPOINT"] {
        let fs = mounted(&[""]);
        let path = Path::new(DATA).join(entry);
        fs.write_new(&path, b"mine", SyncMode::Normal).unwrap();
        let refused = restore_into(&fs, &fs);
        assert!(matches!(&refused, Err(Error::NotEmpty { entry: named, .. }) if named == Path::new(entry)));
        assert_eq!(fs.read_to_vec(&path, 9).unwrap(), b"mine");
        assert_eq!(names(&fs).len(), 2);
    }
}

#[test]
fn a_missing_directory_or_a_file_is_refused() {
    let fs = mounted(&[""]);
    let before = all_files(&fs, Path::new("/"), Path::new("")).unwrap();
    let checkpoint = CheckpointDir::open(Arc::new(fs.clone()), TARGET).unwrap();
    for (dir, kind) in
        [("/none", std::io::ErrorKind::NotFound), ("/db/log", std::io::ErrorKind::NotADirectory)]
    {
        let refused = Checkpoint::new().restore_into(&checkpoint, &fs, Path::new(dir));
        assert!(matches!(&refused, Err(Error::Fs(e)) if e.kind() == kind), "{dir}: {refused:?}");
    }
    for dir in [TARGET, "/checkpoint/tables"] {
        let refused = Checkpoint::new().restore_into(&checkpoint, &fs, Path::new(dir));
        assert!(matches!(refused, Err(Error::NestedTarget { .. })), "{dir}: {refused:?}");
    }
    assert_eq!(all_files(&fs, Path::new("/"), Path::new("")).unwrap(), before);
}

/// Another process writes into the directory during the restore.
#[test]
fn an_entry_that_is_added_meanwhile_fails_the_restore() {
    let fs = mounted(&[""]);
    let tweaked = Tweak::new(fs.clone()).after(Op::SyncDirectory, STAGED, |fs| {
        fs.write_new(Path::new("/data/mine"), b"mine", SyncMode::Normal).unwrap();
    });
    let refused = restore_into(&tweaked, &fs);
    assert!(
        matches!(&refused, Err(Error::NotEmpty { entry, .. }) if entry == Path::new("mine")),
        "{refused:?}"
    );
    assert_eq!(names(&fs), ["lost+found", "mine"]);
}

/// A process died after all files had moved, before it removed the marker. The next call recognises the complete
/// directory.
#[test]
fn a_complete_restore_stays_complete() {
    let fs = mounted(&[""]);
    let killed = FaultFs::new(fs.clone());
    killed.inject(Fault::on(Op::RemoveFile).at(MARKER).gone());
    restore_into(&killed, &fs).unwrap_err();
    assert!(fs.exists(Path::new(MARKER)).unwrap() && fs.exists(Path::new(STAGED)).unwrap());
    assert!(matches!(restore_into(&fs, &fs), Err(Error::NotEmpty { .. })));
    assert!(is_complete(&fs, &[""]).unwrap());
    assert!(names(&fs).iter().all(|name| !name.starts_with('.')), "{:?}", names(&fs));
}

/// The staged directory is durable before the marker is written, and stays until the marker is removed.
#[test]
fn the_pointers_move_last() {
    let fs = mounted(&[""]);
    let traced = TraceFs::new(fs.clone()).relative_to("/").only_changes();
    restore_into(&traced, &fs).unwrap();
    let trace = traced.take().replace("data/.checkpoint-staged", "S").replace("data", "D");
    let moved = "\
sync_directory D normal = durable
open D/.checkpoint-unpublished write create_new -> #";
    let start = trace.find(moved).unwrap_or_else(|| panic!("{trace}"));
    let lines: Vec<&str> = trace[start..].lines().collect();
    let end = "\
rename S/current -> D/current
sync_directory D normal = durable
remove_file D/.checkpoint-unpublished
sync_directory D normal = durable
remove_dir_all S
sync_directory D normal = durable";
    assert_eq!(lines[lines.len() - 6..].join("\n"), end);
    assert!(!lines.iter().any(|line| line.contains("set_permissions D ")), "{trace}");
}

#[test]
fn a_crash_leaves_the_directory_without_pointers_or_complete() {
    crash("restore into a directory", &[""], seeded_sweep().budget(Budget::Quick));
    crash("restore into a directory", &["users", "orders"], seeded_sweep().budget(Budget::Quick));
}

#[test]
fn a_second_crash_in_the_next_call() {
    let next = |fs: &MemFs| match restore_into(fs, fs) {
        Err(Error::NotEmpty { .. }) => Ok(()),
        restored => restored,
    };
    let sweeping = seeded_sweep().budget(Budget::Quick).recovery(next);
    crash("restore into a directory, second crash", &[""], sweeping);
}

#[test]
fn any_failure_leaves_the_directory_empty_or_is_reported() {
    let report = fault_sweep(
        || mounted(&[""]),
        |fs: &FaultFs<MemFs>| restore_into(fs, fs.inner()),
        |fault, result, fs| {
            let complete = is_complete(fs, &[""])?;
            match &result {
                Ok(()) | Err(Error::PublishedNotDurable { .. }) => assert!(complete, "{fault}: {result:?}"),
                Err(Error::LeftBehind { .. }) => {}
                Err(_) => {
                    assert!(!complete, "{fault}: {result:?}");
                    assert_eq!(names(fs), ["lost+found"], "{fault}: {result:?}");
                }
            }
            if !complete {
                restore_into(fs, fs)?;
            } else if fs.exists(Path::new(STAGED))? {
                assert!(matches!(restore_into(fs, fs), Err(Error::NotEmpty { .. })), "{fault}");
            }
            assert!(is_complete(fs, &[""])?, "{fault}");
            assert!(!fs.exists(Path::new(STAGED))? && !fs.exists(Path::new(MARKER))?, "{fault}: {result:?}");
            Ok(())
        },
    );
    println!("{}", report.unwrap());
}

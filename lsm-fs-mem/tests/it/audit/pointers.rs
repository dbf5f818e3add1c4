//! Pointers that arrive too early, and pointers that do not.

use std::path::{Path, PathBuf};

use lsm_fs::{Error, Fs, FsExt, FsOpenOptions, Op, SyncMode};
use lsm_fs_mem::{DurabilityAudit, DurabilityViolation, Fault, FaultFs, UndurablePart};

use super::{create, each_audited, put, sync_dir};
use crate::backends::{Backend, each};

/// Reads one name per line.
fn lines(bytes: &[u8]) -> Vec<PathBuf> {
    String::from_utf8_lossy(bytes).lines().map(PathBuf::from).collect()
}

/// Returns the findings of a refusal, each as `name: part`.
#[track_caller]
fn refusal(result: Result<impl Sized, Error>, root: &Path) -> Vec<String> {
    let Err(error) = result else { panic!("the call was let through") };
    let violation = error.io_error().get_ref().and_then(|e| e.downcast_ref::<DurabilityViolation>());
    let violation = violation.unwrap_or_else(|| panic!("{error}"));
    assert_eq!((violation.op, violation.path.as_path()), (error.op(), error.path()));
    let found = violation.undurable.iter();
    found.map(|u| format!("{}: {:?}", u.path.strip_prefix(root).unwrap().display(), u.part)).collect()
}

fn with_current(test: impl Fn(&DurabilityAudit<Backend>, &Path, &Path)) {
    each_audited(|fs, root| {
        let current = root.join("current");
        fs.pointer(&current, lines);
        test(fs, root, &current);
    });
}

#[test]
fn a_correct_sequence_has_no_violation() {
    with_current(|fs, root, current| {
        for version in ["v1", "v2"] {
            let manifest = root.join(version);
            put(fs, &manifest);
            sync_dir(fs, root);
            let _ = fs.rewrite_atomic(current, version.as_bytes(), SyncMode::Normal).unwrap();
            fs.assert_durable(root);
        }
        assert_eq!(fs.violations(), []);
    });
}

#[test]
fn a_pointer_before_the_sync_of_its_file_is_refused() {
    with_current(|fs, root, current| {
        let file = create(fs, &root.join("v1"));
        file.write_at(b"manifest", 0).unwrap();
        sync_dir(fs, root);
        assert_eq!(refusal(fs.rewrite_atomic(current, b"v1", SyncMode::Normal), root), ["v1: Content"]);
        // The call had no effect, and the temporary file is gone.
        assert!(!fs.exists(current).unwrap());
        assert_eq!(fs.read_dir(root).unwrap().len(), 1);
        assert_eq!(fs.violations().len(), 1);
        file.sync_all(SyncMode::Normal).unwrap();
        let _ = fs.rewrite_atomic(current, b"v1", SyncMode::Normal).unwrap();
    });
}

#[test]
fn a_pointer_before_the_sync_of_its_files_name_is_refused() {
    with_current(|fs, root, current| {
        put(fs, &root.join("v1"));
        assert_eq!(refusal(fs.rewrite_atomic(current, b"v1", SyncMode::Normal), root), ["v1: Name"]);
    });
}

#[test]
fn a_pointer_to_a_directory_requires_everything_below_and_above() {
    with_current(|fs, root, current| {
        let tables = root.join("db/tables");
        fs.create_dir_all(&tables).unwrap();
        put(fs, &tables.join("7"));
        let publish = || fs.rewrite_atomic(current, b"db/tables", SyncMode::Normal);
        let expected = ["db: Name", "db/tables: Name", "db/tables/7: Name"];
        assert_eq!(refusal(publish(), root), expected);
        sync_dir(fs, root);
        sync_dir(fs, &tables);
        assert_eq!(refusal(publish(), root), ["db/tables: Name"]);
        sync_dir(fs, &root.join("db"));
        let _ = publish().unwrap();
    });
}

#[test]
fn a_pointer_to_a_missing_file_is_refused() {
    with_current(|fs, root, current| {
        assert_eq!(refusal(fs.rewrite_atomic(current, b"v1", SyncMode::Normal), root), ["v1: Missing"]);
    });
}

#[test]
fn a_pointer_to_bytes_lost_by_a_failed_sync_is_refused() {
    each(|fresh, root| {
        let faulty = FaultFs::new(fresh());
        faulty.inject(Fault::on(Op::SyncAll));
        let fs = DurabilityAudit::new(faulty, root);
        fs.pointer(root.join("current"), lines);
        let file = create(&fs, &root.join("v1"));
        file.write_at(b"manifest", 0).unwrap();
        file.sync_all(SyncMode::Normal).unwrap_err();
        drop(file);
        let again = fs.open(&root.join("v1"), &FsOpenOptions::new().write(true)).unwrap();
        again.sync_all(SyncMode::Normal).unwrap();
        sync_dir(&fs, root);
        let published = fs.rewrite_atomic(&root.join("current"), b"v1", SyncMode::Normal);
        assert_eq!(refusal(published, root), ["v1: LostContent"]);
    });
}

#[test]
fn a_pointer_with_unsynced_bytes_is_refused() {
    with_current(|fs, root, current| {
        put(fs, &root.join("v1"));
        sync_dir(fs, root);
        let temp = root.join("temp");
        create(fs, &temp).write_at(b"v1", 0).unwrap();
        assert_eq!(refusal(fs.rename(&temp, current), root), ["temp: Content"]);
        assert_eq!(refusal(fs.rename_noreplace(&temp, current), root), ["temp: Content"]);
        assert_eq!(refusal(fs.hard_link(&temp, current), root), ["temp: Content"]);
        let file = fs.open(&temp, &FsOpenOptions::new().write(true)).unwrap();
        file.sync_all(SyncMode::Normal).unwrap();
        // A clone is another inode, which is not synced even if its source is.
        assert_eq!(refusal(fs.reflink_file(&temp, current), root), ["current: Content"]);
        fs.hard_link(&temp, current).unwrap();
    });
}

#[test]
fn a_pointer_written_in_place_is_checked_at_its_sync() {
    with_current(|fs, root, current| {
        put(fs, &root.join("v1"));
        let file = create(fs, current);
        file.write_at(b"v1", 0).unwrap();
        assert_eq!(refusal(file.sync_all(SyncMode::Normal), root), ["v1: Name"]);
        assert_eq!(refusal(file.sync_data(SyncMode::Normal), root), ["v1: Name"]);
        // The sync would make both names durable, and a crash during it could keep only one.
        let both = refusal(fs.sync_directory(root, SyncMode::Normal), root);
        assert_eq!(both, ["current: Content", "v1: Name"]);
    });
}

#[test]
fn a_pointer_rewritten_in_place_is_checked_by_any_name() {
    with_current(|fs, root, current| {
        put(fs, &root.join("v1"));
        sync_dir(fs, root);
        let _ = fs.rewrite_atomic(current, b"v1", SyncMode::Normal).unwrap();
        fs.hard_link(current, &root.join("alias")).unwrap();
        let file = fs.open(&root.join("alias"), &FsOpenOptions::new().write(true)).unwrap();
        file.write_at(b"v2", 0).unwrap();
        assert_eq!(refusal(file.sync_all(SyncMode::Normal), root), ["v2: Missing"]);
        // Files that are not pointers may be synced.
        let v2 = create(fs, &root.join("v2"));
        v2.write_at(b"x", 0).unwrap();
        v2.sync_all(SyncMode::Normal).unwrap();
        sync_dir(fs, root);
        file.sync_all(SyncMode::Normal).unwrap();
        assert_eq!(fs.violations().len(), 1);
    });
}

#[test]
fn a_directory_published_before_its_sync_is_refused() {
    each_audited(|fs, root| {
        let (stage, target) = (root.join("stage"), root.join("target"));
        fs.published_directory(&target);
        fs.create_dir(&stage).unwrap();
        fs.create_dir(&stage.join("tables")).unwrap();
        put(fs, &stage.join("tables/7"));
        sync_dir(fs, root);
        let expected = ["stage/tables: Name", "stage/tables/7: Name"];
        assert_eq!(refusal(fs.rename(&stage, &target), root), expected);
        sync_dir(fs, &stage.join("tables"));
        assert_eq!(refusal(fs.rename_noreplace(&stage, &target), root), ["stage/tables: Name"]);
        sync_dir(fs, &stage);
        fs.rename(&stage, &target).unwrap();
        // The name of the target is the last thing to become durable.
        sync_dir(fs, root);
        fs.assert_durable(&target);
        assert_eq!(fs.violations().len(), 2);
        assert_eq!(fs.violations()[0].pointer, target);
    });
}

#[test]
fn a_directory_published_with_unsynced_entries_is_refused() {
    each_audited(|fs, root| {
        let (stage, target) = (root.join("stage"), root.join("target"));
        fs.published_directory(&target);
        fs.create_dir(&stage).unwrap();
        let file = create(fs, &stage.join("7"));
        put(fs, &stage.join("temp"));
        sync_dir(fs, &stage);
        file.write_at(b"x", 0).unwrap();
        fs.remove_file(&stage.join("temp")).unwrap();
        let expected = ["stage/7: Content", "stage/temp: Removal"];
        assert_eq!(refusal(fs.rename(&stage, &target), root), expected);
    });
}

#[test]
fn a_directory_changed_after_its_rename_is_refused_at_the_sync() {
    each_audited(|fs, root| {
        let (stage, target) = (root.join("stage"), root.join("target"));
        fs.published_directory(&target);
        fs.create_dir(&stage).unwrap();
        fs.rename(&stage, &target).unwrap();
        put(fs, &target.join("late"));
        let synced = fs.sync_directory(root, SyncMode::Normal);
        assert_eq!(refusal(synced, root), ["target/late: Name"]);
        sync_dir(fs, &target);
        sync_dir(fs, root);
    });
}

#[test]
fn a_pointer_arrives_with_the_directory_above_it() {
    each_audited(|fs, root| {
        let (stage, target) = (root.join("stage"), root.join("target"));
        fs.pointer(target.join("current"), lines);
        fs.create_dir(&stage).unwrap();
        put(fs, &stage.join("v1"));
        fs.write_new(&stage.join("current"), b"v1", SyncMode::Normal).unwrap();
        assert_eq!(refusal(fs.rename(&stage, &target), root), ["stage/v1: Name"]);
        sync_dir(fs, &stage);
        // The name of the directory moves along, whether durable or not.
        fs.rename(&stage, &target).unwrap();
        sync_dir(fs, root);
        fs.assert_durable(root);
    });
}

#[test]
fn a_directory_sync_checks_the_pointers_below_it() {
    each_audited(|fs, root| {
        let target = root.join("target");
        fs.pointer(target.join("current"), lines);
        fs.create_dir(&target).unwrap();
        put(fs, &target.join("v1"));
        let file = create(fs, &target.join("current"));
        file.write_at(b"v1", 0).unwrap();
        // The target's own name is not demanded, because this sync makes it durable.
        let found = refusal(fs.sync_directory(root, SyncMode::Normal), root);
        assert_eq!(found, ["target/current: Content", "target/v1: Name"]);
    });
}

#[test]
fn only_recording_lets_the_call_through() {
    each_audited(|fs, root| {
        let fs = fs.clone().only_recording();
        let current = root.join("current");
        fs.pointer(&current, lines);
        put(&fs, &root.join("v1"));
        let _ = fs.rewrite_atomic(&current, b"v1", SyncMode::Normal).unwrap();
        // The rename is a violation. At the sync of the directory, both names become durable together.
        let violations = fs.violations();
        assert_eq!(violations[0].op, Op::Rename);
        assert_eq!(violations[0].other_path.as_deref(), Some(current.as_path()));
        assert_eq!(violations[0].undurable[0].part, UndurablePart::Name);
        let text = violations[0].to_string();
        assert!(text.starts_with("rename could make ") && text.contains("v1: its name"), "{text}");
        fs.assert_durable(root);
    });
}

#[test]
fn other_names_are_not_checked() {
    with_current(|fs, root, current| {
        let temp = root.join("temp");
        create(fs, &temp).write_at(b"v1", 0).unwrap();
        fs.rename(&temp, &root.join("currently")).unwrap();
        fs.rename(&root.join("currently"), &temp).unwrap();
        fs.rename(&root.join("no"), current).unwrap_err();
        assert_eq!(fs.violations(), []);
    });
}

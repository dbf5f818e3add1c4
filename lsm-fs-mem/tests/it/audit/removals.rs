//! Removals of files that a pointer names, and manifests with a number in their names.

use std::path::{Path, PathBuf};

use lsm_fs::{Fs, FsExt, SyncMode};
use lsm_fs_mem::{DurabilityAudit, UndurablePart};

use super::{create, each_audited, put, sync_dir};

/// Reads one path per line.
fn lines(bytes: &[u8]) -> Vec<PathBuf> {
    String::from_utf8_lossy(bytes).lines().map(PathBuf::from).collect()
}

/// Writes a manifest and makes its bytes and its name durable.
fn write_manifest(fs: &dyn Fs, root: &Path, name: &str, tables: &str) {
    fs.write_new(&root.join(name), tables.as_bytes(), SyncMode::Normal).unwrap();
    sync_dir(fs, root);
}

fn table(fs: &dyn Fs, root: &Path, name: &str) {
    put(fs, &root.join("tables").join(name));
    sync_dir(fs, &root.join("tables"));
}

/// Creates two tables, and `v7`, which names the first.
fn tree<F: Fs + 'static>(fs: &DurabilityAudit<F>, root: &Path) {
    fs.create_dir(&root.join("tables")).unwrap();
    table(fs, root, "1");
    table(fs, root, "2");
    write_manifest(fs, root, "v7", "tables/1\n");
}

/// Creates the tree of [`tree`] and a pointer to `v7`.
fn tree_with_pointer<F: Fs + 'static>(fs: &DurabilityAudit<F>, root: &Path) {
    tree(fs, root);
    fs.pointer(root.join("current"), lines);
    fs.manifests(root, "v{N}", lines);
    let _ = fs.rewrite_atomic(&root.join("current"), b"v7\n", SyncMode::Normal).unwrap();
}

/// Returns the parts of a refused call, each with its path below the root, and the message.
fn refused<T, F: Fs + 'static>(
    fs: &DurabilityAudit<F>,
    root: &Path,
    result: lsm_fs::Result<T>,
) -> (Vec<(String, UndurablePart)>, String) {
    let Err(error) = result else { panic!("the call was let through") };
    let violation = fs.violations().pop().unwrap();
    let below = |path: &Path| path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
    (violation.undurable.iter().map(|u| (below(&u.path), u.part)).collect(), error.to_string())
}

fn removed(path: &str) -> Vec<(String, UndurablePart)> {
    vec![(path.to_owned(), UndurablePart::Removed)]
}

#[test]
fn files_named_by_the_pointer_cannot_be_removed() {
    each_audited(|fs, root| {
        tree_with_pointer(fs, root);
        let (found, message) = refused(fs, root, fs.remove_file(&root.join("v7")));
        assert_eq!(found, removed("v7"));
        assert!(
            message.contains("remove_file removes files that") && message.contains("a pointer names it"),
            "{message}"
        );
        assert!(fs.exists(&root.join("v7")).unwrap(), "a refused call does nothing");

        let (one, two) = (root.join("tables/1"), root.join("tables/2"));
        assert_eq!(refused(fs, root, fs.remove_file(&one)).0, removed("tables/1"));
        assert_eq!(refused(fs, root, fs.rename(&one, &root.join("tables/9"))).0, removed("tables/1"));
        assert_eq!(refused(fs, root, fs.remove_dir_all(&root.join("tables"))).0, removed("tables/1"));
        fs.remove_file(&two).unwrap();
    });
}

#[test]
fn a_pointer_removed_by_the_same_call_protects_nothing() {
    each_audited(|fs, root| {
        fs.create_dir(&root.join("db")).unwrap();
        let db = root.join("db");
        sync_dir(fs, root);
        tree_with_pointer(fs, &db);
        fs.rename(&db, &root.join("trash")).unwrap();
        fs.remove_dir_all(&root.join("trash")).unwrap();
        assert!(fs.violations().is_empty());
    });
}

#[test]
fn a_pointer_names_the_files_of_its_manifest() {
    each_audited(|fs, root| {
        tree_with_pointer(fs, root);
        put(fs, &root.join("tables/3"));
        write_manifest(fs, root, "v8", "tables/3\n");
        let publish = || fs.rewrite_atomic(&root.join("current"), b"v8\n", SyncMode::Normal);
        let (found, _) = refused(fs, root, publish());
        assert_eq!(found, [("tables/3".to_owned(), UndurablePart::Name)]);
        sync_dir(fs, &root.join("tables"));
        let _ = publish().unwrap();
        fs.remove_file(&root.join("tables/1")).unwrap();
        fs.remove_file(&root.join("v7")).unwrap();

        write_manifest(fs, root, "v9", "tables/none\n");
        let (found, _) =
            refused(fs, root, fs.rewrite_atomic(&root.join("current"), b"v9\n", SyncMode::Normal));
        assert_eq!(found, [("tables/none".to_owned(), UndurablePart::Missing)]);
        let (found, _) =
            refused(fs, root, fs.rewrite_atomic(&root.join("current"), b"v10\n", SyncMode::Normal));
        assert_eq!(found, [("v10".to_owned(), UndurablePart::Missing)]);
    });
}

/// A crash may bring the old pointer back until the directory is synced.
#[test]
fn a_replaced_pointer_counts_until_the_new_one_is_durable() {
    each_audited(|fs, root| {
        tree_with_pointer(fs, root);
        write_manifest(fs, root, "v8", "tables/2\n");
        let new = root.join("new");
        fs.write_new(&new, b"v8\n", SyncMode::Normal).unwrap();
        fs.rename(&new, &root.join("current")).unwrap();

        let (found, message) = refused(fs, root, fs.remove_file(&root.join("tables/1")));
        assert_eq!(found, [("tables/1".to_owned(), UndurablePart::RemovedEarly)]);
        assert!(message.contains("until the new pointer is durable"), "{message}");
        assert_eq!(refused(fs, root, fs.remove_file(&root.join("tables/2"))).0, removed("tables/2"));
        sync_dir(fs, root);
        fs.remove_file(&root.join("tables/1")).unwrap();
        fs.remove_file(&root.join("v7")).unwrap();
    });
}

#[test]
fn the_highest_number_is_the_pointer_without_a_fixed_one() {
    each_audited(|fs, root| {
        fs.create_dir(&root.join("tables")).unwrap();
        sync_dir(fs, root);
        fs.numbered_pointer(root, "v{N}", lines);
        table(fs, root, "1");
        write_manifest(fs, root, "v9", "tables/1\n");
        put(fs, &root.join("tables/2"));

        // The pointer appears in place, and by a rename.
        let file = create(fs, &root.join("v10"));
        file.write_at(b"tables/2\n", 0).unwrap();
        let unnamed = [("tables/2".to_owned(), UndurablePart::Name)];
        assert_eq!(refused(fs, root, file.sync_all(SyncMode::Normal)).0, unnamed);
        fs.remove_file(&root.join("v10")).unwrap();
        fs.write_new(&root.join("new"), b"tables/2\n", SyncMode::Normal).unwrap();
        assert_eq!(refused(fs, root, fs.rename(&root.join("new"), &root.join("v10"))).0, unnamed);

        assert_eq!(refused(fs, root, fs.remove_file(&root.join("tables/1"))).0, removed("tables/1"));
        sync_dir(fs, &root.join("tables"));
        fs.rename(&root.join("new"), &root.join("v10")).unwrap();
        sync_dir(fs, root);
        fs.remove_file(&root.join("tables/1")).unwrap();
        assert_eq!(refused(fs, root, fs.remove_file(&root.join("tables/2"))).0, removed("tables/2"));
    });
}

/// Other names, and files in other directories, are not manifests.
#[test]
fn a_pattern_matches_only_complete_names() {
    each_audited(|fs, root| {
        tree_with_pointer(fs, root);
        for name in ["v", "v8x", "xv8", "v+8", "tables/v8"] {
            fs.write_new(&root.join(name), b"tables/none\n", SyncMode::Normal).unwrap();
            sync_dir(fs, root);
            sync_dir(fs, &root.join("tables"));
            let _ = fs.rewrite_atomic(&root.join("current"), name.as_bytes(), SyncMode::Normal).unwrap();
        }
    });
}

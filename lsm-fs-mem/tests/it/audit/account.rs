//! The durability of files and names, call by call.

use std::{io::Write, ops::ControlFlow, path::Path};

use lsm_fs::{
    CopyJob, CopyOptions, DirectorySync, Fs, FsExt, FsFile, FsOpenOptions, SyncMode, copy::copy_batch,
};
use lsm_fs_mem::DurabilityAudit;

use super::{create, each_audited, put, sync_dir, undurable};
use crate::backends::each;

#[test]
fn existing_files_are_durable() {
    each(|fresh, root| {
        let inner = fresh();
        inner.create_dir(&root.join("d")).unwrap();
        inner
            .open(&root.join("d/f"), &FsOpenOptions::new().write(true).create(true))
            .unwrap()
            .write_at(b"x", 0)
            .unwrap();
        let fs = DurabilityAudit::new(inner, root);
        fs.assert_durable(root);
        // The file is durable until it changes.
        fs.truncate_file(&root.join("d/f"), 0).unwrap();
        assert_eq!(undurable(&fs, root, root), ["d/f: Content"]);
    });
}

#[test]
fn a_new_file_needs_a_file_sync_and_a_directory_sync() {
    each_audited(|fs, root| {
        let path = root.join("f");
        let mut file = create(fs, &path);
        assert_eq!(undurable(fs, root, root), ["f: Name"]);
        file.write_all(b"bytes").unwrap();
        assert_eq!(undurable(fs, root, &path), ["f: Content", "f: Name"]);
        sync_dir(fs, root);
        assert_eq!(undurable(fs, root, root), ["f: Content"]);
        file.sync_data(SyncMode::Normal).unwrap();
        fs.assert_durable(root);
        fs.assert_durable(&path);
    });
}

#[test]
fn every_change_of_bytes_needs_a_sync() {
    type Change = fn(&dyn Fs, &dyn FsFile, &Path) -> bool;
    let changes: [(&str, Change); 5] = [
        ("write_at", |_, file, _| file.write_at(b"x", 0).is_ok()),
        ("set_len", |_, file, _| file.set_len(9000).is_ok()),
        ("truncate_file", |fs, _, path| fs.truncate_file(path, 3).is_ok()),
        ("truncate", |fs, _, path| fs.open(path, &FsOpenOptions::new().write(true).truncate(true)).is_ok()),
        // Not every mount supports holes.
        ("punch_hole", |fs, _, path| fs.punch_hole(path, 0, 4096).is_ok()),
    ];
    each_audited(|fs, root| {
        let path = root.join("f");
        let file = create(fs, &path);
        file.write_at(&[1; 8192], 0).unwrap();
        sync_dir(fs, root);
        for (name, change) in changes {
            file.sync_all(SyncMode::Normal).unwrap();
            fs.assert_durable(root);
            if change(fs, &*file, &path) {
                assert_eq!(undurable(fs, root, root), ["f: Content"], "{name}");
            } else {
                assert_eq!(name, "punch_hole");
            }
        }
    });
}

#[test]
fn reads_change_nothing() {
    each_audited(|fs, root| {
        put(fs, &root.join("f"));
        sync_dir(fs, root);
        let file =
            fs.open(&root.join("f"), &FsOpenOptions::new().read(true).write(true).create(true)).unwrap();
        file.read_at(&mut [0; 9], 0).unwrap();
        file.start_writeback(0, 5).unwrap();
        file.write_at(b"", 0).unwrap();
        fs.create_dir(&root.join("f")).unwrap_err();
        fs.hard_link(&root.join("f"), &root.join("f")).unwrap_err();
        fs.remove_file(&root.join("g")).unwrap_err();
        fs.create_dir_all(root).unwrap();
        fs.assert_durable(root);
    });
}

#[test]
fn start_writeback_is_not_a_sync() {
    each_audited(|fs, root| {
        let file = create(fs, &root.join("f"));
        sync_dir(fs, root);
        file.write_at(b"x", 0).unwrap();
        file.start_writeback(0, 1).unwrap();
        assert_eq!(undurable(fs, root, root), ["f: Content"]);
    });
}

#[test]
fn a_directory_sync_covers_only_its_own_names() {
    each_audited(|fs, root| {
        let (a, b) = (root.join("a"), root.join("a/b"));
        fs.create_dir(&a).unwrap();
        fs.create_dir(&b).unwrap();
        put(fs, &b.join("f"));
        assert_eq!(undurable(fs, root, root), ["a: Name", "a/b: Name", "a/b/f: Name"]);
        // Syncing a directory makes neither its own name nor the names below its children durable.
        sync_dir(fs, &b);
        assert_eq!(undurable(fs, root, &b.join("f")), ["a: Name", "a/b: Name"]);
        sync_dir(fs, root);
        assert_eq!(undurable(fs, root, root), ["a/b: Name"]);
        sync_dir(fs, &a);
        fs.assert_durable(root);
    });
}

#[test]
fn names_at_and_above_the_root_count_as_durable() {
    each(|fresh, root| {
        let inner = fresh();
        let outer = DurabilityAudit::new(inner, root.join("a"));
        outer.create_dir(&root.join("a")).unwrap();
        put(&outer, &root.join("a/f"));
        sync_dir(&outer, &root.join("a"));
        outer.assert_durable(&root.join("a"));
        outer.assert_durable(&root.join("a/f"));
        outer.assert_durable(root);
    });
}

#[test]
fn hard_links_share_bytes_but_not_names() {
    each_audited(|fs, root| {
        let (f, sub) = (root.join("f"), root.join("sub"));
        fs.create_dir(&sub).unwrap();
        let file = create(fs, &f);
        file.write_at(b"x", 0).unwrap();
        sync_dir(fs, root);
        fs.hard_link(&f, &sub.join("g")).unwrap();
        assert_eq!(undurable(fs, root, root), ["f: Content", "sub/g: Content", "sub/g: Name"]);
        // Syncing the directory of the old name, or the parent of the new name's directory, is not enough.
        sync_dir(fs, root);
        let g = fs.open(&sub.join("g"), &FsOpenOptions::new().write(true)).unwrap();
        g.sync_all(SyncMode::Normal).unwrap();
        assert_eq!(undurable(fs, root, root), ["sub/g: Name"]);
        sync_dir(fs, &sub);
        fs.assert_durable(root);
        // A write through one name makes the content dirty under both.
        file.write_at(b"y", 0).unwrap();
        assert_eq!(undurable(fs, root, root), ["f: Content", "sub/g: Content"]);
    });
}

#[test]
fn a_clone_is_a_new_inode_that_is_not_synced() {
    each_audited(|fs, root| {
        let (a, b) = (root.join("a"), root.join("b"));
        put(fs, &a);
        sync_dir(fs, root);
        if fs.reflink_file(&a, &b).is_err() {
            fs.assert_durable(root);
            return;
        }
        assert_eq!(undurable(fs, root, root), ["b: Content", "b: Name"]);
        let clone = fs.open(&b, &FsOpenOptions::new().write(true)).unwrap();
        clone.sync_all(SyncMode::Normal).unwrap();
        sync_dir(fs, root);
        fs.assert_durable(root);
    });
}

#[test]
fn a_rename_changes_both_directories_and_keeps_the_bytes() {
    each_audited(|fs, root| {
        let (from, to) = (root.join("from"), root.join("to"));
        fs.create_dir(&from).unwrap();
        fs.create_dir(&to).unwrap();
        sync_dir(fs, root);
        let file = create(fs, &from.join("f"));
        file.write_at(b"x", 0).unwrap();
        sync_dir(fs, &from);
        fs.rename(&from.join("f"), &to.join("g")).unwrap();
        assert_eq!(undurable(fs, root, root), ["from/f: Removal", "to/g: Content", "to/g: Name"]);
        file.sync_all(SyncMode::Normal).unwrap();
        sync_dir(fs, &to);
        assert_eq!(undurable(fs, root, root), ["from/f: Removal"]);
        sync_dir(fs, &from);
        fs.assert_durable(root);
    });
}

#[test]
fn a_moved_directory_keeps_its_unsynced_names() {
    each_audited(|fs, root| {
        let (s, t) = (root.join("s"), root.join("t"));
        fs.create_dir(&s).unwrap();
        sync_dir(fs, root);
        put(fs, &s.join("f"));
        fs.rename(&s, &t).unwrap();
        assert_eq!(undurable(fs, root, root), ["s: Removal", "t: Name", "t/f: Name"]);
        sync_dir(fs, root);
        assert_eq!(undurable(fs, root, root), ["t/f: Name"]);
        sync_dir(fs, &t);
        fs.assert_durable(root);
    });
}

#[test]
fn a_rename_between_two_names_of_one_inode_does_nothing() {
    each_audited(|fs, root| {
        let (a, b) = (root.join("a"), root.join("b"));
        put(fs, &a);
        fs.hard_link(&a, &b).unwrap();
        sync_dir(fs, root);
        fs.rename(&a, &b).unwrap();
        fs.assert_durable(root);
    });
}

#[test]
fn removals_may_come_back_until_the_directory_is_synced() {
    each_audited(|fs, root| {
        put(fs, &root.join("f"));
        fs.create_dir(&root.join("d")).unwrap();
        fs.create_dir(&root.join("tree")).unwrap();
        put(fs, &root.join("tree/f"));
        sync_dir(fs, root);
        fs.remove_file(&root.join("f")).unwrap();
        fs.remove_dir(&root.join("d")).unwrap();
        fs.remove_dir_all(&root.join("tree")).unwrap();
        assert_eq!(undurable(fs, root, root), ["d: Removal", "f: Removal", "tree: Removal"]);
        sync_dir(fs, root);
        fs.assert_durable(root);
    });
}

#[test]
fn a_reused_inode_number_has_no_history() {
    each_audited(|fs, root| {
        // Filesystems reuse the number of a removed inode.
        for name in ["a", "b", "c"] {
            let file = create(fs, &root.join(name));
            file.write_at(b"x", 0).unwrap();
            drop(file);
            fs.remove_file(&root.join(name)).unwrap();
        }
        drop(create(fs, &root.join("d")));
        sync_dir(fs, root);
        fs.assert_durable(root);
    });
}

#[test]
fn every_call_of_a_copy_is_tracked() {
    each_audited(|fs, root| {
        let (a, b) = (root.join("a"), root.join("b"));
        put(fs, &a);
        sync_dir(fs, root);
        let job = CopyJob { source: fs, from: &a, to: &b, len: None };
        copy_batch(fs, &[job], &CopyOptions::new(), &mut |_, copied| {
            copied.unwrap();
            ControlFlow::Continue(())
        });
        assert_eq!(undurable(fs, root, root), ["b: Name"]);
    });
}

#[test]
fn the_methods_of_fs_ext_are_durable() {
    each_audited(|fs, root| {
        let deep = root.join("a/b/c");
        if fs.create_dir_all_durable(root, Path::new("a/b/c"), SyncMode::Normal).unwrap()
            == DirectorySync::Durable
        {
            fs.assert_durable(root);
            let _ = fs.rewrite_atomic(&deep.join("current"), b"v1", SyncMode::Normal).unwrap();
            let _ = fs.rewrite_atomic(&deep.join("current"), b"v2", SyncMode::Normal).unwrap();
            fs.assert_durable(root);
        }
        fs.create_dir_all(&root.join("x/y")).unwrap();
        assert_eq!(undurable(fs, root, root), ["x: Name", "x/y: Name"]);
    });
}

//! Trees that are deeper than the stack.

use std::path::Path;

use lsm_fs::{Fs, FsExt, FsFile, FsOpenOptions, SyncMode};
use lsm_fs_mem::{CrashSweep, FoundTree, MemFs, MemFsOptions, Notes, Profile, Survives};

const DEPTH: usize = 50_000;

/// Builds a tree of directories with one name each, from the inside out, so that no path is long.
fn build(fs: &MemFs, depth: usize) {
    let [outer, tree] = ["/outer", "/tree"].map(Path::new);
    fs.create_dir(tree).unwrap();
    for _ in 0..depth {
        fs.create_dir(outer).unwrap();
        fs.rename(tree, &outer.join("tree")).unwrap();
        fs.rename(outer, tree).unwrap();
    }
}

fn on_a_small_stack(run: impl FnOnce() + Send) {
    std::thread::scope(|scope| {
        std::thread::Builder::new().stack_size(256 << 10).spawn_scoped(scope, run).unwrap();
    });
}

#[test]
fn a_deep_tree_is_removed_on_a_small_stack() {
    let fs = MemFs::new();
    let [tree, kept] = ["/tree", "/kept"].map(Path::new);
    fs.write_new(kept, b"kept", SyncMode::Normal).unwrap();
    build(&fs, DEPTH);
    on_a_small_stack(|| fs.remove_dir_all(tree).unwrap());
    let names: Vec<_> = fs.read_dir(Path::new("/")).unwrap().into_iter().map(|entry| entry.name).collect();
    assert_eq!(names, ["kept"]);
    assert!(fs.exists(kept).unwrap());
}

#[test]
fn a_deep_tree_survives_a_crash_on_a_small_stack() {
    let fs = MemFs::new();
    build(&fs, DEPTH);
    fs.settle();
    on_a_small_stack(|| {
        let rebooted = fs.crash(Survives::Forced);
        let tree = Path::new("/tree");
        assert!(rebooted.exists(&tree.join("tree")).unwrap());
        rebooted.remove_dir_all(tree).unwrap();
        assert!(!rebooted.exists(tree).unwrap());
    });
}

/// On btrfs, the sync of a file looks at each new directory above it. Each round adds a directory at the top, and makes
/// its name durable.
#[test]
fn a_sync_below_new_directories_fits_a_small_stack() {
    let fs = MemFsOptions::new().crash_model(Profile::Btrfs).build().unwrap();
    let [outer, tree] = ["/outer", "/tree"].map(Path::new);
    fs.create_dir(tree).unwrap();
    let new = FsOpenOptions::new().write(true).create_new(true);
    let file = fs.open(&tree.join("file"), &new).unwrap();
    for _ in 0..1_000 {
        fs.create_dir(outer).unwrap();
        fs.rename(tree, &outer.join("tree")).unwrap();
        fs.rename(outer, tree).unwrap();
        let _ = fs.sync_directory(Path::new("/"), SyncMode::Normal).unwrap();
    }
    on_a_small_stack(move || file.sync_all(SyncMode::Normal).unwrap());
    assert_eq!(fs.pending(), 0);
}

/// The report of a failure lists the paths of all files, whose lengths add up to the square of the depth. So this tree
/// is not as deep.
#[test]
fn a_sweep_of_a_deep_tree_fits_a_small_stack() {
    let fs = MemFs::new();
    build(&fs, 2_000);
    fs.settle();
    on_a_small_stack(|| {
        let file = Path::new("/f");
        let sweep = CrashSweep::new().start_from(&fs).models([Profile::Ext4]);
        let found = sweep.run(
            |fs: &MemFs| fs.write_new(file, b"x", SyncMode::Normal),
            |image: &MemFs, _: &Notes| if image.exists(file).unwrap() { Err("found") } else { Ok(()) },
        );
        let text = found.unwrap_err().to_string();
        assert!(text.contains(&"/tree".repeat(2_000)), "a path is missing");
    });
}

/// A path bounds the depth of a tree that can be read.
#[test]
fn a_found_tree_is_as_deep_as_a_path_is_long() {
    let fs = MemFs::new();
    let path = "/d".repeat(2_000);
    fs.create_dir_all(Path::new(&path)).unwrap();
    fs.settle();
    on_a_small_stack(|| {
        let found = FoundTree::read(&fs, Path::new("/")).unwrap();
        assert_eq!(found.clone(), FoundTree::new().dir(&path));
        assert_ne!(found, FoundTree::new().dir(&path[2..]));
        fs.admits(&found).unwrap();
    });
}

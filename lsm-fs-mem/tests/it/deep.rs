//! Trees that are deeper than the stack.

use std::path::Path;

use lsm_fs::{Fs, FsExt, SyncMode};
use lsm_fs_mem::MemFs;

const DEPTH: usize = 50_000;

#[test]
fn a_deep_tree_is_removed_on_a_small_stack() {
    let fs = MemFs::new();
    let [outer, tree, kept] = ["/outer", "/tree", "/kept"].map(Path::new);
    fs.write_new(kept, b"kept", SyncMode::Normal).unwrap();
    fs.create_dir(tree).unwrap();
    // Builds the tree from the inside out, so that no path is long.
    for _ in 0..DEPTH {
        fs.create_dir(outer).unwrap();
        fs.rename(tree, &outer.join("tree")).unwrap();
        fs.rename(outer, tree).unwrap();
    }
    std::thread::scope(|scope| {
        let removal = std::thread::Builder::new().stack_size(256 << 10);
        removal.spawn_scoped(scope, || fs.remove_dir_all(tree).unwrap()).unwrap();
    });
    let names: Vec<_> = fs.read_dir(Path::new("/")).unwrap().into_iter().map(|entry| entry.name).collect();
    assert_eq!(names, ["kept"]);
    assert!(fs.exists(kept).unwrap());
}

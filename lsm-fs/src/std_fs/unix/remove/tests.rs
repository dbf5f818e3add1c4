#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends where something fails")]

use std::{fs, os::unix::fs::symlink, path::PathBuf};

use super::*;

/// Folders beside each level: one is there before it and one comes after it, so that in most orders of reading one of
/// them is still to be removed when the walk comes back.
const BESIDE: [&str; 2] = ["before", "after"];

/// `tree/0/1/2/...` of so many levels, and a directory outside with the same names.
fn prepared(levels: usize) -> (tempfile::TempDir, PathBuf) {
    let home = tempfile::tempdir().unwrap();
    let fill = |dir: &Path, next: &str| {
        fs::create_dir_all(dir.join(BESIDE[0])).unwrap();
        fs::create_dir_all(dir.join(next)).unwrap();
        fs::create_dir_all(dir.join(BESIDE[1])).unwrap();
        fs::write(dir.join("file"), "kept").unwrap();
    };
    fill(&home.path().join("kept"), "next");
    let mut dir = home.path().join("tree");
    for level in 0..=levels {
        fill(&dir, &level.to_string());
        dir.push(level.to_string());
    }
    let tree = home.path().join("tree");
    (home, tree)
}

fn is_kept(home: &tempfile::TempDir) -> bool {
    let kept = home.path().join("kept");
    let folders = BESIDE.iter().all(|folder| kept.join(folder).is_dir());
    folders && fs::read(kept.join("file")).unwrap() == b"kept"
}

#[test]
fn a_folder_that_is_swapped_for_a_link_is_not_followed() {
    for level in 0..20 {
        let (home, tree) = prepared(20);
        let at: PathBuf =
            std::iter::once(tree.clone()).chain((0..=level).map(|n| n.to_string().into())).collect();
        let mut swapped = false;
        let removed = empty(&tree, &mut |step, name| {
            if step == Step::Down && name.to_str() == Ok(&level.to_string()) {
                fs::rename(&at, home.path().join("moved")).unwrap();
                symlink(home.path().join("kept"), &at).unwrap();
                swapped = true;
            }
        });
        removed.unwrap();
        assert!(swapped && is_kept(&home), "level {level}");
        assert!(fs::read_dir(&tree).unwrap().next().is_none(), "level {level}: the link was left");
        assert!(home.path().join("moved/file").exists(), "level {level}: the tree was left through a name");
    }
}

#[test]
fn a_folder_that_is_moved_away_does_not_lead_out_of_the_tree() {
    for level in 0..20 {
        let (home, tree) = prepared(20);
        let at: PathBuf =
            std::iter::once(tree.clone()).chain((0..=level).map(|n| n.to_string().into())).collect();
        let moved = home.path().join("kept/moved");
        // Emptied by now, it leads into another directory when the walk comes back from it.
        let removed = empty(&tree, &mut |step, name| {
            if step == Step::Up && name.to_str() == Ok(&level.to_string()) {
                fs::rename(&at, &moved).unwrap();
            }
        });
        assert!(is_kept(&home) && moved.exists(), "level {level}: {removed:?}");
        if let Err(error) = removed {
            assert!(error.to_string().contains("moved out of the tree"), "level {level}: {error}");
        }
    }
}

#[test]
fn few_directories_are_open_at_a_time() {
    let (home, tree) = prepared(40);
    let inside = |entry: &fs::DirEntry| {
        fs::read_link(entry.path())
            .is_ok_and(|target| target.starts_with(home.path().canonicalize().unwrap()))
    };
    let mut most = 0;
    empty(&tree, &mut |_, _| {
        let open = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
        most = most.max(open.filter(inside).count());
    })
    .unwrap();
    // As many as the changelog promises, and more than one, or nothing was counted.
    assert!((2..=10).contains(&most), "{most} are open");
}

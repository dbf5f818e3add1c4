#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test ends where something fails")]

use std::{fs, iter, os::unix::fs::symlink, path::PathBuf};

use super::*;

/// Folders beside each level, one created before it and one after it. In most orders of listing, one of them still has
/// to be removed when the walk returns.
const BESIDE: [&str; 2] = ["before", "after"];

/// Creates `tree/0/1/2/...` with this many levels, and a directory outside with the same names.
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

fn open_dir(path: &Path) -> OwnedFd {
    At::path(path).open(DIRECTORY, Mode::empty()).unwrap()
}

/// Empties a tree with one of the two methods of resolving names.
fn emptied(tree: &Path, resolution: Resolution, on: &mut dyn FnMut(Step, &CStr)) -> io::Result<()> {
    let top = open_dir(tree);
    let resolver = Resolver::of(resolution, top.as_fd())?;
    empty_with(top, resolver, on)
}

/// Tests both methods at each of the first levels.
fn cases() -> impl Iterator<Item = (Resolution, usize)> {
    let resolutions = [Resolution::of_host(), Resolution::PerComponent];
    resolutions.into_iter().flat_map(|resolution| (0..20).map(move |level| (resolution, level)))
}

fn is_kept(home: &tempfile::TempDir) -> bool {
    let kept = home.path().join("kept");
    let folders = BESIDE.iter().all(|folder| kept.join(folder).is_dir());
    folders && fs::read(kept.join("file")).unwrap() == b"kept"
}

#[test]
fn a_directory_swapped_for_a_link_is_not_followed() {
    for (resolution, level) in cases() {
        let (home, tree) = prepared(20);
        let at: PathBuf = iter::once(tree.clone()).chain((0..=level).map(|n| n.to_string().into())).collect();
        let mut swapped = false;
        let removed = emptied(&tree, resolution, &mut |step, name| {
            if step == Step::Down && name.to_str() == Ok(&level.to_string()) {
                fs::rename(&at, home.path().join("moved")).unwrap();
                symlink(home.path().join("kept"), &at).unwrap();
                swapped = true;
            }
        });
        removed.unwrap();
        assert!(swapped && is_kept(&home), "{resolution:?}, level {level}");
        assert!(
            fs::read_dir(&tree).unwrap().next().is_none(),
            "{resolution:?}, level {level}: the link was left"
        );
        assert!(
            home.path().join("moved/file").exists(),
            "{resolution:?}, level {level}: the tree was left through a name"
        );
    }
}

#[test]
fn a_directory_moved_away_does_not_lead_out_of_the_tree() {
    for (resolution, level) in cases() {
        let (home, tree) = prepared(20);
        let at: PathBuf = iter::once(tree.clone()).chain((0..=level).map(|n| n.to_string().into())).collect();
        let moved = home.path().join("kept/moved");
        // The directory is empty by now, and leads to another parent when the walk returns.
        let removed = emptied(&tree, resolution, &mut |step, name| {
            if step == Step::Up && name.to_str() == Ok(&level.to_string()) {
                fs::rename(&at, &moved).unwrap();
            }
        });
        assert!(is_kept(&home) && moved.exists(), "{resolution:?}, level {level}: {removed:?}");
        if let Err(error) = removed {
            assert!(error.to_string().contains("was moved"), "{resolution:?}, level {level}: {error}");
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
    emptied(&tree, Resolution::of_host(), &mut |_, _| {
        let open = fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
        most = most.max(open.filter(inside).count());
    })
    .unwrap();
    // `None` would mean that nothing was counted.
    assert_eq!(most, 1);
}

#[test]
fn a_tree_on_another_mount_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("d")).unwrap();
    fs::write(dir.path().join("d/f"), "kept").unwrap();
    let elsewhere = Resolver::of(Resolution::PerComponent, open_dir(Path::new("/proc")).as_fd()).unwrap();
    let refused = empty(open_dir(dir.path()), elsewhere).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::CrossesDevices);
    assert_eq!(fs::read(dir.path().join("d/f")).unwrap(), b"kept");
}

#[test]
fn the_walk_returns_only_to_the_directory_it_came_from() {
    let dir = tempfile::tempdir().unwrap();
    let [one, two] = ["one", "two"].map(|name| dir.path().join(name));
    fs::create_dir(&one).unwrap();
    fs::create_dir(&two).unwrap();
    fs::create_dir(one.join("d")).unwrap();
    let (below, id) = (open_dir(&one.join("d")), file_id(&fstat(open_dir(&one)).unwrap()));
    assert_eq!(file_id(&fstat(up(&below, id).unwrap()).unwrap()), id);
    fs::rename(one.join("d"), two.join("d")).unwrap();
    up(&below, id).unwrap_err();
}

#[test]
fn a_path_that_ends_in_a_separator_follows_no_link() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("d")).unwrap();
    fs::write(dir.path().join("d/f"), "kept").unwrap();
    symlink("d", dir.path().join("link")).unwrap();
    let refused = remove_dir_all(&dir.path().join("link/")).unwrap_err();
    assert_eq!(refused.raw_os_error(), Some(errno::ENOTDIR));
    assert!(dir.path().join("d/f").exists());
    remove_dir_all(&dir.path().join("d//")).unwrap();
    assert!(!dir.path().join("d").exists());
}

/// A umask can take rights from the owner of a new directory. Only a process that is not root notices.
#[test]
fn an_empty_directory_that_may_not_be_entered_is_removed() {
    let dir = tempfile::tempdir().unwrap();
    for mode in [0o000, 0o100, 0o200, 0o300, 0o400, 0o600, 0o700] {
        for closed in ["top", "top/inner"] {
            let top = dir.path().join("top");
            let closed = dir.path().join(closed);
            fs::create_dir_all(&closed).unwrap();
            set_mode(&closed, mode);
            remove_dir_all(&top).unwrap_or_else(|error| panic!("{mode:o}: {error}"));
            assert!(!top.exists(), "{mode:o}");
        }
    }
}

/// The error names the missing right, and not the entries.
#[test]
fn a_directory_with_entries_that_may_not_be_listed_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let closed = dir.path().join("top/inner");
    fs::create_dir_all(closed.join("kept")).unwrap();
    set_mode(&closed, 0o200);
    if fs::read_dir(&closed).is_ok() {
        // Nothing is forbidden to root.
        return;
    }
    let refused = remove_dir_all(&dir.path().join("top")).unwrap_err();
    set_mode(&closed, 0o700);
    assert_eq!(refused.raw_os_error(), Some(errno::EACCES));
    assert!(closed.join("kept").exists());
}

fn set_mode(dir: &Path, mode: u32) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(dir, fs::Permissions::from_mode(mode)).unwrap();
}

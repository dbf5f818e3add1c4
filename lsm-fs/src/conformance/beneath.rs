//! Views: a path below a root never leaves it, in spite of hostile contents and concurrent changes.

pub(super) mod links;

use std::{
    io::ErrorKind,
    ops::ControlFlow,
    path::{Path, PathBuf},
};

use super::{
    CheckResult, Failure, Subject, ensure, list, same,
    subject::{attributes, read, refused, write},
};
use crate::{
    DirPair, Error, Fs, FsExt, FsFileType, NamePair, Op, SyncMode,
    batch::{hard_link_batch, metadata_batch, reflink_batch},
    errno,
};

list! { "beneath":
    a_root_is_a_directory_or_a_link_to_one
    a_view_works_like_its_receiver
    a_view_works_on_many_files_at_once
    parents_are_refused
    another_mount_is_not_entered
    paths_outside_the_root_work_as_before
    a_root_matches_whole_components
    the_receiver_looks_up_the_name_of_a_root
    a_lock_is_compared_by_name
    views_compose
}

/// Creates `outside`, with a file and a directory, and the root `in`.
fn two_trees(t: &Subject) -> CheckResult {
    t.mkdir("outside")?;
    t.mkdir("outside/d")?;
    t.put("outside/f", b"outside")?;
    t.put("outside/d/g", b"outside")?;
    t.mkdir("in")
}

fn outside_is_untouched(t: &Subject) -> CheckResult {
    t.has_names("outside", &["d", "f"])?;
    t.has_names("outside/d", &["g"])?;
    for file in ["outside/f", "outside/d/g"] {
        t.holds(file, b"outside")?;
        let links = t.fs.metadata(&t.at(file))?.link_count;
        ensure!(matches!(links, None | Some(1)), "{file} has a second name");
    }
    Ok(())
}

fn view(t: &Subject) -> Result<Box<dyn Fs + '_>, Failure> {
    Ok(t.fs.beneath(&t.at("in"))?)
}

/// Checks that the call did not follow a link. Calls for directories may report that it is not a directory.
fn stopped<T>(result: Result<T, Error>, call: &str) -> CheckResult {
    let Err(error) = result else { return Err(Failure::Violated(format!("{call} followed a link"))) };
    let is_told = error.raw_os_error() == Some(errno::ELOOP) || error.kind() == ErrorKind::NotADirectory;
    ensure!(is_told, "{call}: {error}: wanted ELOOP or NotADirectory");
    Ok(())
}

fn a_root_is_a_directory_or_a_link_to_one(t: &Subject) -> CheckResult {
    two_trees(t)?;
    for (name, kind) in [("none", ErrorKind::NotFound), ("outside/f", ErrorKind::NotADirectory)] {
        let path = t.at(name);
        refused(t.fs.beneath(&path), Op::Beneath, &path, &[kind])?;
    }
    refused(t.fs.beneath(Path::new("")), Op::Beneath, Path::new(""), &[ErrorKind::NotFound])?;
    t.symlink("outside", "link")?;
    let view = t.fs.beneath(&t.at("link"))?;
    same!(view.read_to_vec(&t.at("link/f"), 100)?, b"outside", "a file below a root that is a link");
    same!(view.backend_id(), t.fs.backend_id(), "backend_id of a view");
    Ok(())
}

fn a_view_works_like_its_receiver(t: &Subject) -> CheckResult {
    two_trees(t)?;
    let view = view(t)?;
    let (dir, a, b) = (t.at("in/dir"), t.at("in/dir/a"), t.at("in/b"));
    view.create_dir(&dir)?;
    view.write_new(&a, b"bytes", SyncMode::Normal)?;
    t.holds("in/dir/a", b"bytes")?;
    same!(view.metadata(&a)?, t.fs.metadata(&a)?, "metadata through the view");
    same!(view.symlink_metadata(&a)?.file_id, t.fs.metadata(&a)?.file_id, "file_id through the view");
    view.rename(&a, &b)?;
    refused(view.open(&a, &read()), Op::Open, &a, &[ErrorKind::NotFound])?;
    let made = view.open(&b, &write().create_new(true));
    refused(made, Op::Open, &b, &[ErrorKind::AlreadyExists])?;
    refused(view.create_dir(&dir), Op::CreateDir, &dir, &[ErrorKind::AlreadyExists])?;
    refused(view.open(&dir, &read()), Op::Open, &dir, &[ErrorKind::IsADirectory])?;
    refused(view.open(&t.at("in"), &read()), Op::Open, &t.at("in"), &[ErrorKind::IsADirectory])?;
    same!(view.read_dir(&t.at("in"))?, t.fs.read_dir(&t.at("in"))?, "the root's names");
    let _ = view.sync_directory(&dir, SyncMode::Normal)?;
    let _ = view.sync_directory(&t.at("in"), SyncMode::Normal)?;
    same!(view.capabilities(&dir)?, t.fs.capabilities(&dir)?, "capabilities through the view");
    if let Ok(id) = t.fs.volume_id(&b) {
        same!(view.volume_id(&b)?, id, "volume_id");
        view.truncate_file(&b, 2)?;
        t.holds("in/b", b"by")?;
        if t.fs.available_space(&b).is_ok() {
            ensure!(view.available_space(&b)? > 0, "the view reports no available space");
        }
    }
    let _ = view.rewrite_atomic(&b, b"again", SyncMode::Normal)?;
    t.holds("in/b", b"again")?;
    view.remove_file(&b)?;
    view.remove_dir(&dir)?;
    t.has_names("in", &[])
}

fn a_view_works_on_many_files_at_once(t: &Subject) -> CheckResult {
    two_trees(t)?;
    t.put("in/a", b"a")?;
    t.put("in/b", b"bb")?;
    t.mkdir("in/to")?;
    let view = view(t)?;
    let (from, to) = (t.at("in"), t.at("in/to"));
    let dirs = DirPair { from: &from, to: &to };
    let mut lens = Vec::new();
    let names = ["a".as_ref(), "none".as_ref(), "b".as_ref()];
    metadata_batch(&*view, &from, &names, &mut |index, found| {
        lens.push((index, found.ok().map(|metadata| metadata.len)));
        ControlFlow::Continue(())
    });
    same!(lens, [(0, Some(1)), (1, None), (2, Some(2))], "lengths of a batch");
    let each = |name: &'static str, linked: Result<(), Error>| -> CheckResult {
        match linked {
            Ok(()) => t.holds(&format!("in/to/{name}"), if name.ends_with('a') { b"a" } else { b"bb" }),
            Err(e) if e.allows_fallback() => Ok(()),
            Err(e) => Err(e.into()),
        }
    };
    let mut first_failure = Ok(());
    let pairs = [NamePair::new("a", "link-a"), NamePair::new("b", "link-b")];
    hard_link_batch(&*view, dirs, &pairs, &mut |index, linked| {
        first_failure =
            first_failure.clone().and(each(["link-a", "link-b"].get(index).unwrap_or(&"a"), linked));
        ControlFlow::Continue(())
    });
    let pairs = [NamePair::new("a", "clone-a"), NamePair::new("b", "clone-b")];
    reflink_batch(&*view, dirs, &pairs, SyncMode::Normal, &mut |index, cloned| {
        first_failure =
            first_failure.clone().and(each(["clone-a", "clone-b"].get(index).unwrap_or(&"a"), cloned));
        ControlFlow::Continue(())
    });
    first_failure
}

/// Calls every method that takes one path.
fn each_call<'a>(view: &'a dyn Fs, path: &'a Path) -> Vec<(&'static str, Result<(), Error>)> {
    let mut calls = vec![
        ("open", view.open(path, &read()).map(drop)),
        ("open to write", view.open(path, &write()).map(drop)),
        ("open to create", view.open(path, &write().create(true)).map(drop)),
        ("open to truncate", view.open(path, &write().truncate(true)).map(drop)),
        ("read_dir", view.read_dir(path).map(drop)),
        ("metadata", view.metadata(path).map(drop)),
        ("sync_directory", view.sync_directory(path, SyncMode::Normal).map(drop)),
        ("try_lock_directory", view.try_lock_directory(path).map(drop)),
        ("volume_id", view.volume_id(path).map(drop)),
        ("capabilities", view.capabilities(path).map(drop)),
        ("available_space", view.available_space(path).map(drop)),
        ("punch_hole", view.punch_hole(path, 0, 1)),
        ("truncate_file", view.truncate_file(path, 0)),
        ("beneath", view.beneath(path).map(drop)),
    ];
    let attributes = attributes(view);
    calls.extend(attributes.map(|a| ("try_disable_cow", a.try_disable_cow(path).map(drop))));
    calls
}

/// Calls every method that takes a name and would bind or remove it.
fn each_naming_call(view: &dyn Fs, t: &Subject, path: &Path) -> Vec<(&'static str, Result<(), Error>)> {
    let (file, to) = (t.at("file"), t.at("to"));
    vec![
        ("symlink_metadata", view.symlink_metadata(path).map(drop)),
        ("create_dir", view.create_dir(path)),
        ("open to create_new", view.open(path, &write().create_new(true)).map(drop)),
        ("remove_file", view.remove_file(path)),
        ("remove_dir", view.remove_dir(path)),
        ("remove_dir_all", view.remove_dir_all(path)),
        ("rename from", view.rename(path, &to)),
        ("rename to", view.rename(&file, path)),
        ("hard_link from", view.hard_link(path, &to)),
        ("hard_link to", view.hard_link(&file, path)),
        ("reflink_file from", view.reflink_file(path, &to)),
        ("reflink_file to", view.reflink_file(&file, path)),
    ]
}

fn parents_are_refused(t: &Subject) -> CheckResult {
    two_trees(t)?;
    t.put("file", b"file")?;
    t.mkdir("in/d")?;
    let view = view(t)?;
    for name in ["in/../outside/f", "in/d/../d", "in/.."] {
        let path = t.at(name);
        let calls = each_call(&*view, &path).into_iter().chain(each_naming_call(&*view, t, &path));
        for (call, result) in calls {
            let Err(error) = result else { return Err(Failure::Violated(format!("{call} of {name}"))) };
            same!(error.kind(), ErrorKind::InvalidInput, "{call} of {name}: {error}");
        }
    }
    t.has_names("", &["file", "in", "outside"])?;
    outside_is_untouched(t)
}

fn another_mount_is_not_entered(t: &Subject) -> CheckResult {
    let Some(mount) = &t.mount_point else {
        return Err(Failure::NotApplicable("the subject provides no mount point".into()));
    };
    let Some(parent) = mount.parent() else {
        return Err(Failure::NotApplicable("the mount point has no parent".into()));
    };
    let view = t.fs.beneath(parent)?;
    // The mount is shared with other tests, so this check uses a unique name and ignores other names.
    let name = t.root.display().to_string().replace(std::path::MAIN_SEPARATOR, "-");
    let new = mount.join(format!("lsm-fs-conformance{name}"));
    for (call, result) in [
        ("read_dir", view.read_dir(mount).map(drop)),
        ("metadata", view.metadata(mount).map(drop)),
        ("symlink_metadata", view.symlink_metadata(mount).map(drop)),
        ("sync_directory", view.sync_directory(mount, SyncMode::Normal).map(drop)),
        ("try_lock_directory", view.try_lock_directory(mount).map(drop)),
        ("create_dir", view.create_dir(&new)),
        ("open", view.open(&new, &write().create(true)).map(drop)),
        ("beneath", view.beneath(mount).map(drop)),
    ] {
        let Err(error) = result else {
            let removed = t.fs.remove_dir(&new).or_else(|_| t.fs.remove_file(&new));
            let entered = format!("{call} entered {}; removed what it made: {removed:?}", mount.display());
            return Err(Failure::Violated(entered));
        };
        same!(error.kind(), ErrorKind::CrossesDevices, "{call}: {error}");
    }
    match t.fs.symlink_metadata(&new) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        found => {
            let removed = t.fs.remove_dir(&new).or_else(|_| t.fs.remove_file(&new));
            let made =
                format!("{} was made on the other mount: {found:?}, removed: {removed:?}", new.display());
            Err(Failure::Violated(made))
        }
    }
}

fn paths_outside_the_root_work_as_before(t: &Subject) -> CheckResult {
    two_trees(t)?;
    t.symlink("outside", "link")?;
    let view = view(t)?;
    same!(view.read_to_vec(&t.at("link/f"), 100)?, b"outside", "a file through a link elsewhere");
    same!(view.metadata(&t.at("link"))?.file_type, FsFileType::Directory, "a link outside the root");
    same!(view.read_to_vec(&t.at("outside/d/../f"), 100)?, b"outside", "a path with `..` outside the root");
    view.write_new(&t.at("outside/new"), b"new", SyncMode::Normal)?;
    if t.fs.capabilities(&t.root)?.hard_link {
        view.hard_link(&t.at("link/new"), &t.at("in/linked"))?;
        t.holds("in/linked", b"new")?;
    }
    view.rename(&t.at("link/new"), &t.at("in/moved"))?;
    t.holds("in/moved", b"new")?;
    view.rename(&t.at("in/moved"), &t.at("moved"))?;
    t.holds("moved", b"new")?;
    outside_is_untouched(t)
}

fn a_root_matches_whole_components(t: &Subject) -> CheckResult {
    two_trees(t)?;
    t.symlink("outside", "in-beside")?;
    let view = view(t)?;
    same!(
        view.read_to_vec(&t.at("in-beside/f"), 100)?,
        b"outside",
        "a sibling whose name starts with the name of the root"
    );
    t.symlink("../outside/f", "in/link")?;
    let spelled: PathBuf = [t.root.as_path(), Path::new("."), Path::new("in//./link")].iter().collect();
    stopped(view.open(&spelled, &read()), "open of the root spelled otherwise")
}

fn the_receiver_looks_up_the_name_of_a_root(t: &Subject) -> CheckResult {
    two_trees(t)?;
    t.put("in/f", b"inside")?;
    let view = view(t)?;
    view.rename(&t.at("in"), &t.at("moved"))?;
    t.holds("moved/f", b"inside")?;
    let root = t.at("in");
    refused(view.remove_dir_all(&root), Op::RemoveDirAll, &root, &[ErrorKind::NotFound])?;
    view.rename(&t.at("moved"), &root)?;
    view.remove_dir_all(&root)?;
    t.has_names("", &["outside"])
}

fn a_lock_is_compared_by_name(t: &Subject) -> CheckResult {
    two_trees(t)?;
    t.mkdir("in/d")?;
    let view = view(t)?;
    for (name, other) in [("in/d", "in/e"), ("in", "moved")] {
        let lock = match view.try_lock_directory(&t.at(name)) {
            Err(e) if e.kind() == ErrorKind::Unsupported => {
                return Err(Failure::NotApplicable("the platform cannot lock directories".into()));
            }
            lock => lock?,
        };
        let Some(lock) = lock else { return Err(Failure::Violated("a free lock was refused".into())) };
        ensure!(lock.is_at(&t.at(name))?, "{name}: is_at returns false for the locked directory");
        t.fs.rename(&t.at(name), &t.at(other))?;
        ensure!(!lock.is_at(&t.at(name))?, "{name}: the name is unbound, and is_at returns true");
        t.symlink(t.at(other), name)?;
        let through = lock.is_at(&t.at(name));
        ensure!(name == "in" || !matches!(through, Ok(true)), "{name}: the lock was found through a link");
        t.fs.remove_file(&t.at(name))?;
        t.fs.rename(&t.at(other), &t.at(name))?;
    }
    Ok(())
}

fn views_compose(t: &Subject) -> CheckResult {
    two_trees(t)?;
    t.mkdir("second")?;
    t.put("in/f", b"inside")?;
    let first = view(t)?;
    let both = first.beneath(&t.at("second"))?;
    if t.fs.capabilities(&t.root)?.hard_link {
        both.hard_link(&t.at("in/f"), &t.at("second/f"))?;
        t.holds("second/f", b"inside")?;
    }
    t.symlink("../outside", "in/link")?;
    t.symlink("../outside", "second/link")?;
    for path in [t.at("in/link/f"), t.at("second/link/f")] {
        stopped(both.open(&path, &read()), "open through two views")?;
    }
    stopped(both.hard_link(&t.at("in/f"), &t.at("second/link/new")), "hard_link from one root into another")?;
    outside_is_untouched(t)
}

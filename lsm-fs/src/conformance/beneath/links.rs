//! Views and symbolic links: a path below a root never leaves it, in spite of concurrent changes.

use std::{io::ErrorKind, ops::ControlFlow};

use super::{each_call, each_naming_call, outside_is_untouched, stopped, two_trees, view};
use crate::{
    DirPair, Error, Fs, FsExt, FsFileType, NamePair, Op, SyncMode,
    batch::{hard_link_batch, metadata_batch, reflink_batch},
    conformance::{
        CheckResult, Failure, Subject, ensure, list, same,
        subject::{read, refused, write},
    },
};

list! { "beneath":
    a_link_at_the_end_is_not_followed
    a_link_on_the_way_is_not_followed
    a_link_is_listed_and_removed_itself
    a_link_is_neither_linked_nor_cloned
    a_batch_follows_no_link
    a_special_file_is_not_linked
    a_directory_replaced_by_a_link_is_not_followed
    a_root_follows_its_directory
    a_root_inside_a_view_must_not_be_a_link
    removing_a_tree_keeps_the_targets_of_its_links
    a_deep_tree_is_removed
}

fn a_link_at_the_end_is_not_followed(t: &Subject) -> CheckResult {
    two_trees(t)?;
    let view = view(t)?;
    for (name, target) in
        [("in/file", "../outside/f"), ("in/dir", "../outside/d"), ("in/new", "../outside/new")]
    {
        t.symlink(target, name)?;
        for (call, result) in each_call(&*view, &t.at(name)) {
            // An operation that the platform does not have cannot leave the root either.
            match result {
                Err(e) if e.kind() == ErrorKind::Unsupported => {}
                result => stopped(result, &format!("{call} of {name}"))?,
            }
        }
        stopped(view.remove_dir_all(&t.at(name)), "remove_dir_all")?;
        stopped(view.remove_dir(&t.at(name)), "remove_dir")?;
    }
    outside_is_untouched(t)
}

fn a_link_on_the_way_is_not_followed(t: &Subject) -> CheckResult {
    two_trees(t)?;
    t.put("file", b"file")?;
    t.mkdir("in/deep")?;
    let view = view(t)?;
    for (link, target) in [("in/dir", "../outside"), ("in/deep/dir", "../../outside")] {
        t.symlink(target, link)?;
        for name in ["f", "d", "d/g", "new"] {
            let path = t.at(link).join(name);
            let calls = each_call(&*view, &path).into_iter().chain(each_naming_call(&*view, t, &path));
            for (call, result) in calls {
                match result {
                    Err(e) if e.kind() == ErrorKind::Unsupported => {}
                    result => stopped(result, &format!("{call} of {link}/{name}"))?,
                }
            }
        }
    }
    t.absent("to")?;
    t.holds("file", b"file")?;
    outside_is_untouched(t)
}

fn a_link_is_listed_and_removed_itself(t: &Subject) -> CheckResult {
    two_trees(t)?;
    let view = view(t)?;
    for target in ["../outside/f", "../outside/d", "nowhere"] {
        t.symlink(target, "in/link")?;
        let link = t.at("in/link");
        same!(view.symlink_metadata(&link)?.file_type, FsFileType::Symlink, "type of a link to {target}");
        let listed: Vec<_> = view.read_dir(&t.at("in"))?.into_iter().map(|entry| entry.file_type).collect();
        same!(listed, [FsFileType::Symlink], "listing of a link to {target}");
        let made = view.open(&link, &write().create_new(true));
        refused(made, Op::Open, &link, &[ErrorKind::AlreadyExists])?;
        view.rename(&link, &t.at("in/renamed"))?;
        view.remove_file(&t.at("in/renamed"))?;
        t.has_names("in", &[])?;
    }
    outside_is_untouched(t)
}

fn a_link_is_neither_linked_nor_cloned(t: &Subject) -> CheckResult {
    two_trees(t)?;
    let view = view(t)?;
    t.symlink("../outside/f", "in/link")?;
    for to in ["in/to", "to"] {
        for (call, result) in [
            ("hard_link", view.hard_link(&t.at("in/link"), &t.at(to))),
            ("reflink_file", view.reflink_file(&t.at("in/link"), &t.at(to))),
        ] {
            match result {
                Err(e) if matches!(e.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) => {}
                result => stopped(result, call)?,
            }
            let gone = matches!(t.fs.symlink_metadata(&t.at(to)), Err(e) if e.kind() == ErrorKind::NotFound);
            ensure!(gone, "{call} of a link left {to}");
        }
    }
    outside_is_untouched(t)
}

fn a_batch_follows_no_link(t: &Subject) -> CheckResult {
    two_trees(t)?;
    t.symlink("../outside/f", "in/f")?;
    t.symlink("../outside", "in/dir")?;
    t.mkdir("to")?;
    let view = view(t)?;
    let (inside, through, to) = (t.at("in"), t.at("in/dir"), t.at("to"));
    let mut first_failure = Ok(());
    let mut receive = |call: &str, result: Result<(), Error>| {
        let stopped = match result {
            Err(e) if matches!(e.kind(), ErrorKind::Unsupported | ErrorKind::PermissionDenied) => Ok(()),
            result => stopped(result, call),
        };
        if first_failure.is_ok() {
            first_failure = stopped;
        }
        ControlFlow::Continue(())
    };
    let name = [NamePair::same("f")];
    for from in [&inside, &through] {
        metadata_batch(&*view, from, &["f".as_ref()], &mut |_, found| {
            receive("metadata_batch", found.map(drop))
        });
        let dirs = DirPair { from, to: &to };
        hard_link_batch(&*view, dirs, &name, &mut |_, linked| receive("hard_link_batch", linked));
        reflink_batch(&*view, dirs, &name, SyncMode::Normal, &mut |_, made| receive("reflink_batch", made));
    }
    let outside = t.at("outside");
    let dirs = DirPair { from: &outside, to: &through };
    hard_link_batch(&*view, dirs, &[NamePair::new("f", "l")], &mut |_, linked| {
        receive("hard_link_batch to", linked)
    });
    reflink_batch(&*view, dirs, &[NamePair::new("f", "c")], SyncMode::Normal, &mut |_, made| {
        receive("reflink_batch to", made)
    });
    first_failure?;
    t.has_names("to", &[])?;
    outside_is_untouched(t)
}

fn a_special_file_is_not_linked(t: &Subject) -> CheckResult {
    two_trees(t)?;
    let made = t.odd()?.special(&t.at("in"));
    let view = view(t)?;
    for path in &made {
        ensure!(view.hard_link(path, &t.at("in/to")).is_err(), "{} was linked", path.display());
        t.absent("in/to")?;
        let opened = view.open(path, &read());
        refused(opened, Op::Open, path, &[ErrorKind::InvalidInput])?;
        same!(view.metadata(path)?.file_type, FsFileType::Other, "type of {}", path.display());
    }
    Ok(())
}

fn a_directory_replaced_by_a_link_is_not_followed(t: &Subject) -> CheckResult {
    two_trees(t)?;
    t.mkdir("in/d")?;
    t.put("in/d/g", b"inside")?;
    let view = view(t)?;
    let path = t.at("in/d/g");
    same!(view.read_to_vec(&path, 100)?, b"inside", "a file before the swap");
    let open = view.open(&path, &write())?;
    t.fs.rename(&t.at("in/d"), &t.at("kept"))?;
    t.symlink("../outside/d", "in/d")?;
    stopped(view.open(&path, &write().truncate(true)), "open after the swap")?;
    stopped(view.remove_file(&path), "remove_file after the swap")?;
    stopped(view.rename(&path, &t.at("in/g")), "rename after the swap")?;
    stopped(view.sync_directory(&t.at("in/d"), SyncMode::Normal), "sync_directory after the swap")?;
    stopped(view.remove_dir_all(&t.at("in/d")), "remove_dir_all after the swap")?;
    open.write_at(b"INSIDE", 0)?;
    t.holds("kept/g", b"INSIDE")?;
    outside_is_untouched(t)
}

fn a_root_follows_its_directory(t: &Subject) -> CheckResult {
    if !t.fs.capabilities(&t.root)?.rooted_views {
        return Err(Failure::NotApplicable("the backend looks the root of a view up by name".into()));
    }
    two_trees(t)?;
    t.mkdir("in/nested")?;
    t.put("in/f", b"inside")?;
    let view = view(t)?;
    // The longer of two roots applies.
    let nested = view.beneath(&t.at("in/nested"))?;
    t.fs.rename(&t.at("in/nested"), &t.at("elsewhere"))?;
    nested.write_new(&t.at("in/nested/f"), b"nested", SyncMode::Normal)?;
    t.holds("elsewhere/f", b"nested")?;
    let path = t.at("in/nested/f");
    refused(view.open(&path, &read()), Op::Open, &path, &[ErrorKind::NotFound])?;
    t.fs.rename(&t.at("in"), &t.at("moved"))?;
    t.symlink("outside", "in")?;
    same!(view.read_to_vec(&t.at("in/f"), 100)?, b"inside", "a file below a root that was renamed");
    view.write_new(&t.at("in/new"), b"new", SyncMode::Normal)?;
    t.holds("moved/new", b"new")?;
    view.remove_file(&t.at("in/f"))?;
    t.has_names("moved", &["new"])?;
    refused(view.open(&t.at("in"), &read()), Op::Open, &t.at("in"), &[ErrorKind::IsADirectory])?;
    outside_is_untouched(t)
}

fn a_root_inside_a_view_must_not_be_a_link(t: &Subject) -> CheckResult {
    two_trees(t)?;
    let view = view(t)?;
    t.symlink("../outside", "in/link")?;
    stopped(view.beneath(&t.at("in/link")), "beneath")?;
    stopped(view.beneath(&t.at("in/link/d")), "beneath")
}

fn removing_a_tree_keeps_the_targets_of_its_links(t: &Subject) -> CheckResult {
    two_trees(t)?;
    t.mkdir("in/d")?;
    t.mkdir("in/d/e")?;
    t.put("in/d/e/f", b"x")?;
    t.symlink("../../outside", "in/d/link")?;
    t.symlink("../../../outside/f", "in/d/e/link")?;
    view(t)?.remove_dir_all(&t.at("in/d"))?;
    t.has_names("in", &[])?;
    outside_is_untouched(t)
}

/// The tree is deeper than the limits for path length and open files allow in one step.
fn a_deep_tree_is_removed(t: &Subject) -> CheckResult {
    two_trees(t)?;
    let top = t.at("in/top");
    t.fs.create_dir(&top)?;
    // Each round moves the existing directories one level down.
    for _ in 0..1500 {
        t.fs.create_dir(&t.at("in/new"))?;
        t.fs.rename(&top, &t.at("in/new/top"))?;
        t.fs.rename(&t.at("in/new"), &top)?;
    }
    view(t)?.remove_dir_all(&top)?;
    t.has_names("in", &[])
}

//! Modes, owners and groups. The checks compare with the owner and group that the backend reports for a new file,
//! because the suite may run as any user.

use std::{io::ErrorKind, ops::ControlFlow};

use super::{
    CheckResult, Failure, Subject, ensure, list, same,
    subject::{permissions, read_write, refused, write},
};
use crate::{
    DirPair, FsFile, FsMetadata, FsPermissions, NamePair, Op, Permissions, PermissionsSet,
    batch::{ReflinkOptions, reflink_batch_with},
};

list! { "permissions":
    only_the_owner_can_use_a_private_file
    only_the_owner_can_use_a_private_directory
    only_the_owner_can_use_a_new_clone
    a_new_clone_has_at_most_the_mode_asked_for
    a_handle_sets_the_mode_of_its_file
    setuid_setgid_and_sticky_are_never_set
    set_directory_permissions_changes_only_directories
    keeping_the_owner_succeeds
    a_refused_group_gives_another_group_no_rights
}

fn ability(t: &Subject) -> Result<&dyn FsPermissions, Failure> {
    permissions(&*t.fs).ok_or_else(|| Failure::NotApplicable("the backend has no permissions".into()))
}

fn of(metadata: &FsMetadata) -> Result<Permissions, Failure> {
    let missing =
        || Failure::Violated("the metadata has no permissions, although the backend can set them".into());
    metadata.permissions.ok_or_else(missing)
}

fn mode(t: &Subject, name: &str) -> Result<u32, Failure> {
    Ok(of(&t.fs.symlink_metadata(&t.at(name))?)?.mode)
}

fn file_mode(file: &dyn FsFile) -> Result<u32, Failure> {
    Ok(of(&file.metadata()?)?.mode)
}

/// Sets a mode and keeps the owner and the group.
fn set(file: &dyn FsFile, mode: u32) -> Result<PermissionsSet, Failure> {
    Ok(file.set_permissions(&of(&file.metadata()?)?.with_mode(mode))?)
}

fn only_the_owner_can_use_a_private_file(t: &Subject) -> CheckResult {
    let _ = ability(t)?;
    let file = t.open("f", write().create_new(true).private(true))?;
    same!(file_mode(&*file)? & 0o077, 0, "rights of group and others to a private file");
    same!(mode(t, "f")? & 0o077, 0, "rights of group and others to its name");
    file.write_at(b"bytes", 0)?;
    t.holds("f", b"bytes")?;
    t.put("g", b"old")?;
    let before = mode(t, "g")?;
    let _ = t.open("g", read_write().private(true))?;
    same!(mode(t, "g")?, before, "mode of an existing file that was opened as private");
    for (name, asked, allowed) in [("asked", 0o640, 0o740), ("setuid", 0o4750, 0o750)] {
        let file = t.open(name, write().create_new(true).created_with(asked))?;
        let found = file_mode(&*file)?;
        same!(found & !allowed, 0, "rights of a file with mode {found:o} that were not asked for");
    }
    Ok(())
}

fn only_the_owner_can_use_a_private_directory(t: &Subject) -> CheckResult {
    let ability = ability(t)?;
    ability.create_private_dir(&t.at("d"))?;
    same!(mode(t, "d")? & 0o077, 0, "rights of group and others to a private directory");
    t.put("d/f", b"bytes")?;
    let taken = t.at("d");
    refused(ability.create_private_dir(&taken), Op::CreateDir, &taken, &[ErrorKind::AlreadyExists])?;
    let orphan = t.at("none/d");
    refused(ability.create_private_dir(&orphan), Op::CreateDir, &orphan, &[ErrorKind::NotFound])?;
    t.has_names("", &["d"])
}

/// Leaves the check out if the backend does not choose the modes of clones. On Apple systems, the system chooses them.
fn needs_modes_of_clones(t: &Subject) -> CheckResult {
    let _ = ability(t)?;
    if !t.fs.capabilities(&t.root)?.reflink || cfg!(target_vendor = "apple") {
        return Err(Failure::NotApplicable("the backend does not choose the modes of clones".into()));
    }
    Ok(())
}

/// Returns `true` for a link in place of a clone. Another check detects it.
fn is_link(t: &Subject, clone: &str, from: &str) -> Result<bool, Failure> {
    let [clone, from] = [clone, from].map(|name| t.fs.metadata(&t.at(name)));
    let (clone, from) = (clone?.file_id, from?.file_id);
    Ok(from.is_some() && clone == from)
}

fn only_the_owner_can_use_a_new_clone(t: &Subject) -> CheckResult {
    needs_modes_of_clones(t)?;
    t.put("f", b"bytes")?;
    let _ = set(&*t.open("f", read_write())?, 0o644)?;
    t.fs.reflink_file(&t.at("f"), &t.at("clone"))?;
    if is_link(t, "clone", "f")? {
        return Ok(());
    }
    same!(mode(t, "clone")? & 0o077, 0, "rights of group and others to a clone");
    same!(mode(t, "f")?, 0o644, "mode of its source");
    Ok(())
}

fn a_new_clone_has_at_most_the_mode_asked_for(t: &Subject) -> CheckResult {
    needs_modes_of_clones(t)?;
    t.put("f", b"bytes")?;
    let _ = set(&*t.open("f", read_write())?, 0o666)?;
    let dirs = DirPair { from: &t.root, to: &t.root };
    for (name, asked, allowed) in
        [("private", None, 0o700), ("asked", Some(0o640), 0o740), ("setuid", Some(0o4750), 0o750)]
    {
        let (created_with, mut failure) = (|_| asked, None);
        let options = ReflinkOptions { created_with: Some(&created_with), ..ReflinkOptions::default() };
        let names = [NamePair { from: "f".as_ref(), to: name.as_ref() }];
        reflink_batch_with(&*t.fs, dirs, &names, &options, &mut |_, cloned| {
            failure = cloned.err();
            ControlFlow::Continue(())
        });
        if let Some(e) = failure {
            return Err(e.into());
        }
        if is_link(t, name, "f")? {
            return Ok(());
        }
        let found = mode(t, name)?;
        same!(found & !allowed, 0, "rights of a clone with mode {found:o} that were not asked for");
    }
    Ok(())
}

fn a_handle_sets_the_mode_of_its_file(t: &Subject) -> CheckResult {
    let _ = ability(t)?;
    let file = t.open("f", write().create_new(true))?;
    t.fs.rename(&t.at("f"), &t.at("g"))?;
    t.put("f", b"another")?;
    let of_another = mode(t, "f")?;
    for wanted in [0o640, 0o604, 0o600, 0o777] {
        let before = file_mode(&*file)?;
        let answer = set(&*file, wanted)?;
        let expected = if answer.mode { wanted } else { before };
        same!(file_mode(&*file)?, expected, "mode behind the handle, after {answer:?}");
        same!(mode(t, "g")?, expected, "mode of the name that the file has now");
    }
    same!(mode(t, "f")?, of_another, "mode of the file that has the old name");
    Ok(())
}

fn setuid_setgid_and_sticky_are_never_set(t: &Subject) -> CheckResult {
    let ability = ability(t)?;
    let file = t.open("f", write().create_new(true))?;
    if set(&*file, 0o7755)?.mode {
        same!(file_mode(&*file)?, 0o755, "mode of a file that was to be setuid, setgid and sticky");
    }
    t.mkdir("d")?;
    let to = of(&t.fs.metadata(&t.at("d"))?)?.with_mode(0o7750);
    if ability.set_directory_permissions(&t.at("d"), &to)?.mode {
        same!(mode(t, "d")? & 0o1777, 0o750, "mode of a directory that was to be setgid and sticky");
    }
    Ok(())
}

fn set_directory_permissions_changes_only_directories(t: &Subject) -> CheckResult {
    let ability = ability(t)?;
    t.mkdir("d")?;
    t.put("f", b"")?;
    let of_file = mode(t, "f")?;
    let to = of(&t.fs.metadata(&t.at("d"))?)?.with_mode(0o750);
    if ability.set_directory_permissions(&t.at("d"), &to)?.mode {
        same!(mode(t, "d")?, 0o750, "mode of a directory");
    }
    let (file, none) = (t.at("f"), t.at("none"));
    let refusal = ability.set_directory_permissions(&file, &to);
    refused(refusal, Op::SetPermissions, &file, &[ErrorKind::NotADirectory])?;
    same!(mode(t, "f")?, of_file, "mode of a file after set_directory_permissions");
    refused(
        ability.set_directory_permissions(&none, &to),
        Op::SetPermissions,
        &none,
        &[ErrorKind::NotFound],
    )?;
    if t.odd_nodes.is_some() {
        t.symlink("d", "link")?;
        let before = mode(t, "d")?;
        ensure!(
            ability.set_directory_permissions(&t.at("link"), &to.with_mode(0o700)).is_err(),
            "a symbolic link was followed"
        );
        same!(mode(t, "d")?, before, "mode of the directory behind the link");
    }
    Ok(())
}

fn keeping_the_owner_succeeds(t: &Subject) -> CheckResult {
    let ability = ability(t)?;
    let file = t.open("f", write().create_new(true))?;
    let before = of(&file.metadata()?)?;
    ensure!(set(&*file, 0o600)?.owner, "keeping the owner of a file was reported as refused");
    let after = of(&file.metadata()?)?;
    same!((after.owner, after.group), (before.owner, before.group), "owner and group of a file");
    t.mkdir("d")?;
    let before = of(&t.fs.metadata(&t.at("d"))?)?;
    let kept = ability.set_directory_permissions(&t.at("d"), &before.with_mode(0o700))?;
    ensure!(kept.owner, "keeping the owner of a directory was reported as refused");
    let after = of(&t.fs.metadata(&t.at("d"))?)?;
    same!((after.owner, after.group), (before.owner, before.group), "owner and group of a directory");
    Ok(())
}

/// If the process may set any group, nothing is refused and the check passes.
fn a_refused_group_gives_another_group_no_rights(t: &Subject) -> CheckResult {
    let ability = ability(t)?;
    let file = t.open("f", write().create_new(true).private(true))?;
    ability.create_private_dir(&t.at("d"))?;
    let before = of(&file.metadata()?)?;
    let to = Permissions { mode: 0o750, group: before.group ^ 1, ..before };
    let answers = [file.set_permissions(&to)?, ability.set_directory_permissions(&t.at("d"), &to)?];
    for (answer, found) in answers.into_iter().zip([of(&file.metadata()?)?, of(&t.fs.metadata(&t.at("d"))?)?])
    {
        if found.group != to.group {
            same!(found.mode & 0o070, 0, "rights of a group other than the requested one");
            ensure!(!answer.mode, "a mode without the rights of its group is reported as set");
            ensure!(!answer.owner, "a group that was refused is reported as set");
        } else if answer.mode {
            same!(found.mode, to.mode, "mode with the requested group");
        }
    }
    Ok(())
}

//! Checks of hard links, clones, ids of volumes, capabilities and free space.
//!
//! A link is a second name of an inode, and a clone is a second inode that shares bytes.

use std::io::ErrorKind;

use super::{
    CheckResult, Failure, Subject, ensure, list, same,
    subject::{attributes, read_write, refused, refused_pair, write},
};
use crate::{Fs, Op};

list! { "links":
    a_hard_link_is_the_same_inode
    a_hard_link_outlives_the_first_name
    an_impossible_hard_link_is_refused
    a_hard_link_does_not_cross_volumes
    a_clone_has_the_same_bytes_in_its_own_inode
    an_impossible_clone_is_refused
    a_clone_does_not_cross_volumes
    a_namespace_has_one_id
    volumes_have_different_ids
    claimed_capabilities_work
    copy_on_write_is_disabled_or_reported_as_missing
    space_is_counted
}

/// Skips a check of hard links if the mount has none, after checking that it refuses one without side effects.
fn without_links(t: &Subject) -> Result<bool, Failure> {
    if t.fs.capabilities(&t.root)?.hard_link {
        return Ok(false);
    }
    let (from, to) = (t.at("f"), t.at("refused"));
    let Err(error) = t.fs.hard_link(&from, &to) else {
        // The mount has links although the backend does not claim them, so the check applies.
        t.fs.remove_file(&to)?;
        return Ok(false);
    };
    ensure!(error.allows_fallback(), "{error}: does not allow a fallback");
    t.absent("refused")?;
    Ok(true)
}

fn a_hard_link_is_the_same_inode(t: &Subject) -> CheckResult {
    t.put("f", b"bytes")?;
    if without_links(t)? {
        return Ok(());
    }
    t.mkdir("d")?;
    t.fs.hard_link(&t.at("f"), &t.at("d/g"))?;
    t.open("d/g", write())?.write_at(b"B", 0)?;
    t.holds("f", b"Bytes")?;
    let (f, g) = (t.fs.metadata(&t.at("f"))?, t.fs.metadata(&t.at("d/g"))?);
    same!(f.file_id, g.file_id, "ids of the two names");
    ensure!(
        matches!(f.link_count, None | Some(2)),
        "an inode with two names has link_count {:?}",
        f.link_count
    );
    Ok(())
}

fn a_hard_link_outlives_the_first_name(t: &Subject) -> CheckResult {
    t.put("f", b"bytes")?;
    if without_links(t)? {
        return Ok(());
    }
    t.fs.hard_link(&t.at("f"), &t.at("g"))?;
    t.fs.remove_file(&t.at("f"))?;
    t.holds("g", b"bytes")?;
    let links = t.fs.metadata(&t.at("g"))?.link_count;
    ensure!(matches!(links, None | Some(1)), "an inode with one name has link_count {links:?}");
    // Replacing a name unbinds it from its inode. The other name keeps the bytes.
    t.fs.hard_link(&t.at("g"), &t.at("h"))?;
    t.put("new", b"new")?;
    t.fs.rename(&t.at("new"), &t.at("g"))?;
    t.holds("h", b"bytes")
}

fn an_impossible_hard_link_is_refused(t: &Subject) -> CheckResult {
    t.put("f", b"x")?;
    t.put("taken", b"y")?;
    t.mkdir("d")?;
    if without_links(t)? {
        return Ok(());
    }
    let (f, taken, d, none, new) = (t.at("f"), t.at("taken"), t.at("d"), t.at("none"), t.at("new"));
    let nowhere = t.at("no/dir");
    for (from, to, kind) in [
        (&f, &taken, ErrorKind::AlreadyExists),
        (&f, &d, ErrorKind::AlreadyExists),
        (&f, &f, ErrorKind::AlreadyExists),
        (&none, &new, ErrorKind::NotFound),
        (&f, &nowhere, ErrorKind::NotFound),
        (&d, &new, ErrorKind::PermissionDenied),
    ] {
        refused_pair(t.fs.hard_link(from, to), Op::HardLink, (from, to), &[kind])?;
    }
    t.holds("taken", b"y")?;
    t.has_names("", &["d", "f", "taken"])
}

fn other(t: &Subject) -> Result<&std::path::PathBuf, Failure> {
    t.other_volume
        .as_ref()
        .ok_or_else(|| Failure::NotApplicable("the subject provides no second volume".into()))
}

fn a_hard_link_does_not_cross_volumes(t: &Subject) -> CheckResult {
    t.put("f", b"x")?;
    let (from, to) = (t.at("f"), other(t)?.join("f"));
    let linked = t.fs.hard_link(&from, &to);
    ensure!(linked.as_ref().is_err_and(crate::Error::allows_fallback), "EXDEV does not allow a fallback");
    refused_pair(linked, Op::HardLink, (&from, &to), &[ErrorKind::CrossesDevices])?;
    same!(t.fs.read_dir(other(t)?)?.len(), 0, "names on the other volume");
    Ok(())
}

fn a_clone_has_the_same_bytes_in_its_own_inode(t: &Subject) -> CheckResult {
    let bytes = vec![42; 100_000];
    t.put("f", &bytes)?;
    let (from, to) = (t.at("f"), t.at("clone"));
    if !t.fs.capabilities(&t.root)?.reflink {
        if let Err(error) = t.fs.reflink_file(&from, &to) {
            ensure!(error.allows_fallback(), "{error}: does not allow a fallback");
            return t.has_names("", &["f"]);
        }
        // The mount has clones although the backend does not claim them, so the check applies.
        t.fs.remove_file(&to)?;
    }
    t.fs.reflink_file(&from, &to)?;
    t.holds("clone", &bytes)?;
    let (f, clone) = (t.fs.metadata(&from)?, t.fs.metadata(&to)?);
    ensure!(f.file_id.is_none() || f.file_id != clone.file_id, "the clone is the same inode");
    t.open("clone", write())?.write_at(b"c", 0)?;
    t.open("f", write())?.write_at(b"f", 1)?;
    let (f, clone) = (t.get("f")?, t.get("clone")?);
    same!(f.get(..2), Some(&b"*f"[..]), "the source after both were written");
    same!(clone.get(..2), Some(&b"c*"[..]), "the clone after both were written");
    t.fs.remove_file(&from)?;
    same!(t.get("clone")?.len(), bytes.len(), "length of the clone without its source");
    Ok(())
}

fn an_impossible_clone_is_refused(t: &Subject) -> CheckResult {
    t.put("f", b"x")?;
    t.put("taken", b"y")?;
    t.mkdir("d")?;
    if !t.fs.capabilities(&t.root)?.reflink {
        return Ok(());
    }
    let (f, taken, d, none, new) = (t.at("f"), t.at("taken"), t.at("d"), t.at("none"), t.at("new"));
    let nowhere = t.at("no/dir");
    for (from, to, kind) in [
        (&f, &taken, ErrorKind::AlreadyExists),
        (&f, &d, ErrorKind::AlreadyExists),
        (&none, &new, ErrorKind::NotFound),
        (&f, &nowhere, ErrorKind::NotFound),
        (&d, &new, ErrorKind::IsADirectory),
    ] {
        refused_pair(t.fs.reflink_file(from, to), Op::ReflinkFile, (from, to), &[kind])?;
    }
    t.holds("taken", b"y")?;
    t.has_names("", &["d", "f", "taken"])
}

fn a_clone_does_not_cross_volumes(t: &Subject) -> CheckResult {
    t.put("f", b"x")?;
    let (from, to) = (t.at("f"), other(t)?.join("f"));
    let Err(error) = t.fs.reflink_file(&from, &to) else {
        return Err(Failure::Violated("a clone crossed volumes".into()));
    };
    ensure!(error.allows_fallback(), "{error}: does not allow a fallback");
    same!(t.fs.read_dir(other(t)?)?.len(), 0, "names on the other volume");
    Ok(())
}

fn a_namespace_has_one_id(t: &Subject) -> CheckResult {
    let id = t.fs.backend_id();
    same!(t.fs.backend_id(), id, "backend_id asked twice");
    same!(Fs::backend_id(&&t.fs), id, "backend_id through a reference");
    Ok(())
}

fn volumes_have_different_ids(t: &Subject) -> CheckResult {
    let none = t.at("none");
    let kinds = [ErrorKind::NotFound];
    refused(t.fs.volume_id(&none), Op::VolumeId, &none, &kinds)?;
    t.put("f", b"x")?;
    match t.fs.volume_id(&t.root) {
        Err(e) if e.kind() == ErrorKind::Unsupported => return Ok(()),
        root => same!(t.fs.volume_id(&t.at("f"))?, root?, "volumes of a directory and its file"),
    }
    let id = t.fs.metadata(&t.at("f"))?.file_id;
    ensure!(id.is_none_or(|id| Ok(id.volume) == t.fs.volume_id(&t.root).map_err(drop)), "volume in {id:?}");
    if let Some(other) = &t.other_volume {
        ensure!(t.fs.volume_id(other)? != t.fs.volume_id(&t.root)?, "two volumes have one id");
    }
    Ok(())
}

fn claimed_capabilities_work(t: &Subject) -> CheckResult {
    let none = t.at("none");
    refused(t.fs.capabilities(&none), Op::Capabilities, &none, &[ErrorKind::NotFound])?;
    let capabilities = t.fs.capabilities(&t.root)?;
    t.has_names("", &[])?;
    same!(t.fs.capabilities(&t.root)?, capabilities, "capabilities asked twice");
    t.put("f", &[1; 8192])?;
    let (f, to) = (t.at("f"), t.at("to"));
    if capabilities.punch_hole {
        t.fs.punch_hole(&f, 0, 4096)?;
    }
    if capabilities.hard_link {
        t.fs.hard_link(&f, &to)?;
        t.fs.remove_file(&to)?;
    }
    if capabilities.reflink {
        t.fs.reflink_file(&f, &to)?;
        t.fs.remove_file(&to)?;
    }
    if capabilities.rename_noreplace {
        t.fs.rename_noreplace(&f, &to)?;
    }
    Ok(())
}

fn copy_on_write_is_disabled_or_reported_as_missing(t: &Subject) -> CheckResult {
    let Some(attributes) = attributes(&t.fs) else {
        return Err(Failure::NotApplicable("the backend has no attributes".into()));
    };
    let none = t.at("none");
    refused(attributes.try_disable_cow(&none), Op::TryDisableCow, &none, &[ErrorKind::NotFound])?;
    t.put("f", b"")?;
    let first = attributes.try_disable_cow(&t.at("f"))?;
    same!(attributes.try_disable_cow(&t.at("f"))?, first, "asked twice");
    let file = t.open("f", read_write())?;
    file.write_at(&[9; 10_000], 0)?;
    if t.fs.capabilities(&t.root)?.reflink {
        t.fs.reflink_file(&t.at("f"), &t.at("clone"))?;
        t.holds("clone", &[9; 10_000])?;
    }
    t.holds("f", &[9; 10_000])
}

fn space_is_counted(t: &Subject) -> CheckResult {
    let none = t.at("none");
    refused(t.fs.available_space(&none), Op::AvailableSpace, &none, &[ErrorKind::NotFound])?;
    match t.fs.available_space(&t.root) {
        Err(e) if e.kind() == ErrorKind::Unsupported => Ok(()),
        space => {
            ensure!(space? > 0, "available_space is 0 in an empty directory");
            Ok(())
        }
    }
}

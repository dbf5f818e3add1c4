//! Errors: they name the operation and the paths, even after a conversion into `std::io::Error`.

use std::io::{ErrorKind, Read};

use super::{
    CheckResult, Failure, Subject, ensure, list, same,
    subject::{attributes, permissions, read, refused, refused_pair, write},
};
use crate::{Op, Permissions, SyncMode, raw_os_error};

list! { "errors":
    every_error_names_its_operation_and_path
    an_error_is_one_line_with_its_paths
    io_errors_keep_kind_and_errno
}

fn every_error_names_its_operation_and_path(t: &Subject) -> CheckResult {
    let (none, to) = (&t.at("none"), &t.at("no/dir"));
    let kinds = [ErrorKind::NotFound];
    let fs = &t.fs;
    refused(fs.open(none, &read()), Op::Open, none, &kinds)?;
    refused(fs.create_dir(to), Op::CreateDir, to, &kinds)?;
    refused(fs.read_dir(none), Op::ReadDir, none, &kinds)?;
    refused(fs.metadata(none), Op::Metadata, none, &kinds)?;
    refused(fs.symlink_metadata(none), Op::SymlinkMetadata, none, &kinds)?;
    refused(fs.remove_file(none), Op::RemoveFile, none, &kinds)?;
    refused(fs.remove_dir(none), Op::RemoveDir, none, &kinds)?;
    refused(fs.remove_dir_all(none), Op::RemoveDirAll, none, &kinds)?;
    refused_pair(fs.rename(none, to), Op::Rename, (none, to), &kinds)?;
    let unsupported = [ErrorKind::NotFound, ErrorKind::Unsupported];
    refused_pair(fs.rename_noreplace(none, to), Op::RenameNoreplace, (none, to), &unsupported)?;
    refused_pair(fs.hard_link(none, to), Op::HardLink, (none, to), &unsupported)?;
    refused_pair(fs.reflink_file(none, to), Op::ReflinkFile, (none, to), &unsupported)?;
    refused(fs.sync_directory(none, SyncMode::Normal), Op::SyncDirectory, none, &kinds)?;
    refused(fs.try_lock_directory(none), Op::TryLockDirectory, none, &kinds)?;
    refused(fs.volume_id(none), Op::VolumeId, none, &kinds)?;
    refused(fs.capabilities(none), Op::Capabilities, none, &kinds)?;
    refused(fs.available_space(none), Op::AvailableSpace, none, &kinds)?;
    refused(fs.punch_hole(none, 0, 1), Op::PunchHole, none, &kinds)?;
    refused(fs.truncate_file(none, 0), Op::TruncateFile, none, &kinds)?;
    if let Some(attributes) = attributes(fs) {
        refused(attributes.try_disable_cow(none), Op::TryDisableCow, none, &kinds)?;
    }
    if let Some(ability) = permissions(fs) {
        let to = Permissions { mode: 0o700, owner: 0, group: 0 };
        refused(ability.set_directory_permissions(none, &to), Op::SetPermissions, none, &kinds)?;
    }
    t.has_names("", &[])
}

fn an_error_is_one_line_with_its_paths(t: &Subject) -> CheckResult {
    let (from, to) = (t.at("none"), t.at("to"));
    let Err(error) = t.fs.rename(&from, &to) else {
        return Err(Failure::Violated("a missing file was renamed".into()));
    };
    let text = error.to_string();
    ensure!(text.contains("rename") && !text.contains('\n'), "{text:?}: no operation, or more than a line");
    ensure!(text.contains(&*from.to_string_lossy()), "{text:?}: does not show the first path");
    ensure!(text.contains(&*to.to_string_lossy()), "{text:?}: does not show the second path");
    Ok(())
}

fn io_errors_keep_kind_and_errno(t: &Subject) -> CheckResult {
    let Err(error) = t.fs.open(&t.at("none"), &read()) else {
        return Err(Failure::Violated("a missing file was opened".into()));
    };
    let code = error.raw_os_error();
    let io_error = std::io::Error::from(error);
    same!(io_error.kind(), ErrorKind::NotFound, "kind after the conversion");
    same!(raw_os_error(&io_error), code, "errno after the conversion");
    // The methods of `Read` and `Write` name the path, too.
    t.put("f", b"x")?;
    let mut writer = t.open("f", write())?;
    let Err(io_error) = writer.read(&mut [0]) else {
        return Err(Failure::Violated("a write-only handle read".into()));
    };
    ensure!(io_error.to_string().contains("read"), "{io_error}: does not name the operation");
    ensure!(
        io_error.to_string().contains(&*t.at("f").to_string_lossy()),
        "{io_error}: does not name the path"
    );
    Ok(())
}

//! Removals. They also work on read-only files, and while another process has the file open for a moment.

use std::{fs, io, os::windows::fs::FileTypeExt, path::Path};

use super::{
    error::{ACCESS_DENIED, Refusal, patiently, refine},
    name, not_a_directory,
    stat::symlink_metadata,
};

/// Removes a file, or a symbolic link of either kind. Windows 10 removes the name at once, although handles are open
/// (`windows/win32/api/winbase/ns-winbase-file_disposition_info_ex`). std asks for that.
pub(in crate::std_fs) fn remove_file(path: &Path) -> io::Result<()> {
    name::check(path)?;
    let remove = || match fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_symlink_dir() => fs::remove_dir(path),
        _ => fs::remove_file(path),
    };
    unhindered(path, &remove, &|e| match symlink_metadata(path) {
        Ok(found) if !found.is_dir() => Refusal::MayPass(e),
        _ => Refusal::Final(e),
    })
    .map_err(|e| refine(path, e))
}

/// Removes an empty directory. Windows would remove a link to a directory, too.
pub(in crate::std_fs) fn remove_dir(path: &Path) -> io::Result<()> {
    if !symlink_metadata(path)?.is_dir() {
        return Err(not_a_directory());
    }
    unhindered(path, &|| fs::remove_dir(path), &Refusal::MayPass)
}

/// Removes a directory tree. std follows no link, and keeps one handle open for each level.
pub(in crate::std_fs) fn remove_dir_all(path: &Path) -> io::Result<()> {
    if !symlink_metadata(path)?.is_dir() {
        return Err(not_a_directory());
    }
    fs::remove_dir_all(path)
}

/// Makes a call that works on a read-only entry too, as on Unix. If Windows refuses the call because of the attribute,
/// clears the attribute and repeats the call. If that fails, sets the attribute again.
pub(super) fn unhindered(
    entry: &Path,
    call: &dyn Fn() -> io::Result<()>,
    judge: &dyn Fn(io::Error) -> Refusal,
) -> io::Result<()> {
    let read_only = |entry: &Path| fs::symlink_metadata(entry).is_ok_and(|m| m.permissions().readonly());
    match patiently(call, |e| if read_only(entry) { Refusal::Final(e) } else { judge(e) }) {
        Err(e) if e.raw_os_error() == Some(ACCESS_DENIED) && read_only(entry) => {}
        done => return done,
    }
    set_read_only(entry, false)?;
    let done = patiently(call, judge);
    if done.is_err() {
        set_read_only(entry, true)?;
    }
    done
}

fn set_read_only(entry: &Path, read_only: bool) -> io::Result<()> {
    let mut permissions = fs::symlink_metadata(entry)?.permissions();
    permissions.set_readonly(read_only);
    fs::set_permissions(entry, permissions)
}

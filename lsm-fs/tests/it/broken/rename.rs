//! The renames of a broken backend.

use std::{io, path::Path};

use lsm_fs::{Error, Fs, FsExt, FsFile, FsOpenOptions, Op, Result, StdFs, errno};

use super::Defect;

pub(super) fn rename(defect: Defect, from: &Path, to: &Path) -> Result<()> {
    match defect {
        Defect::RenameCopies => {
            let bytes = StdFs.read_to_vec(from, 1 << 24)?;
            let file = StdFs.open(to, &FsOpenOptions::new().write(true).create(true).truncate(true))?;
            file.write_at(&bytes, 0)?;
            StdFs.remove_file(from)
        }
        Defect::RenameReplacesAnything => {
            let _ = StdFs.remove_dir_all(to).and_then(|()| StdFs.remove_file(to));
            if StdFs.metadata(from).is_ok_and(|m| m.is_dir()) {
                let _ = StdFs.remove_file(to);
            }
            StdFs.rename(from, to)
        }
        Defect::RenameRemovesTargetFirst => {
            let _ = StdFs.remove_file(to);
            StdFs.rename(from, to)
        }
        Defect::RenameOverwrites if to.is_file() && from.is_file() && !same_inode(from, to) => {
            std::fs::write(to, std::fs::read(from).unwrap()).unwrap();
            StdFs.remove_file(from)
        }
        Defect::RenameCopiesFile
            if from.is_file() && !to.exists() && to.parent().is_some_and(Path::is_dir) =>
        {
            std::fs::copy(from, to).unwrap();
            StdFs.remove_file(from)
        }
        Defect::RenameDirEmpties if from.is_dir() && !to.starts_with(from) => {
            for entry in StdFs.read_dir(from)? {
                let _ = StdFs.remove_dir_all(&from.join(entry.name));
            }
            StdFs.rename(from, to)
        }
        Defect::RenameBlinks if to.is_file() && from.is_file() && !same_inode(from, to) => {
            StdFs.remove_file(to)?;
            let_others_act();
            StdFs.rename(from, to)
        }
        Defect::RenameErrorNamesParent => StdFs.rename(from, to).map_err(|e| {
            let cause = io::Error::from_raw_os_error(e.raw_os_error().unwrap_or(errno::EIO));
            Error::with_paths(Op::Rename, from, to.parent().unwrap_or(to), cause)
        }),
        Defect::RenameDropsSource => StdFs.rename(from, to).inspect_err(|_| {
            let _ = StdFs.remove_file(from);
        }),
        Defect::NestedRenameIsIgnored if to.starts_with(from) => Ok(()),
        Defect::SameInodeRenameRemoves if same_inode(from, to) => StdFs.remove_file(from),
        _ => StdFs.rename(from, to),
    }
}

/// Gives another thread time to act between the check and the step.
pub(super) fn let_others_act() {
    (0..100).for_each(|_| std::thread::yield_now());
}

pub(super) fn noreplace(e: &Error) -> Error {
    let cause = io::Error::from_raw_os_error(e.raw_os_error().unwrap_or(errno::EIO));
    Error::with_paths(Op::RenameNoreplace, e.path(), e.other_path().unwrap(), cause)
}

fn same_inode(a: &Path, b: &Path) -> bool {
    let id = |path| StdFs.metadata(path).ok().and_then(|m| m.file_id);
    a != b && id(a).is_some() && id(a) == id(b)
}

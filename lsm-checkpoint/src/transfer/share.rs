//! Links and clones files, one pair of directories at a time.

use std::{ffi::OsStr, io, ops::ControlFlow};

use lsm_fs::{
    DirPair, FsFile, NamePair, Permissions,
    batch::{ReflinkOptions, hard_link_batch, metadata_batch, reflink_batch_with},
    errno,
};

use super::{
    FinishedFile, Transfer,
    base::is_same_inode,
    group::Group,
    pending::{Batch, PendingFile, Reported, order_of},
};
use crate::{Error, Method, Result, permissions::permissions_of_new_dir};

/// The result of one method for a group.
pub(super) struct Shared<'a> {
    /// The files that the method did not bring.
    pub(super) left: Vec<PendingFile<'a>>,
    /// `true` if the method does not work between these volumes at all.
    pub(super) by_volume: bool,
}

/// A link or clone to make, and the permissions of a clone.
struct ShareOrder<'a> {
    names: NamePair<'a>,
    permissions: Option<Permissions>,
}

impl<'a> Transfer<'_, 'a> {
    /// Links or clones files of a group.
    pub(super) fn share(
        &mut self,
        group: &Group<'_>,
        method: Method,
        files: Vec<PendingFile<'a>>,
    ) -> Result<Shared<'a>> {
        let to_dir = self.params.dir.join(&group.folder.dir);
        let (unconfined, mode, keeper) = (self.params.unconfined, self.params.mode, self.params.keeper);
        let source = unconfined.source_dir(group)?;
        let view = source.as_deref().map(|source| source.beneath(unconfined.parent)).transpose()?;
        let fs = view.as_deref().unwrap_or(self.params.fs);
        let keeps = keeper.is_able() && method == Method::Reflink;
        let (mut made, mut by_volume) = (Vec::new(), false);
        let (mut batch, orders) = Batch::new(files, &mut made, |file| {
            let permissions = if keeps { file.permissions()? } else { None };
            Ok(ShareOrder { names: file.names(), permissions })
        })?;
        let names: Vec<NamePair<'_>> = orders.iter().map(|order| order.names).collect();
        let here = if keeps { permissions_of_new_dir(self.params.fs, &to_dir)? } else { None };
        let prepare =
            |index: usize, clone: &dyn FsFile| keeper.file(clone, order_of(orders, index)?.permissions);
        let created_with =
            |index: usize| keeper.created_with(order_of(orders, index).ok()?.permissions, here);
        let mut report = |index: usize, result: lsm_fs::Result<()>| {
            batch.report(index, |mut file, order| match result {
                Ok(()) => self.shared(file, method, order.permissions),
                Err(e) if method == Method::HardLink && self.is_linked(&e, &file) => {
                    self.shared(file, method, None)
                }
                Err(refusal) if refusal.allows_fallback() => {
                    let is_of_volumes = is_of_volumes(&refusal);
                    by_volume |= is_of_volumes;
                    file.refusal = Some(refusal);
                    // If only this file is refused, for example because it has too many names, go on with the next one.
                    Ok(if is_of_volumes { Reported::AllRefused(file) } else { Reported::Refused(file) })
                }
                Err(error) => Err(file.source_error(error)),
            })
        };
        let dirs = DirPair { from: group.from_dir, to: &to_dir };
        match method {
            Method::HardLink => hard_link_batch(fs, dirs, &names, &mut report),
            _ => {
                let options =
                    ReflinkOptions { mode, prepare: Some(&prepare), created_with: Some(&created_with) };
                reflink_batch_with(fs, dirs, &names, &options, &mut report);
            }
        }
        Ok(Shared { left: batch.end()?.all(), by_volume })
    }

    /// Returns `true` if a link was made although the call reported that the name is taken. A network filesystem can
    /// report the effect of its own first attempt as an obstacle to the second (`link(2)`, BUGS).
    fn is_linked(&self, error: &lsm_fs::Error, file: &PendingFile<'_>) -> bool {
        let there = || self.params.fs.symlink_metadata(&self.params.dir.join(file.target())).ok();
        error.kind() == io::ErrorKind::AlreadyExists
            && there().is_some_and(|there| is_same_inode(self.params.fs, file, &there) == Some(true))
    }

    /// Records a file that now has its name in the target.
    pub(super) fn shared(
        &mut self,
        file: PendingFile<'a>,
        method: Method,
        permissions: Option<Permissions>,
    ) -> Result<Reported<'a>> {
        let len = file.len()?;
        let finished = FinishedFile { permissions, ..file.finished(method, len) };
        self.finish(finished, len).map(|()| Reported::Finished)
    }
}

/// Looks up the lengths that the snapshot does not know, a directory at a time.
pub(super) fn measure(group: &mut Group<'_>) -> Result<()> {
    let mut unknown: Vec<&mut PendingFile<'_>> =
        group.files.iter_mut().filter(|file| file.len.is_none()).collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let names: Vec<&OsStr> = unknown.iter().map(|file| file.source_name()).collect();
    let mut failure: Option<Error> = None;
    metadata_batch(group.fs, group.from_dir, &names, &mut |index, found| {
        let Some(file) = unknown.get_mut(index) else { return ControlFlow::Continue(()) };
        match found {
            Ok(metadata) => {
                file.len = Some(metadata.len);
                ControlFlow::Continue(())
            }
            Err(error) => {
                failure.get_or_insert(file.source_error(error));
                ControlFlow::Break(())
            }
        }
    });
    failure.map_or(Ok(()), Err)
}

/// Returns `true` if a refusal concerns the two volumes and not only one file. The following errors concern one file:
/// it has too many names (`EMLINK`, `link(2)`), its owner or its flags forbid a link (`EPERM`, `EACCES`, see
/// `fs.protected_hardlinks` in `proc_sys_fs(5)`), the filesystem cannot clone it (`EINVAL`, `ioctl_ficlone(2)`), or ZFS
/// has not written its blocks yet (`EAGAIN`).
fn is_of_volumes(refusal: &lsm_fs::Error) -> bool {
    let of_file = [errno::EMLINK, errno::EACCES, errno::EAGAIN, errno::EINVAL, errno::EPERM];
    match refusal.raw_os_error() {
        Some(code) => !of_file.contains(&code),
        None => refusal.kind() == io::ErrorKind::Unsupported,
    }
}

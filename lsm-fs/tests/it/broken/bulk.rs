//! The abilities of a broken backend. It has the bulk ability only with a defect in it. Otherwise, batches make single
//! calls.

use std::{ffi::OsStr, path::Path};

use lsm_fs::{
    DirPair, Fs, FsAbilities, FsAttributes, FsBulk, FsFile, FsOpenOptions, FsPermissions, LinkReport,
    NamePair, OpenDirPair, Permissions, PermissionsSet, Result, StdFs,
};

use super::{Broken, Defect};

impl FsAbilities for Broken {
    fn bulk(&self) -> Option<&dyn FsBulk> {
        match self.defect {
            Defect::BulkForwarded => StdFs.abilities()?.bulk(),
            Defect::BulkLinkDoesNothing
            | Defect::BulkLinkReplaces
            | Defect::BulkCloneLinks
            | Defect::BulkCloneIsPublic
            | Defect::BulkKeepsTarget => Some(self),
            _ => None,
        }
    }

    fn attributes(&self) -> Option<&dyn FsAttributes> {
        StdFs.abilities()?.attributes().is_some().then_some(self)
    }

    fn permissions(&self) -> Option<&dyn FsPermissions> {
        StdFs.abilities()?.permissions().is_some().then_some(self)
    }
}

impl FsBulk for Broken {
    fn open_pair<'a>(&'a self, dirs: DirPair<'a>) -> Result<Box<dyn OpenDirPair + 'a>> {
        Ok(Box::new(BrokenPair { fs: self, dirs }))
    }
}

struct BrokenPair<'a> {
    fs: &'a Broken,
    dirs: DirPair<'a>,
}

impl BrokenPair<'_> {
    fn link(&self, names: &NamePair<'_>) -> Result<()> {
        let (from, to) = (self.dirs.from.join(names.from), self.dirs.to.join(names.to));
        match self.fs.defect {
            Defect::BulkLinkDoesNothing => return Ok(()),
            Defect::BulkLinkReplaces => drop(StdFs.remove_file(&to)),
            _ => {}
        }
        self.fs.hard_link(&from, &to)
    }
}

impl OpenDirPair for BrokenPair<'_> {
    fn hard_link_each(&self, names: &[NamePair<'_>], report: LinkReport<'_>) {
        for (index, pair) in names.iter().enumerate() {
            if report(index, self.link(pair)).is_break() {
                return;
            }
        }
    }

    fn reflink_file(&self, names: &NamePair<'_>, _: Option<u32>) -> Result<Box<dyn FsFile>> {
        let (from, to) = (self.dirs.from.join(names.from), self.dirs.to.join(names.to));
        if self.fs.is(Defect::BulkCloneLinks) {
            self.fs.hard_link(&from, &to)?;
        } else {
            self.fs.reflink_file(&from, &to)?;
        }
        let clone = self.fs.open(&to, &FsOpenOptions::new().write(true))?;
        if self.fs.is(Defect::BulkCloneIsPublic)
            && let Some(found) = clone.metadata()?.permissions
        {
            let _ = clone.set_permissions(&found.with_mode(0o644))?;
        }
        Ok(clone)
    }

    fn remove_target(&self, name: &OsStr) -> Result<()> {
        if self.fs.is(Defect::BulkKeepsTarget) {
            return Ok(());
        }
        self.fs.remove_file(&self.dirs.to.join(name))
    }
}

impl FsAttributes for Broken {
    fn try_disable_cow(&self, path: &Path) -> Result<bool> {
        let attributes = StdFs.abilities().and_then(FsAbilities::attributes);
        let disabled =
            self.reported(attributes.map_or(Ok(false), |attributes| attributes.try_disable_cow(path)))?;
        if self.is(Defect::DisableCowCorrupts) {
            StdFs.open(path, &FsOpenOptions::new().write(true))?.write_at(b"x", 10_001)?;
        }
        Ok(disabled)
    }
}

impl FsPermissions for Broken {
    fn create_private_dir(&self, path: &Path) -> Result<()> {
        if self.is(Defect::PrivateDirsAreOrdinary) {
            return self.create_dir(path);
        }
        let ability = StdFs.abilities().and_then(FsAbilities::permissions).unwrap();
        self.reported(ability.create_private_dir(path))
    }

    fn set_directory_permissions(&self, path: &Path, to: &Permissions) -> Result<PermissionsSet> {
        if self.is(Defect::DirectoryModesReachFiles) && path.is_file() {
            return StdFs.open(path, &FsOpenOptions::new().read(true))?.set_permissions(to);
        }
        let ability = StdFs.abilities().and_then(FsAbilities::permissions).unwrap();
        let set = self.reported(ability.set_directory_permissions(path, to))?;
        Ok(if self.is(Defect::OwnersAreDenied) { PermissionsSet { owner: false, ..set } } else { set })
    }
}

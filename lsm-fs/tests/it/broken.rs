//! A backend with one defect at a time, to show that every check of the suite can fail.
//!
//! Without a defect it is [`StdFs`] with three additions, so that all checks run in one host directory: clones (by
//! copying), a second volume (every path below [`OTHER_VOLUME`]), and syncs that can be made to fail.

mod bulk;
mod file;
mod lock;
mod rename;
mod seen;
mod special;
mod view;

use std::{
    collections::BTreeSet,
    io,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, atomic::AtomicU64},
};

use file::BrokenFile;
use lock::AlwaysThere;
use lsm_fs::{
    DirectorySync, Error, Fs, FsAbilities, FsCapabilities, FsDirEntry, FsDirLock, FsExt, FsFile, FsFileType,
    FsMetadata, FsOpenOptions, Op, Result, StdFs, SyncMode, errno,
};
use rename::{let_others_act, noreplace};

/// The directory that represents another volume.
pub(crate) const OTHER_VOLUME: &str = "other-volume";

macro_rules! defects {
    ($($name:ident)+) => {
        /// The defect of a backend.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Defect { None, $($name,)+ }

        impl Defect {
            pub(crate) const ALL: &[Self] = &[$(Self::$name,)+];
        }
    };
}

defects! {
    OpenCreatesMissing CreateTruncates CreateNewIgnored TruncateIgnored OptionsUnchecked OpensDirectories
    NotDirIsNotFound EmptyPathIsHere NulCutsPath DotsAreNames CreateDirAcceptsExisting ReadDirUnsorted
    ReadDirMisses LenIsZero RemoveMissingIsOk RemoveFileDoesNothing RemoveFileTakesDirectories
    UnlinkedFilesAreCut RemoveDirIsRecursive RemoveAllTakesFiles NamesAreText RenameCopies RenameDropsSource
    RenameReplacesAnything NestedRenameIsIgnored SameInodeRenameRemoves RenameRemovesTargetFirst
    NoreplaceDoesNothing NoreplaceReplaces CrossesVolumes ReadAtIsShort WriteAtIsShort PositionalMoves
    ReadSkips SeekClamps AppendIsWrite AppendTakesPositional HandleLenIsCached ReadOnlyWrites SetLenOnlyCuts
    TruncateOnlyCuts TruncateShared PunchDoesNothing PunchShared NextDataMisses ReadManyIgnoresOffsets
    HintDestroys DirectIoAtZero DirectIoMustAlign LinkCopies LinkReplaces CloneLinks CloneReplaces
    BackendIdChanges OneVolumeId ClaimsTooMuch DisableCowCorrupts NoSpace LocksAlwaysGranted
    DirLocksAlwaysGranted DirLockAlwaysThere
    ReadOnlySyncFails DirSyncDoesNothing DirSyncIsNoop ForgetsPoison ErrorsWithoutPath BareIoErrors
    CreateDirLooksFirst NoreplaceLooksFirst PositionalIsRacy WriteWraps SyncPanics NextDataIsEmpty
    ReadAtStopsAtPages GapsAreGarbage
    RenameErrorNamesParent CreateDirSaysNotFound ReadDirSaysFile RenameOverwrites RenameDirEmpties
    RenameBlinks RenameCopiesFile EmptyReadUnchecked EmptyWriteUnchecked EmptyAppendMoves EmptyOffsetUnchecked
    PoisonSparesEmpty SameLenRefused SameLenUnchecked PunchTakesNothing EmptyWritebackFails
    SpecialFilesAreFiles OpensSpecialFiles TruncatesSpecialFiles ClonesSpecialFiles KeepsSpecialFiles
    BeneathTakesFiles ViewSaysLenIsZero ViewFollowsLinkAtEnd ViewFollowsLinkOnTheWay
    ViewHidesLinks ViewLinksLinks ViewBatchFollowsLinks ViewLinksSpecialFiles ViewTakesParents
    ViewEntersMounts ViewRefusesElsewhere ViewComparesText ViewTrustsWhatItSaw ViewRootIsAPath
    ViewHoldsItsName ViewLockAlwaysThere ViewForgetsTheOther ViewRootFollowsLinks ViewRemovesThroughLinks
    ViewRemovesByPath BulkLinkDoesNothing BulkLinkReplaces BulkCloneLinks BulkCloneIsPublic BulkKeepsTarget
    BulkForwarded WritebackZeroes PrivateFilesAreOrdinary PrivateDirsAreOrdinary ClonesAreOrdinary ModesAreIgnored
    ModesKeepSetuid DirectoryModesReachFiles OwnersAreDenied RefusedGroupsHaveRights
}

/// Paths whose syncs fail.
pub(crate) type Faults = Arc<Mutex<BTreeSet<PathBuf>>>;

/// Number of calls that the backend and its files have received.
pub(crate) type Calls = Arc<AtomicU64>;

#[derive(Debug)]
pub(crate) struct Broken {
    defect: Defect,
    faults: Faults,
    ids: Mutex<u64>,
    calls: Calls,
}

fn os_error<T>(op: Op, from: &Path, to: &Path, code: i32) -> Result<T> {
    Err(Error::with_paths(op, from, to, io::Error::from_raw_os_error(code)))
}

fn volume(path: &Path) -> bool {
    path.components().any(|c| c.as_os_str() == OTHER_VOLUME)
}

impl Broken {
    pub(crate) fn new(defect: Defect) -> Self {
        Self { defect, faults: Faults::default(), ids: Mutex::new(0), calls: Calls::default() }
    }

    pub(crate) fn calls(&self) -> Calls {
        Arc::clone(&self.calls)
    }

    pub(crate) fn faults(&self) -> Faults {
        Arc::clone(&self.faults)
    }

    fn is(&self, defect: Defect) -> bool {
        self.defect == defect
    }

    fn copy(&self, op: Op, from: &Path, to: &Path) -> Result<()> {
        let copied =
            self.read_to_vec(from, 1 << 24).and_then(|bytes| StdFs.write_new(to, &bytes, SyncMode::Normal));
        copied.map_err(|e| {
            Error::with_paths(op, from, to, io::Error::from_raw_os_error(e.raw_os_error().unwrap_or(22)))
        })
    }

    /// Gives a file the mode with which a clone is created.
    fn make_private(&self, path: &Path) -> Result<()> {
        let mode = if self.is(Defect::ClonesAreOrdinary) { 0o644 } else { 0o600 };
        let file = StdFs.open(path, &FsOpenOptions::new().write(true))?;
        let Some(found) = file.metadata()?.permissions else { return Ok(()) };
        file.set_permissions(&found.with_mode(mode)).map(drop)
    }

    fn crosses(&self, from: &Path, to: &Path) -> bool {
        volume(from) != volume(to)
    }
}

impl Fs for Broken {
    fn beneath(&self, root: &Path) -> Result<Box<dyn Fs + '_>> {
        if self.is(Defect::BeneathTakesFiles) && root.is_file() {
            return Ok(Box::new(StdFs));
        }
        Ok(Box::new(view::View::new(self.reported(StdFs.beneath(root))?, self, root)))
    }

    fn open(&self, path: &Path, options: &FsOpenOptions) -> Result<Box<dyn FsFile>> {
        let mut options = *options;
        match self.defect {
            Defect::OpenCreatesMissing if options.write => options.create = true,
            Defect::CreateTruncates if options.create => options.truncate = true,
            Defect::CreateNewIgnored if options.create_new => {
                (options.create_new, options.create, options.truncate) = (false, true, false);
            }
            Defect::TruncateIgnored => options.truncate = false,
            Defect::PrivateFilesAreOrdinary => options.private = false,
            Defect::OptionsUnchecked if options.validate().is_err() => {
                options = FsOpenOptions::new().write(true).create(true);
            }
            Defect::OpensDirectories if path.is_dir() => return special::some_file(),
            Defect::OpensSpecialFiles if special::is(path) && !options.create_new => {
                return special::some_file();
            }
            _ => {}
        }
        let seen = self.see(path);
        let inner = self.reported(StdFs.open(&seen, &BrokenFile::options(self.defect, options)))?;
        Ok(Box::new(BrokenFile::new(inner, path, self, options)?))
    }

    fn create_dir(&self, path: &Path) -> Result<()> {
        if self.is(Defect::CreateDirLooksFirst) && !path.exists() {
            let_others_act();
            return StdFs.create_dir(path).or_else(|e| if path.is_dir() { Ok(()) } else { Err(e) });
        }
        match self.reported(StdFs.create_dir(&self.see(path))) {
            Err(e) if self.is(Defect::CreateDirSaysNotFound) && e.kind() == io::ErrorKind::NotADirectory => {
                os_error(Op::CreateDir, path, path, errno::ENOENT)
            }
            Err(e)
                if self.is(Defect::CreateDirAcceptsExisting) && e.kind() == io::ErrorKind::AlreadyExists =>
            {
                Ok(())
            }
            other => other,
        }
    }

    fn read_dir(&self, path: &Path) -> Result<Vec<FsDirEntry>> {
        let mut entries = self.reported(StdFs.read_dir(&self.see(path)))?;
        match self.defect {
            Defect::ReadDirUnsorted => entries.reverse(),
            Defect::ReadDirSaysFile => {
                entries.iter_mut().for_each(|entry| entry.file_type = FsFileType::File);
            }
            Defect::ReadDirMisses => drop(entries.pop()),
            _ => {}
        }
        Ok(entries)
    }

    fn metadata(&self, path: &Path) -> Result<FsMetadata> {
        let mut metadata = self.reported(StdFs.metadata(&self.see(path)))?;
        match self.defect {
            Defect::LenIsZero => metadata.len = 0,
            Defect::SpecialFilesAreFiles if metadata.file_type == FsFileType::Other => {
                metadata.file_type = FsFileType::File;
            }
            _ => {}
        }
        Ok(metadata)
    }

    fn symlink_metadata(&self, path: &Path) -> Result<FsMetadata> {
        self.reported(StdFs.symlink_metadata(&self.see(path)))
    }

    fn remove_file(&self, path: &Path) -> Result<()> {
        match self.defect {
            Defect::RemoveFileDoesNothing => return Ok(()),
            Defect::KeepsSpecialFiles if special::is(path) => return Ok(()),
            Defect::UnlinkedFilesAreCut => {
                let _ = StdFs.open(path, &FsOpenOptions::new().write(true).truncate(true));
            }
            Defect::RemoveFileTakesDirectories if path.is_dir() => return StdFs.remove_dir(path),
            _ => {}
        }
        match self.reported(StdFs.remove_file(&self.see(path))) {
            Err(e) if self.is(Defect::RemoveMissingIsOk) && e.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    fn remove_dir(&self, path: &Path) -> Result<()> {
        if self.is(Defect::RemoveDirIsRecursive) {
            StdFs.remove_dir_all(path)
        } else {
            self.reported(StdFs.remove_dir(path))
        }
    }

    fn remove_dir_all(&self, path: &Path) -> Result<()> {
        if self.is(Defect::RemoveAllTakesFiles) && path.is_file() {
            return StdFs.remove_file(path);
        }
        self.reported(StdFs.remove_dir_all(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        if self.crosses(from, to) && !self.is(Defect::CrossesVolumes) {
            return os_error(Op::Rename, from, to, errno::EXDEV);
        }
        self.reported(rename::rename(self.defect, &self.see(from), &self.see(to)))
    }

    fn rename_noreplace(&self, from: &Path, to: &Path) -> Result<()> {
        match self.defect {
            Defect::NoreplaceDoesNothing => Ok(()),
            Defect::NoreplaceReplaces => StdFs.rename(from, to),
            Defect::NoreplaceLooksFirst if from.exists() && !to.exists() => {
                let_others_act();
                self.reported(StdFs.rename(from, to).map_err(|e| noreplace(&e)))
            }
            Defect::ClaimsTooMuch => Err(Error::with_paths(
                Op::RenameNoreplace,
                from,
                to,
                io::Error::from(io::ErrorKind::Unsupported),
            )),
            Defect::NestedRenameIsIgnored if to.starts_with(from) => Ok(()),
            _ if self.crosses(from, to) => os_error(Op::RenameNoreplace, from, to, errno::EXDEV),
            _ => self.reported(StdFs.rename_noreplace(from, to)),
        }
    }

    fn hard_link(&self, from: &Path, to: &Path) -> Result<()> {
        match self.defect {
            Defect::LinkCopies => return self.copy(Op::HardLink, from, to),
            Defect::LinkReplaces => drop(StdFs.remove_file(to)),
            Defect::CrossesVolumes => {}
            _ if self.crosses(from, to) => return os_error(Op::HardLink, from, to, errno::EXDEV),
            _ => {}
        }
        self.reported(StdFs.hard_link(&self.see(from), to))
    }

    fn reflink_file(&self, from: &Path, to: &Path) -> Result<()> {
        match self.defect {
            Defect::CloneLinks => return self.reported(StdFs.hard_link(from, to)),
            Defect::ClonesSpecialFiles if special::is(from) => return Ok(()),
            Defect::CloneReplaces => drop(StdFs.remove_file(to)),
            Defect::CrossesVolumes => {}
            _ if self.crosses(from, to) => return os_error(Op::ReflinkFile, from, to, errno::EXDEV),
            _ => {}
        }
        self.reported(self.copy(Op::ReflinkFile, from, to))?;
        self.make_private(to)
    }

    fn sync_directory(&self, path: &Path, mode: SyncMode) -> Result<DirectorySync> {
        match self.defect {
            Defect::DirSyncDoesNothing => Ok(DirectorySync::NotSupported),
            Defect::DirSyncIsNoop => Ok(DirectorySync::Durable),
            _ => self.reported(StdFs.sync_directory(&self.see(path), mode)),
        }
    }

    fn try_lock_directory(&self, path: &Path) -> Result<Option<Box<dyn FsDirLock>>> {
        if self.is(Defect::DirLocksAlwaysGranted) {
            return Ok(Some(Box::new(AlwaysThere(None))));
        }
        let locked = self.reported(StdFs.try_lock_directory(path))?;
        if self.is(Defect::DirLockAlwaysThere) {
            return Ok(locked.map(|lock| Box::new(AlwaysThere(Some(lock))) as _));
        }
        Ok(locked)
    }

    fn backend_id(&self) -> Option<u64> {
        let mut id = self.ids.lock().unwrap();
        *id += u64::from(self.is(Defect::BackendIdChanges));
        Some(*id)
    }

    fn volume_id(&self, path: &Path) -> Result<u64> {
        let id = self.reported(StdFs.volume_id(path))?;
        Ok(if volume(path) && !self.is(Defect::OneVolumeId) { id + 1 } else { id })
    }

    fn capabilities(&self, path: &Path) -> Result<FsCapabilities> {
        let mut capabilities = self.reported(StdFs.capabilities(path))?;
        capabilities.reflink = true;
        Ok(capabilities)
    }

    fn available_space(&self, path: &Path) -> Result<u64> {
        let space = self.reported(StdFs.available_space(path))?;
        Ok(if self.is(Defect::NoSpace) { 0 } else { space })
    }

    fn punch_hole(&self, path: &Path, offset: u64, len: u64) -> Result<()> {
        match self.defect {
            Defect::PunchDoesNothing if path.exists() && len == 2 << 20 => Ok(()),
            Defect::PunchTakesNothing if len == 0 => Ok(()),
            Defect::PunchShared if len == 4096 => {
                StdFs.open(path, &FsOpenOptions::new().write(true))?.write_at(&[0; 4096], offset)
            }
            _ => self.reported(StdFs.punch_hole(path, offset, len)),
        }
    }

    fn truncate_file(&self, path: &Path, len: u64) -> Result<()> {
        match self.defect {
            Defect::TruncatesSpecialFiles if special::is(path) => Ok(()),
            Defect::TruncateShared => StdFs.open(path, &FsOpenOptions::new().write(true))?.set_len(len),
            Defect::TruncateOnlyCuts if StdFs.metadata(path).is_ok_and(|m| m.len < len) => Ok(()),
            _ => self.reported(StdFs.truncate_file(path, len)),
        }
    }

    fn concurrency(&self) -> NonZeroUsize {
        StdFs.concurrency()
    }

    fn abilities(&self) -> Option<&dyn FsAbilities> {
        Some(self)
    }
}

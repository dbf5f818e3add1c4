//! [`Checkpoint`]: options, and the protocol from claim to publication.

mod capture;
mod chosen_base;
mod explain;
mod folders;
mod seal;

use std::{fmt, ops::ControlFlow, path::Path, time::Duration};

use lsm_fs::{Fs, SyncMode};

use capture::{Captured, capture, refuse_nested};
use chosen_base::{BaseChoice, OpenedBase};
use explain::explain;
use folders::FolderPermissions;
use seal::{CatalogHeader, Label, Sealed, Unsealed};

use crate::{
    CheckpointInfo, CheckpointSource, Clock, Error, Policy, Progress, Result, SourceRoot, SystemClock,
    layout,
    permissions::{Keeper, RestoredOwner},
    progress::{Callback, Control},
    space::SpaceCheck,
    staged::StagedFs,
    target_life::{self, Staging, Target, create_dir_or_own},
    transfer::{self, SourceViews, TransferParams, Transferred, Unconfined},
    view,
};

/// The options of a checkpoint, and the methods that take or restore one.
///
/// # Examples
///
/// ```
/// use lsm_checkpoint::{Checkpoint, CheckpointSource, Policy, Result};
/// use lsm_fs::StdFs;
/// use std::{ops::ControlFlow, path::Path};
///
/// fn nightly(source: &dyn CheckpointSource, to: &Path, yesterday: &Path) -> Result<()> {
///     let report = |progress: &lsm_checkpoint::Progress| {
///         eprintln!("{} of {} files", progress.files_done, progress.files_total);
///         ControlFlow::Continue(())
///     };
///     let info = Checkpoint::new()
///         .policy(Policy::Independent)
///         .base(yesterday)
///         .bytes_per_second(50 << 20)
///         .progress(&report)
///         .create(source, &StdFs, to)?;
///     println!("{} bytes, everything up to {:?}", info.total_bytes, info.seqno);
///     Ok(())
/// }
/// ```
#[derive(Clone, Copy)]
pub struct Checkpoint<'a> {
    policy: Policy,
    mode: SyncMode,
    base: Option<BaseChoice<'a>>,
    verifies_base: bool,
    progress: Option<Callback<'a>>,
    bytes_per_second: Option<u64>,
    clock: Option<&'a dyn Clock>,
    space: SpaceCheck,
    owner: RestoredOwner,
    catalogued: bool,
}

/// The work of one call, besides its options.
struct Work<'w> {
    /// The filesystem that the caller passed, which confines nothing.
    caller_fs: &'w dyn Fs,
    source: &'w dyn CheckpointSource,
    roots: &'w [SourceRoot],
    identity: String,
    target: Target,
    base: OpenedBase,
}

impl Default for Checkpoint<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Checkpoint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checkpoint")
            .field("policy", &self.policy)
            .field("mode", &self.mode)
            .field("base", &self.base)
            .field("verifies_base", &self.verifies_base)
            .field("bytes_per_second", &self.bytes_per_second)
            .field("space", &self.space)
            .field("owner", &self.owner)
            .finish_non_exhaustive()
    }
}

/// Takes a checkpoint with the defaults of [`Checkpoint`].
///
/// # Errors
///
/// As [`Checkpoint::create`].
pub fn run_checkpoint(source: &dyn CheckpointSource, fs: &dyn Fs, target: &Path) -> Result<CheckpointInfo> {
    Checkpoint::new().create(source, fs, target)
}

impl<'a> Checkpoint<'a> {
    /// Creates the default options: [`Policy::PreferLink`], ordinary syncs, no base, no limit.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            policy: Policy::PreferLink,
            mode: SyncMode::Normal,
            base: None,
            verifies_base: false,
            progress: None,
            bytes_per_second: None,
            clock: None,
            space: SpaceCheck::On,
            owner: RestoredOwner::Kept,
            catalogued: true,
        }
    }

    /// Sets the policy for files that may be shared.
    #[must_use]
    pub const fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets the mode of each sync. Default: [`SyncMode::Normal`].
    #[must_use]
    pub const fn sync_mode(mut self, mode: SyncMode) -> Self {
        self.mode = mode;
        self
    }

    /// Sets the base, a complete checkpoint on the target's filesystem. A file can be linked from the base if the base
    /// holds a file of the same name, length and checksum, or the source's own inode under that name. [`Policy`] has
    /// the place of this method in the order. With [`Policy::Independent`], the file is linked only if its inode in the
    /// base is known to differ from the source's.
    ///
    /// The base's catalog is read, and the type and the length of each file are looked up. The bytes of its files are
    /// **not** read, so a file that was damaged in the base is damaged in every checkpoint that links it.
    /// [`verify_base`](Self::verify_base) reads them.
    ///
    /// If the base cannot be used, the call fails with [`BaseUnusable`](crate::Error::BaseUnusable).
    /// [`optional_base`](Self::optional_base) goes on without it.
    #[must_use]
    pub const fn base(mut self, checkpoint: &'a Path) -> Self {
        self.base = Some(BaseChoice { dir: checkpoint, is_optional: false });
        self
    }

    /// Sets a base as [`base`](Self::base) does. If the base is missing or cannot be used, the checkpoint is taken
    /// without it, and [`BaseReport::unusable`](crate::BaseReport::unusable) gives the reason.
    #[must_use]
    pub const fn optional_base(mut self, checkpoint: &'a Path) -> Self {
        self.base = Some(BaseChoice { dir: checkpoint, is_optional: true });
        self
    }

    /// Enables or disables a check of the base: each file is read before it is linked, and compared with the checksum
    /// in the base's catalog. A damaged file comes from the source instead, and
    /// [`BaseReport::damaged`](crate::BaseReport::damaged) names it. A file without a known checksum is linked only if
    /// it is the source's own inode, and is not read. Default: disabled.
    ///
    /// This takes as long as reading the linked files, two at a time.
    #[must_use]
    pub const fn verify_base(mut self, verify: bool) -> Self {
        self.verifies_base = verify;
        self
    }

    /// Sets the progress callback. It is called as files and bytes arrive, and while a limit delays copies. Any thread
    /// may call it, but only one at a time. Two calls may report the same numbers. If it returns `Break`, the call
    /// fails with [`Cancelled`](crate::Error::Cancelled). After the last file, `Break` has no effect.
    #[must_use]
    pub const fn progress(mut self, callback: &'a (dyn Fn(&Progress) -> ControlFlow<()> + Sync)) -> Self {
        self.progress = Some(callback);
        self
    }

    /// Limits the speed of copies. 0 means no limit. Links and clones are not delayed. While a copy waits, the progress
    /// callback is called a few times a second.
    #[must_use]
    pub const fn bytes_per_second(mut self, limit: u64) -> Self {
        self.bytes_per_second = Some(limit);
        self
    }

    /// Enables or disables a check that the files to copy fit into the free space of the target's volume. Default:
    /// enabled.
    ///
    /// Holes are not counted, because copies keep them. A volume that does not report its free space is not checked.
    /// Disable the check if the target compresses or deduplicates, because it is too strict there. Without the check, a
    /// copy that runs out of space fails with [`Fs`](crate::Error::Fs) instead of [`NoSpace`](crate::Error::NoSpace),
    /// and the copies made until then are removed.
    #[must_use]
    pub const fn check_space(mut self, check: bool) -> Self {
        self.space = if check { SpaceCheck::On } else { SpaceCheck::Off };
        self
    }

    /// Sets the owner and group of the files and directories that a restore makes. Default: the owner and group in the
    /// catalog. [`create`](Self::create) ignores this option and keeps the source's owner. A linked file keeps its
    /// owner, because the checkpoint shares it.
    #[must_use]
    pub const fn restored_owner(mut self, owner: RestoredOwner) -> Self {
        self.owner = owner;
        self
    }

    /// Sets the clock. Default: the host's clocks.
    #[must_use]
    pub const fn clock(mut self, clock: &'a dyn Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Leaves out the catalog, for a target that becomes a live directory.
    pub(crate) const fn uncatalogued(mut self) -> Self {
        self.catalogued = false;
        self
    }

    /// Takes a checkpoint of a live source. `target` must not exist. Its parent must exist, and the parent's name must
    /// be durable.
    ///
    /// # Contract
    ///
    /// The checkpoint holds every write that was visible before the call, and nothing that the captured version lacks.
    /// Writers, flushes and compactions continue meanwhile. If the engine has a pause for deletions, the deletion of a
    /// captured file is held from just before the capture until the file is in the checkpoint. Deletions are not held
    /// during the flush.
    ///
    /// The checkpoint is made in `.{name}.checkpoint-staged` beside the target. If a dead process left such a
    /// directory, it is removed first. An empty directory with the target's name then counts as a leftover, too.
    ///
    /// A length that the snapshot supplies is checked only if the file is copied. A target is refused if its name is
    /// not UTF-8, or if it is the name of a staged directory.
    ///
    /// # Crash semantics
    ///
    /// In every crash state the target is absent or complete. After `Ok` it is complete, if
    /// [`durability`](CheckpointInfo::durability) is `Durable`. Where the filesystem cannot rename directories, a crash
    /// may also leave a target that lacks some or all of the files that make its trees readable. The next call for the
    /// target, or a sweep, removes it.
    ///
    /// # Errors
    ///
    /// See [`Error`](crate::Error). Unless a variant says otherwise, the target does not exist and nothing of the
    /// attempt is left.
    pub fn create(
        &self,
        source: &dyn CheckpointSource,
        fs: &dyn Fs,
        target: &Path,
    ) -> Result<CheckpointInfo> {
        self.make(source, fs, &Target::new(target)?)
    }

    /// Makes a target of any kind.
    pub(crate) fn make(
        &self,
        source: &dyn CheckpointSource,
        fs: &dyn Fs,
        target: &Target,
    ) -> Result<CheckpointInfo> {
        let roots = source.roots();
        refuse_nested(&roots, fs, target)?;
        let identity = if self.catalogued { identity_of(source)? } else { String::new() };
        source.check().map_err(Error::from_source)?;
        let untrusted =
            roots.iter().filter(|root| root.is_untrusted && view::shares_namespace(&*root.fs, fs));
        let untrusted: Vec<&Path> = untrusted.map(|root| root.path.as_path()).collect();
        let caller_fs = fs;
        // A caller may name a directory by a symbolic link, so open the views of these directories before the view of
        // the target's parent, which follows no links.
        view::beneath_sources(fs, &untrusted, &mut |fs| {
            self.with_base(fs, &mut |fs, unusable| {
                let fs = &*fs.beneath(target.parent())?;
                let base = self.open_base(fs, unusable)?;
                let (identity, target) = (identity.clone(), target.clone());
                self.make_beneath(fs, Work { caller_fs, source, roots: &roots, identity, target, base })
            })
        })
    }

    /// Makes the target on a view that resolves paths below the target's parent and the base from handles.
    fn make_beneath(&self, fs: &dyn Fs, work: Work<'_>) -> Result<CheckpointInfo> {
        let system = SystemClock::default();
        let clock: &dyn Clock = self.clock.unwrap_or(&system);
        let owner = if self.catalogued { RestoredOwner::Kept } else { self.owner };
        let keeper = Keeper::new(fs, folders::of_first(work.roots)?, owner);
        let staging = target_life::claim(fs, work.target.clone(), self.mode)?;
        // If the engine or the progress callback panics, dropping the staging undoes it, too.
        match self.stage(&work, &staging, &keeper, clock) {
            Ok((sealed, mut info)) => {
                info.base.unusable = work.base.unusable;
                info.durability = sealed.durability(staging.publish(&sealed.contents)?);
                Ok(info)
            }
            Err(error) => Err(staging.abandon(error)),
        }
    }

    /// Does everything up to the publication. On return, all files are in the staged directory, and durable there.
    fn stage(
        &self,
        work: &Work<'_>,
        staging: &Staging<'_>,
        keeper: &Keeper,
        clock: &dyn Clock,
    ) -> Result<(Sealed, CheckpointInfo)> {
        let created = if self.catalogued { clock.unix_time() } else { Duration::ZERO };
        keeper.begin(staging.fs(), staging.dir())?;
        let label = Label { identity: work.identity.clone(), created };
        let staged = StagedFs::new(staging.fs(), staging.dir(), self.mode).keeping(keeper);
        let captured = capture(work.source)?;
        let folders = FolderPermissions::new(keeper, work.roots, &captured.plan)?;
        let explained = |error| explain(staging.fs(), staging.dir(), error);
        for dir in captured.plan.dirs.iter().skip(1) {
            let made = create_dir_or_own(&staged, &staging.dir().join(dir));
            made.map_err(|error| explained(error.into()))?;
        }
        let control = Control::new(self.progress, clock, self.bytes_per_second);
        if control.start(captured.plan.file_count() as u64, captured.known_bytes()).is_break() {
            return Err(Error::Cancelled);
        }
        let Captured { guard, capture, plan, seqno } = captured;
        let params = TransferParams {
            staged: &staged,
            fs: staging.fs(),
            unconfined: Unconfined { fs: work.caller_fs, parent: work.target.parent() },
            dir: staging.dir(),
            policy: self.policy,
            mode: self.mode,
            base: work.base.base.as_ref(),
            control: &control,
            space: self.space,
            guard: guard.as_ref(),
            keeper,
        };
        let views = SourceViews::open(&plan)?;
        let Transferred { files: finished, base } =
            transfer::run(&params, &plan, &views).map_err(explained)?;
        let pause = guard.as_ref().map(crate::PauseGuard::stats);
        // Every file is here, so deletions may go on. The pause keeps deletions that fail for its owner.
        drop(guard);
        let unsealed = Unsealed {
            staged: &staged,
            dir: staging.dir(),
            plan: &plan,
            finished,
            capture: &capture,
            mode: self.mode,
            space: self.space,
            keeper,
            folders: &folders,
        };
        let sealed = unsealed.seal(CatalogHeader { label, seqno }, self.catalogued)?;
        let info = CheckpointInfo { base, ..sealed.info(pause) };
        Ok((sealed, info))
    }
}

/// Asks a source for its identity before anything is made.
fn identity_of(source: &dyn CheckpointSource) -> Result<String> {
    let identity = source.identity();
    if layout::is_identity(&identity) { Ok(identity) } else { Err(Error::InvalidIdentity { identity }) }
}

/// Returns a path relative to the staged directory that it lies in. Nothing is made outside that directory.
fn relative<'p>(path: &'p Path, dir: &Path) -> &'p Path {
    debug_assert!(path.starts_with(dir), "{} lies outside of {}", path.display(), dir.display());
    path.strip_prefix(dir).unwrap_or(path)
}

//! Volumes: what each can do, how much it holds, and whether it still works.

use std::path::PathBuf;

use lsm_fs::FsCapabilities;

use crate::profile::CrashModel;

/// Whether a volume works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VolumeState {
    /// Reads and writes.
    #[default]
    Working,
    /// Every change is refused with `EROFS`, and so is a sync that would have something to write. Reads go on.
    ReadOnly,
    /// Every call is refused with `EIO`, as XFS does after an error in its journal, until a crash has started the
    /// machine anew.
    ShutDown,
}

/// How a volume behaves. Every setting can be changed while it is in use: see
/// [`MemFs::reconfigure`](crate::MemFs::reconfigure).
///
/// # Examples
///
/// ```
/// use lsm_fs_mem::VolumeOptions;
///
/// // 1 MiB, at most three names to an inode, no clones.
/// let small = VolumeOptions::new().capacity_bytes(1 << 20).link_limit(3).reflink(false);
/// assert!(small.capabilities.hard_link && !small.capabilities.reflink);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VolumeOptions {
    /// How many bytes files can take, in pages of 4 KiB. A clone counts in full. Default: 2^60.
    pub capacity_bytes: u64,
    /// How many names a file can have. Default: 65,000, as on ext4.
    pub link_limit: u32,
    /// What the volume can do; what it cannot, it refuses as Linux does: `EPERM` for a link, `EOPNOTSUPP` for a clone
    /// or a hole, `Unsupported` for a rename that does not replace, and a directory sync says `NotSupported`. Default:
    /// all of these.
    pub capabilities: FsCapabilities,
    /// Whether it works. Default: it does.
    pub state: VolumeState,
}

impl Default for VolumeOptions {
    fn default() -> Self {
        let mut capabilities = FsCapabilities::default();
        capabilities.hard_link = true;
        capabilities.reflink = true;
        capabilities.rename_noreplace = true;
        capabilities.punch_hole = true;
        capabilities.directory_sync = true;
        Self { capacity_bytes: 1 << 60, link_limit: 65_000, capabilities, state: VolumeState::Working }
    }
}

impl VolumeOptions {
    /// The defaults.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets [`capacity_bytes`](Self#structfield.capacity_bytes). Less than is stored leaves a full volume.
    #[must_use]
    pub const fn capacity_bytes(mut self, bytes: u64) -> Self {
        self.capacity_bytes = bytes;
        self
    }

    /// Sets [`link_limit`](Self#structfield.link_limit).
    #[must_use]
    pub const fn link_limit(mut self, links: u32) -> Self {
        self.link_limit = links;
        self
    }

    /// Sets [`capabilities`](Self#structfield.capabilities) as a whole.
    #[must_use]
    pub const fn capabilities(mut self, capabilities: FsCapabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// Whether hard links work; otherwise `EPERM`.
    #[must_use]
    pub const fn hard_link(mut self, works: bool) -> Self {
        self.capabilities.hard_link = works;
        self
    }

    /// Whether clones work; otherwise `EOPNOTSUPP`.
    #[must_use]
    pub const fn reflink(mut self, works: bool) -> Self {
        self.capabilities.reflink = works;
        self
    }

    /// Whether a rename that does not replace works; otherwise `Unsupported`.
    #[must_use]
    pub const fn rename_noreplace(mut self, works: bool) -> Self {
        self.capabilities.rename_noreplace = works;
        self
    }

    /// Whether holes can be punched; otherwise `EOPNOTSUPP`.
    #[must_use]
    pub const fn punch_hole(mut self, works: bool) -> Self {
        self.capabilities.punch_hole = works;
        self
    }

    /// Whether directories can be synced; otherwise the answer is `NotSupported` and nothing is forced.
    #[must_use]
    pub const fn directory_sync(mut self, works: bool) -> Self {
        self.capabilities.directory_sync = works;
        self
    }

    /// Sets [`state`](Self#structfield.state).
    #[must_use]
    pub const fn state(mut self, state: VolumeState) -> Self {
        self.state = state;
        self
    }
}

/// How to make a [`MemFs`](crate::MemFs): its volumes, and what a crash may leave.
///
/// # Examples
///
/// ```
/// use lsm_fs::Fs;
/// use lsm_fs_mem::{MemFsOptions, Profile, VolumeOptions};
/// use std::path::Path;
///
/// # fn main() -> lsm_fs::Result<()> {
/// let fs = MemFsOptions::new()
///     .volume("/backup", VolumeOptions::new().capacity_bytes(1 << 20))
///     .crash_model(Profile::Btrfs)
///     .build()?;
/// assert_ne!(fs.volume_id(Path::new("/"))?, fs.volume_id(Path::new("/backup"))?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemFsOptions {
    pub(crate) root: VolumeOptions,
    pub(crate) mounts: Vec<(PathBuf, VolumeOptions)>,
    pub(crate) model: CrashModel,
    pub(crate) strict: bool,
}

impl MemFsOptions {
    /// One volume with the defaults, and the profile `Adversarial`.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How the volume at `/` behaves.
    #[must_use]
    pub fn root(mut self, options: VolumeOptions) -> Self {
        self.root = options;
        self
    }

    /// One more volume, mounted at `path`; the directory is made, and is durable.
    #[must_use]
    pub fn volume(mut self, path: impl Into<PathBuf>, options: VolumeOptions) -> Self {
        self.mounts.push((path.into(), options));
        self
    }

    /// Which rules syncs and [`MemFs::crash`](crate::MemFs::crash) follow. A sweep sets its own.
    #[must_use]
    pub fn crash_model(mut self, model: impl Into<CrashModel>) -> Self {
        self.model = model.into();
        self
    }

    /// Whether a file whose sync failed can get another name: a link, a rename or a clone of it is then refused with
    /// `EIO`, and a sweep fails. Default: it can, as on Linux.
    #[must_use]
    pub const fn strict_poison(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }
}

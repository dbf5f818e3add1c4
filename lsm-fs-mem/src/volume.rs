//! Volumes: capabilities, capacity, and state.

use std::path::PathBuf;

use lsm_fs::FsCapabilities;

use crate::profile::CrashModel;

/// The state of a volume.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VolumeState {
    /// Reads and writes succeed.
    #[default]
    Working,
    /// Reads succeed. Changes fail with `EROFS`, and so does a sync that has something to write.
    ReadOnly,
    /// I/O and lookups fail with `EIO`, as on XFS after a journal error (`xfs_do_force_shutdown` in
    /// `fs/xfs/xfs_fsops.c`), until [`MemFs::reconfigure`](crate::MemFs::reconfigure) repairs the volume or a crash
    /// restarts the machine.
    ShutDown,
}

/// The behaviour of a volume. Every setting can be changed while the volume is in use: see
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
    /// The number of bytes that files can occupy, in pages of 4 KiB. A clone counts in full. Default: 2^60.
    pub capacity_bytes: u64,
    /// The number of names that a file can have. Default: 65,000, as on ext4 (`EXT4_LINK_MAX` in `fs/ext4/ext4.h`).
    pub link_limit: u32,
    /// The capabilities of the volume. Default: hard links, clones, renames that do not replace, renames of open trees,
    /// holes, directory syncs, advisory locks, and views that follow their root. Renames of open trees, advisory locks,
    /// and views that follow their root always work, and these three fields only declare it.
    ///
    /// A missing capability is refused as on Linux: `EPERM` for a link, `EOPNOTSUPP` for a clone or a hole, and
    /// `Unsupported` for a rename that does not replace. A directory sync returns
    /// [`NotSupported`](lsm_fs::DirectorySync::NotSupported).
    pub capabilities: FsCapabilities,
    /// Set if the process may change owners and groups. Otherwise, a change is reported as refused, as for a process
    /// that is not root. Default: `true`.
    pub keeps_owners: bool,
    /// The state of the volume. Default: working.
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
        capabilities.rename_open_tree = true;
        capabilities.advisory_locks = true;
        capabilities.rooted_views = true;
        let (capacity_bytes, link_limit, state) = (1 << 60, 65_000, VolumeState::Working);
        Self { capacity_bytes, link_limit, capabilities, keeps_owners: true, state }
    }
}

impl VolumeOptions {
    /// Creates the default options.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets [`capacity_bytes`](Self#structfield.capacity_bytes). If files already occupy more, the volume is full.
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

    /// Replaces [`capabilities`](Self#structfield.capabilities).
    #[must_use]
    pub const fn capabilities(mut self, capabilities: FsCapabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// Sets whether hard links work. Otherwise they fail with `EPERM`.
    #[must_use]
    pub const fn hard_link(mut self, works: bool) -> Self {
        self.capabilities.hard_link = works;
        self
    }

    /// Sets whether clones work. Otherwise they fail with `EOPNOTSUPP`.
    #[must_use]
    pub const fn reflink(mut self, works: bool) -> Self {
        self.capabilities.reflink = works;
        self
    }

    /// Sets whether a rename that does not replace works. Otherwise it fails with `Unsupported`.
    #[must_use]
    pub const fn rename_noreplace(mut self, works: bool) -> Self {
        self.capabilities.rename_noreplace = works;
        self
    }

    /// Sets whether holes can be punched. Otherwise the call fails with `EOPNOTSUPP`.
    #[must_use]
    pub const fn punch_hole(mut self, works: bool) -> Self {
        self.capabilities.punch_hole = works;
        self
    }

    /// Sets whether directories can be synced. Otherwise a directory sync returns `NotSupported` and forces nothing.
    #[must_use]
    pub const fn directory_sync(mut self, works: bool) -> Self {
        self.capabilities.directory_sync = works;
        self
    }

    /// Sets [`keeps_owners`](Self#structfield.keeps_owners).
    #[must_use]
    pub const fn keeps_owners(mut self, keeps: bool) -> Self {
        self.keeps_owners = keeps;
        self
    }

    /// Sets [`state`](Self#structfield.state).
    #[must_use]
    pub const fn state(mut self, state: VolumeState) -> Self {
        self.state = state;
        self
    }
}

/// Options for building a [`MemFs`](crate::MemFs): its volumes and its crash model.
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
    /// Creates options with one default volume and the `Adversarial` profile.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the options of the volume at `/`.
    #[must_use]
    pub fn root(mut self, options: VolumeOptions) -> Self {
        self.root = options;
        self
    }

    /// Adds a volume that is mounted at `path`. The directory is created and made durable.
    #[must_use]
    pub fn volume(mut self, path: impl Into<PathBuf>, options: VolumeOptions) -> Self {
        self.mounts.push((path.into(), options));
        self
    }

    /// Sets the rules that syncs and [`MemFs::crash`](crate::MemFs::crash) follow. A sweep uses its own.
    #[must_use]
    pub fn crash_model(mut self, model: impl Into<CrashModel>) -> Self {
        self.model = model.into();
        self
    }

    /// Sets whether a file that failed a sync is refused further names. If so, a link, a rename, or a clone of it fails
    /// with `EIO`, and a sweep of the workload fails. Default: off, as on Linux.
    #[must_use]
    pub const fn strict_poison(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }
}

//! [`Permissions`]: the mode, the owner and the group of a file or a directory.

/// The mode, the owner and the group of a file or a directory, by their numbers.
///
/// [`FsMetadata::permissions`](crate::FsMetadata::permissions) reports them. [`FsFile::set_permissions`] and
/// [`FsPermissions`](crate::FsPermissions) set them.
///
/// [`FsFile::set_permissions`]: crate::FsFile::set_permissions
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Permissions {
    /// The permission bits, with setuid, setgid and sticky: at most `0o7777`.
    pub mode: u32,
    /// The number of the owner.
    pub owner: u32,
    /// The number of the group.
    pub group: u32,
}

impl Permissions {
    /// The bits that a call sets: read, write and execute of owner, group and others. Setuid, setgid and sticky are
    /// never set, since a copy of a program must not get the rights of its owner.
    pub const SETTABLE: u32 = 0o777;

    /// The same with another mode.
    #[must_use]
    pub const fn with_mode(self, mode: u32) -> Self {
        Self { mode, ..self }
    }
}

/// The result of setting [`Permissions`]. The default is the answer of a backend that has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[must_use = "a mode or an owner that was refused is no error"]
pub struct PermissionsSet {
    /// The mode is as asked, without setuid, setgid and sticky. It is not if the group was refused and the mode has
    /// rights for the group, which are left out.
    pub mode: bool,
    /// The owner and the group are as asked.
    pub owner: bool,
}

impl PermissionsSet {
    /// Both are as asked.
    pub const ALL: Self = Self { mode: true, owner: true };
}

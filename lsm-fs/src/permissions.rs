//! [`Permissions`]: the mode, the owner and the group of a file or a directory.

/// The mode, the owner and the group of a file or a directory, by their numbers.
///
/// [`FsMetadata::permissions`](crate::FsMetadata::permissions) reports them. [`FsFile::set_permissions`] and
/// [`FsPermissions`](crate::FsPermissions) set them.
///
/// [`FsFile::set_permissions`]: crate::FsFile::set_permissions
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Permissions {
    /// The permission bits, including setuid, setgid and sticky: at most `0o7777`.
    pub mode: u32,
    /// The number of the owner.
    pub owner: u32,
    /// The number of the group.
    pub group: u32,
}

impl Permissions {
    /// The mode bits that a call can set: read, write and execute for owner, group and others. Setuid, setgid and
    /// sticky are never set, because a copied program must not run with the rights of the file's owner.
    pub const SETTABLE: u32 = 0o777;

    /// Returns the same owner and group with another mode.
    #[must_use]
    pub const fn with_mode(self, mode: u32) -> Self {
        Self { mode, ..self }
    }
}

/// The result of setting [`Permissions`]. A backend without permissions returns the default, in which both fields are
/// `false`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[must_use = "a mode or an owner that was refused is no error"]
pub struct PermissionsSet {
    /// `true` if the mode is as requested, apart from setuid, setgid and sticky. If the group was refused and the
    /// requested mode has rights for the group, these rights are not set and the field is `false`.
    pub mode: bool,
    /// `true` if the owner and the group are as requested.
    pub owner: bool,
}

impl PermissionsSet {
    /// The mode, the owner and the group are as requested.
    pub const ALL: Self = Self { mode: true, owner: true };
}

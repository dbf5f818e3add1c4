//! The permissions with which an inode is created.

pub(crate) use lsm_fs::Permissions;

/// The access to a new inode.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Access {
    /// Everybody may read it, as with a umask of `0o022`.
    #[default]
    Ordinary,
    /// Only the owner may use it.
    Private,
}

impl Access {
    pub(crate) const fn permissions(self, is_dir: bool) -> Permissions {
        let mode = match (self, is_dir) {
            (Self::Ordinary, false) => 0o644,
            (Self::Ordinary, true) => 0o755,
            (Self::Private, false) => 0o600,
            (Self::Private, true) => 0o700,
        };
        Permissions { mode, owner: 0, group: 0 }
    }
}

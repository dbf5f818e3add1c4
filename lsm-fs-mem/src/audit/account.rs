//! The account: the changes since each inode and name was last durable.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use lsm_fs::{Error, Fs, Op, Result, errno, parent_of};

use super::identity::{Key, Keys};
use lsm_fs::intercept::{Arguments, Call, Outcome};

/// The pending changes of inodes and names.
#[derive(Debug, Default)]
pub(super) struct Account {
    pub(super) keys: Keys,
    inodes: BTreeMap<Key, InodeAccount>,
}

/// The pending changes of an inode. An inode without an entry is durable.
#[derive(Debug, Default)]
pub(super) struct InodeAccount {
    /// Set if the bytes, the length or the permissions of a file have changed since its last sync.
    pub(super) is_dirty: bool,
    /// Set if a sync failed while the inode was dirty. No later sync restores the bytes.
    pub(super) is_lost: bool,
    /// The names in a directory that have changed since its last sync.
    pub(super) names: BTreeMap<OsString, NameState>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NameState {
    Changed,
    /// A sync failed after the name changed.
    Lost,
}

/// The state before a call that is needed to determine its effect.
#[derive(Debug)]
pub(super) enum Before {
    Names(Vec<Binding>),
    Bytes(Option<Key>),
    FileSync(Option<Key>),
    DirectorySync(Option<Key>),
}

/// A name in a directory, and the inode that it was bound to.
#[derive(Debug)]
pub(super) struct Binding {
    path: PathBuf,
    directory: Option<Key>,
    bound: Option<Key>,
}

impl Account {
    pub(super) fn inode(&self, key: Key) -> Option<&InodeAccount> {
        self.inodes.get(&key)
    }

    pub(super) fn before(&mut self, fs: &dyn Fs, on: Option<Key>, call: &Call<'_>) -> Before {
        match call.op {
            Op::SyncAll | Op::SyncData => Before::FileSync(on),
            Op::SyncDirectory => Before::DirectorySync(self.keys.of_target(fs, call.path)),
            Op::Write | Op::WriteAt | Op::SetLen | Op::SetPermissions => Before::Bytes(on),
            Op::PunchHole | Op::TruncateFile => Before::Bytes(self.keys.of_target(fs, call.path)),
            _ => Before::Names(self.bindings(fs, call)),
        }
    }

    /// Returns the names that the call may bind, move, or remove.
    fn bindings(&mut self, fs: &dyn Fs, call: &Call<'_>) -> Vec<Binding> {
        let mut bindings = Vec::new();
        match (call.op, call.other_path) {
            (Op::HardLink | Op::ReflinkFile, Some(to)) => self.bind(fs, to, &mut bindings),
            (_, Some(to)) => {
                self.bind(fs, call.path, &mut bindings);
                self.bind(fs, to, &mut bindings);
            }
            // If the call fails, any part of the tree may be gone.
            (Op::RemoveDirAll, None) => self.bind_tree(fs, call.path, &mut bindings),
            (_, None) => self.bind(fs, call.path, &mut bindings),
        }
        bindings
    }

    fn bind(&mut self, fs: &dyn Fs, path: &Path, bindings: &mut Vec<Binding>) {
        let directory = self.keys.of_target(fs, parent_of(path));
        let bound = self.keys.of_name(fs, path);
        bindings.push(Binding { path: path.to_path_buf(), directory, bound });
    }

    fn bind_tree(&mut self, fs: &dyn Fs, path: &Path, bindings: &mut Vec<Binding>) {
        self.bind(fs, path, bindings);
        if fs.symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir()) {
            for entry in fs.read_dir(path).into_iter().flatten() {
                self.bind_tree(fs, &path.join(entry.name), bindings);
            }
        }
    }

    pub(super) fn after<R: Outcome>(
        &mut self,
        fs: &dyn Fs,
        call: &Call<'_>,
        before: Before,
        result: &Result<R>,
    ) {
        let is_interrupted = result.as_ref().is_err_and(|e| e.kind() == ErrorKind::Interrupted);
        match before {
            Before::Names(bindings) => {
                if result.is_ok() {
                    self.keys.follow(call);
                }
                for binding in &bindings {
                    self.rebound(fs, call, binding);
                }
            }
            Before::Bytes(Some(key)) if may_have_begun(call, result) => {
                self.inodes.entry(key).or_default().is_dirty = true;
            }
            // An interrupted sync has consumed no error, so it may be retried.
            Before::FileSync(_) | Before::DirectorySync(_) if is_interrupted => {}
            Before::FileSync(Some(key)) => self.file_synced(key, result.is_ok()),
            Before::DirectorySync(Some(key)) => match result {
                Ok(outcome) if outcome.is_durable() => self.directory_synced(key, true),
                Ok(_) => {}
                Err(_) => self.directory_synced(key, false),
            },
            _ => {}
        }
    }

    /// Determines what happened to a name. It asks the filesystem instead of trusting the result, since a failed call
    /// may have taken effect and a successful one may have done nothing.
    fn rebound(&mut self, fs: &dyn Fs, call: &Call<'_>, binding: &Binding) {
        let now = self.keys.of_name(fs, &binding.path);
        if now == binding.bound {
            if let Some(key) = now.filter(|_| truncates(call)) {
                self.inodes.entry(key).or_default().is_dirty = true;
            }
            return;
        }
        if let Some(key) = now.filter(|_| matches!(call.op, Op::Open | Op::CreateDir | Op::ReflinkFile)) {
            // The number may have belonged to a removed inode, whose account ends here.
            let is_dirty = call.op == Op::ReflinkFile;
            self.inodes.insert(key, InodeAccount { is_dirty, ..InodeAccount::default() });
        }
        if let (Some(directory), Some(name)) = (binding.directory, binding.path.file_name()) {
            self.inodes.entry(directory).or_default().names.insert(name.to_owned(), NameState::Changed);
        }
    }

    fn file_synced(&mut self, key: Key, succeeded: bool) {
        if let Some(inode) = self.inodes.get_mut(&key) {
            inode.is_lost |= inode.is_dirty && !succeeded;
            inode.is_dirty = false;
        }
    }

    fn directory_synced(&mut self, key: Key, succeeded: bool) {
        if let Some(inode) = self.inodes.get_mut(&key) {
            if succeeded {
                inode.names.retain(|_, state| *state == NameState::Lost);
            } else {
                inode.names.values_mut().for_each(|state| *state = NameState::Lost);
            }
        }
    }
}

/// Returns whether a change of bytes may have happened, partly or completely.
fn may_have_begun<R>(call: &Call<'_>, result: &Result<R>) -> bool {
    let refused = |e: &Error| {
        e.is_poisoned()
            || e.raw_os_error() == Some(errno::EBADF)
            || matches!(
                e.kind(),
                ErrorKind::NotFound
                    | ErrorKind::InvalidInput
                    | ErrorKind::IsADirectory
                    | ErrorKind::Interrupted
                    | ErrorKind::PermissionDenied
                    | ErrorKind::ReadOnlyFilesystem
                    | ErrorKind::TooManyLinks
                    | ErrorKind::Unsupported
            )
    };
    call.transfer_len() != Some(0) && !result.as_ref().is_err_and(refused)
}

/// Returns whether opening may truncate the file at the path.
fn truncates(call: &Call<'_>) -> bool {
    matches!(call.arguments, Arguments::Open(options) if options.truncate)
}

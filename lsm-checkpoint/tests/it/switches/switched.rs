//! [`switched`]: a backend whose calls are answered by a [`Board`] of odd behaviour.

use std::{ffi::OsString, io, path::Path, sync::Arc};

use lsm_fs::{
    DirectorySync, Fs, Op, Result,
    intercept::{Arguments, Call, InterceptFs, Interceptor, Outcome},
};

use super::board::{Answer, Board, Made, Request, Switch};

/// A backend with odd behaviour.
pub(crate) fn switched<F: Fs + Clone + 'static>(fs: F, switch: Switch) -> InterceptFs<F, Switched<F>> {
    behind(fs, Arc::new(Board::new(switch)))
}

/// As [`switched`], with a board that the caller can switch while the backend is in use.
pub(crate) fn behind<F: Fs + Clone + 'static>(fs: F, board: Arc<Board>) -> InterceptFs<F, Switched<F>> {
    let looks = fs.clone();
    InterceptFs::new(fs, Switched { fs: looks, board })
}

#[derive(Debug)]
pub(crate) struct Switched<F> {
    /// The filesystem itself, for unobserved lookups.
    fs: F,
    board: Arc<Board>,
}

impl<F: Fs + 'static> Switched<F> {
    fn is_dir(&self, path: &Path) -> bool {
        self.fs.symlink_metadata(path).is_ok_and(|there| there.is_dir())
    }

    fn siblings(&self, path: &Path) -> Vec<OsString> {
        let entries = self.fs.read_dir(lsm_fs::parent_of(path)).unwrap_or_default();
        entries.into_iter().map(|entry| entry.name).collect()
    }

    /// Returns the answer of the board to a call.
    fn answer(&self, call: &Call<'_>) -> Answer {
        let path = call.other_path.unwrap_or(call.path);
        let siblings = || self.siblings(path);
        let name = path.file_name().unwrap_or_default();
        let create = |made| Request::Create { name, siblings: &siblings, made };
        let request = match (call.op, call.arguments) {
            (Op::Open, Arguments::Open(options)) if options.create || options.create_new => {
                create(Made::File)
            }
            (Op::HardLink, _) => create(Made::Link),
            (Op::ReflinkFile, _) => create(Made::File),
            (Op::CreateDir, _) => create(Made::Directory),
            (Op::Rename | Op::RenameNoreplace, _) => Request::Rename {
                is_dir: self.is_dir(call.path),
                noreplace: call.op == Op::RenameNoreplace,
                replaces: self.fs.symlink_metadata(path).is_ok(),
            },
            (Op::RemoveFile | Op::RemoveDir | Op::RemoveDirAll, _) => Request::Remove,
            (Op::TryLockDirectory, _) => Request::Lock,
            (Op::ReadDir | Op::SyncDirectory, _) if path == Path::new("/") => Request::OpenParent,
            _ => return Answer::Plain,
        };
        // An existing name needs no space.
        if matches!(request, Request::Create { .. }) && self.fs.symlink_metadata(path).is_ok() {
            return Answer::Plain;
        }
        self.board.answer(&request)
    }
}

impl<F: Fs + 'static> Interceptor for Switched<F> {
    type File = ();

    fn around<R: Outcome>(
        &self,
        file: Option<&()>,
        call: &Call<'_>,
        run: impl FnOnce() -> Result<R>,
    ) -> Result<R> {
        if file.is_some() {
            return run();
        }
        if call.op == Op::AvailableSpace && self.board.answer(&Request::Statfs) == Answer::Zeros {
            // The host's backend reports zeros as this error.
            return Err(call.error(io::ErrorKind::Unsupported.into()));
        }
        let refused = |code| Err(call.error(io::Error::from_raw_os_error(code)));
        match self.answer(call) {
            Answer::Refused(code) => return refused(code),
            Answer::Hidden(code) => {
                let _ = run()?;
                return refused(code);
            }
            Answer::Plain | Answer::Zeros => {}
        }
        let mut result = run()?;
        // The host's backend reports a refused sync of a directory as a result, not as an error.
        let unsynced = matches!(self.board.answer(&Request::SyncDirectory), Answer::Refused(_));
        if let Some(sync) = result.directory_sync().filter(|_| unsynced) {
            *sync = DirectorySync::NotSupported;
        }
        Ok(result)
    }
}

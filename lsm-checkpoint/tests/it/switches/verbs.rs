//! The operations, each in a separate place.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_checkpoint::{
    Checkpoint, CheckpointDir, CheckpointState, Error, FileKind, Method, Policy, Removal, SourceFile,
    VerifyOptions, list, remove, restore, run_checkpoint, sweep, verify,
};
use lsm_fs::{DirectorySync, Fs, FsExt, Op, SyncMode, errno};
use lsm_fs_mem::{Fault, FaultFs, MemFs};

use super::{
    board::{Board, ENOLCK, Switch},
    switched::behind,
};
use crate::{db::all_files, foreign::Foreign};

const NORMAL: SyncMode = SyncMode::Normal;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Create,
    /// Creates a checkpoint that shares nothing.
    Copy,
    /// Creates a checkpoint that links what a base holds, and reads it first.
    Increment,
    List,
    Verify,
    Restore,
    /// Restores into a directory that exists.
    RestoreInto,
    Remove,
    /// Removes a checkpoint that holds an entry of another process.
    Force,
    Sweep,
}

impl Verb {
    pub(crate) const ALL: [Self; 10] = [
        Self::Create,
        Self::Copy,
        Self::Increment,
        Self::List,
        Self::Verify,
        Self::Restore,
        Self::RestoreInto,
        Self::Remove,
        Self::Force,
        Self::Sweep,
    ];
}

/// A source, a checkpoint of it, and the debris of another, created before the switch is on.
pub(crate) struct Place {
    /// Obeys the board.
    fs: Arc<dyn Fs>,
    root: PathBuf,
    board: Arc<Board>,
    switch: Switch,
    names: &'static [&'static str],
}

impl Place {
    /// A place in memory.
    pub(crate) fn in_memory(switch: Switch) -> Self {
        let board = Arc::new(Board::new(Switch::Off));
        let fs = Arc::new(behind(MemFs::new(), Arc::clone(&board)));
        Self::new(fs, Path::new("/"), board, switch)
    }

    /// A place below `root`, on a file system that obeys the board.
    pub(crate) fn new(fs: Arc<dyn Fs>, root: &Path, board: Arc<Board>, switch: Switch) -> Self {
        let names: &[&str] = match switch {
            Switch::FoldsCase => &["B.sst", "b.sst"],
            Switch::NoColons => &["1.sst", "a:1.sst"],
            _ => &["1.sst", "2.sst"],
        };
        let place = Self { fs, root: root.to_path_buf(), board, switch, names };
        place.fs.create_dir(&place.path("db")).unwrap();
        for name in names {
            place.fs.write_new(&place.path("db").join(name), name.as_bytes(), NORMAL).unwrap();
        }
        run_checkpoint(&place.engine(), &place.fs, &place.path("checkpoint")).unwrap();
        let killed = FaultFs::new(Arc::clone(&place.fs));
        killed.inject(Fault::on(Op::RenameNoreplace).gone());
        run_checkpoint(&place.engine(), &killed, &place.path("weekly")).unwrap_err();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    fn engine(&self) -> Foreign {
        let table = |name: &&str| {
            let path = self.path("db").join(name);
            let sum = xxhash_rust::xxh3::xxh3_128(name.as_bytes());
            let file = SourceFile::immutable(FileKind::Table, Arc::clone(&self.fs), path, name.len() as u64);
            file.checksum(Some(sum))
        };
        Foreign::new(self.names.iter().map(table).collect(), |target| Ok(target.write("CURRENT", b"1")?))
    }

    /// Makes the call under the switch, checks the effect that it reports, and returns its outcome.
    pub(crate) fn try_verb(&self, verb: Verb) -> String {
        let (target, restored, checkpoint) =
            (self.path("daily"), self.path("restored"), self.path("checkpoint"));
        let fs = &*self.fs;
        match verb {
            Verb::Create | Verb::Copy => {
                let policy = if verb == Verb::Create { Policy::PreferLink } else { Policy::Independent };
                let options = Checkpoint::new().policy(policy);
                let made = self.odd(|| options.create(&self.engine(), fs, &target));
                self.check_made(&target, made.is_ok());
                self.said(made.map(|info| durable(info.durability)))
            }
            Verb::Increment => {
                let (options, base) = (Checkpoint::new().policy(Policy::Independent), self.path("base"));
                options.create(&self.engine(), fs, &base).unwrap();
                let options = options.base(&base).verify_base(true);
                let made = self.odd(|| options.create(&self.engine(), fs, &target));
                self.check_made(&target, made.is_ok());
                self.said(made.map(|info| {
                    assert_eq!(info.by_method(Method::BaseLink).files, 2, "{info:?}");
                    assert_eq!(info.base.verified_files, 2, "{info:?}");
                    durable(info.durability)
                }))
            }
            Verb::Restore => {
                let opened = || CheckpointDir::open(Arc::clone(&self.fs), &checkpoint);
                let made = self.odd(|| restore(&opened()?, fs, &restored));
                self.check_made(&restored, made.is_ok());
                self.said(made.map(|info| durable(info.durability)))
            }
            Verb::RestoreInto => {
                fs.create_dir(&restored).unwrap();
                let opened = || CheckpointDir::open(Arc::clone(&self.fs), &checkpoint);
                let options = Checkpoint::new().policy(Policy::Independent);
                let made = self.odd(|| options.restore_into(&opened()?, fs, &restored));
                if made.is_err() {
                    assert!(fs.read_dir(&restored).unwrap().is_empty(), "{made:?}");
                    fs.remove_dir(&restored).unwrap();
                }
                self.check_made(&restored, made.is_ok());
                self.said(made.map(|info| durable(info.durability)))
            }
            Verb::List => self.said(self.odd(|| list(fs, &self.root)).map(|listed| {
                let [weekly, checkpoint] = &listed[..] else { panic!("{listed:?}") };
                assert!(matches!(checkpoint.state, CheckpointState::Complete), "{checkpoint:?}");
                assert!(matches!(weekly.state, CheckpointState::Staged), "{weekly:?}");
                "ok"
            })),
            Verb::Verify => {
                let verified = self.odd(|| verify(fs, &checkpoint, &VerifyOptions::full()));
                self.said(verified.map(|report| if report.is_sound() { "ok" } else { "not sound" }))
            }
            Verb::Remove => {
                let removed = self.odd(|| remove(fs, &checkpoint, NORMAL));
                assert_eq!(fs.exists(&checkpoint).unwrap(), removed.is_err(), "{removed:?}");
                self.check_debris();
                self.said(removed.map(|_| "ok"))
            }
            Verb::Force => {
                fs.write_new(&checkpoint.join("mine"), b"mine", NORMAL).unwrap();
                let removed = self.odd(|| Removal::new().force(true).run(fs, &checkpoint));
                let left = fs.read_dir(&checkpoint).unwrap().len();
                assert_eq!(left, if removed.is_ok() { 1 } else { 4 }, "{removed:?}");
                self.check_debris();
                self.said(removed.map(|report| {
                    assert_eq!(report.left, [Path::new("mine")]);
                    "ok"
                }))
            }
            Verb::Sweep => match self.odd(|| sweep(fs, &self.root, NORMAL)) {
                Ok(report) if report.failed.is_empty() => {
                    assert_eq!(report.cleared, [self.path("weekly")]);
                    assert!(!fs.exists(&self.path(".weekly.checkpoint-staged")).unwrap());
                    "ok".to_owned()
                }
                Ok(report) => {
                    let [(path, error)] = &report.failed[..] else { panic!("{report:?}") };
                    self.short(&format!("{}: {error}", path.display()))
                }
                Err(error) => self.said(Err(error)),
            },
        }
    }

    /// Makes a call under the switch.
    fn odd<T>(&self, call: impl FnOnce() -> T) -> T {
        self.board.turn(self.switch);
        let result = call();
        self.board.turn(Switch::Off);
        result
    }

    /// Checks that the target is complete or absent, and that no debris is left.
    fn check_made(&self, target: &Path, is_made: bool) {
        assert_eq!(self.fs.exists(target).unwrap(), is_made);
        if is_made {
            let mut found = all_files(&self.fs, target, Path::new("")).unwrap();
            found.remove(Path::new("CHECKPOINT"));
            assert_eq!(found.len(), self.names.len() + 1, "{found:?}");
        }
        self.check_debris();
    }

    fn check_debris(&self) {
        let names = self.fs.read_dir(&self.root).unwrap();
        let names = names.iter().map(|entry| entry.name.to_str().unwrap());
        let hidden: Vec<_> = names.filter(|name| name.starts_with('.')).collect();
        assert_eq!(hidden, [".weekly.checkpoint-staged"]);
    }

    fn said(&self, result: Result<&str, Error>) -> String {
        result.map_or_else(|error| self.short(&error.to_string()), str::to_owned)
    }

    /// Returns a message with the name of its errno instead of the host's text, and with paths relative to the root.
    fn short(&self, message: &str) -> String {
        let names = [
            (ENOLCK, "ENOLCK"),
            (errno::ENOSPC, "ENOSPC"),
            (errno::EDQUOT, "EDQUOT"),
            (errno::ENOENT, "ENOENT"),
            (errno::EEXIST, "EEXIST"),
            (errno::EACCES, "EACCES"),
            (errno::EINVAL, "EINVAL"),
        ];
        // The filesystem folds `B.sst` and `b.sst` into one name. Copies overlap, so the message may have either.
        let message = message.replace("B.sst", "b.sst");
        let message = names.iter().fold(message, |message, (code, name)| {
            message.replace(&std::io::Error::from_raw_os_error(*code).to_string(), name)
        });
        let root = self.root.to_str().unwrap().trim_end_matches('/');
        if root.is_empty() { message } else { message.replace(&format!("{root}/"), "/").replace(root, "/") }
    }
}

const fn durable(sync: DirectorySync) -> &'static str {
    match sync {
        DirectorySync::Durable => "ok",
        DirectorySync::NotSupported => "ok, not durable",
    }
}

//! The operations, each in a separate place.

use std::{path::Path, sync::Arc};

use lsm_checkpoint::{
    Checkpoint, CheckpointDir, CheckpointState, Error, FileKind, Policy, SourceFile, VerifyOptions, list,
    remove, restore, run_checkpoint, sweep, verify,
};
use lsm_fs::{DirectorySync, Fs, FsExt, Op, SyncMode, errno};
use lsm_fs_mem::{Fault, FaultFs, MemFs};

use super::{
    board::{ENOLCK, Switch},
    switched::switched,
};
use crate::{db::all_files, foreign::Foreign};

const NORMAL: SyncMode = SyncMode::Normal;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Create,
    /// Creates a checkpoint that shares nothing.
    Copy,
    List,
    Verify,
    Restore,
    Remove,
    Sweep,
}

impl Verb {
    pub(crate) const ALL: [Self; 7] =
        [Self::Create, Self::Copy, Self::List, Self::Verify, Self::Restore, Self::Remove, Self::Sweep];
}

/// A source, a checkpoint of it, and the debris of another, created before the switch is on.
pub(crate) struct Place {
    fs: MemFs,
    switch: Switch,
    names: &'static [&'static str],
}

impl Place {
    pub(crate) fn new(switch: Switch) -> Self {
        let names: &[&str] = match switch {
            Switch::FoldsCase => &["B.sst", "b.sst"],
            Switch::NoColons => &["1.sst", "a:1.sst"],
            _ => &["1.sst", "2.sst"],
        };
        let fs = MemFs::new();
        fs.create_dir(Path::new("/db")).unwrap();
        for name in names {
            fs.write_new(&Path::new("/db").join(name), name.as_bytes(), NORMAL).unwrap();
        }
        let place = Self { fs, switch, names };
        run_checkpoint(&place.engine(), &place.fs, Path::new("/checkpoint")).unwrap();
        let killed = FaultFs::new(place.fs.clone());
        killed.inject(Fault::on(Op::RenameNoreplace).gone());
        run_checkpoint(&place.engine(), &killed, Path::new("/weekly")).unwrap_err();
        place.fs.settle();
        place
    }

    fn engine(&self) -> Foreign {
        let table = |name: &&str| {
            let path = Path::new("/db").join(name);
            let sum = xxhash_rust::xxh3::xxh3_128(name.as_bytes());
            let file =
                SourceFile::immutable(FileKind::Table, Arc::new(self.fs.clone()), path, name.len() as u64);
            file.checksum(Some(sum))
        };
        Foreign::new(self.names.iter().map(table).collect(), |target| Ok(target.write("CURRENT", b"1")?))
    }

    /// Makes the call under the switch, checks the effect that it reports, and returns its outcome.
    pub(crate) fn try_verb(&self, verb: Verb) -> String {
        let fs: Arc<dyn Fs> = Arc::new(switched(self.fs.clone(), self.switch));
        let (target, restored) = (Path::new("/daily"), Path::new("/restored"));
        let checkpoint = Path::new("/checkpoint");
        match verb {
            Verb::Create | Verb::Copy => {
                let policy = if verb == Verb::Create { Policy::PreferLink } else { Policy::Independent };
                let made = Checkpoint::new().policy(policy).create(&self.engine(), &*fs, target);
                self.check_made(target, made.is_ok());
                said(made.map(|info| info.durability))
            }
            Verb::Restore => {
                let made = CheckpointDir::open(Arc::clone(&fs), checkpoint)
                    .and_then(|checkpoint| restore(&checkpoint, &*fs, restored));
                self.check_made(restored, made.is_ok());
                said(made.map(|info| info.durability))
            }
            Verb::List => said(list(&*fs, Path::new("/")).map(|listed| {
                let [weekly, checkpoint] = &listed[..] else { panic!("{listed:?}") };
                assert!(matches!(checkpoint.state, CheckpointState::Complete), "{checkpoint:?}");
                assert!(matches!(weekly.state, CheckpointState::Staged), "{weekly:?}");
            })),
            Verb::Verify => said(verify(&*fs, checkpoint, &VerifyOptions::full()).map(|report| {
                assert!(report.is_sound(), "{report}");
            })),
            Verb::Remove => {
                let removed = remove(&*fs, checkpoint, NORMAL);
                assert_eq!(self.fs.exists(checkpoint).unwrap(), removed.is_err(), "{removed:?}");
                self.check_debris();
                said(removed.map(drop))
            }
            Verb::Sweep => {
                let swept = sweep(&*fs, Path::new("/"), NORMAL).map(|report| match &report.failed[..] {
                    [] => {
                        assert_eq!(report.cleared, [Path::new("/weekly")]);
                        assert!(!self.fs.exists(Path::new("/.weekly.checkpoint-staged")).unwrap());
                        None
                    }
                    [(path, error)] => Some(format!("{}: {}", path.display(), short(&error.to_string()))),
                    _ => panic!("{report:?}"),
                });
                match swept {
                    Ok(Some(failed)) => failed,
                    swept => said(swept.map(drop)),
                }
            }
        }
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
        let names = self.fs.read_dir(Path::new("/")).unwrap();
        let hidden: Vec<_> = names
            .iter()
            .map(|entry| entry.name.to_str().unwrap())
            .filter(|name| name.starts_with('.'))
            .collect();
        assert_eq!(hidden, [".weekly.checkpoint-staged"]);
    }
}

trait Said {
    fn said(&self) -> &'static str;
}

impl Said for () {
    fn said(&self) -> &'static str {
        "ok"
    }
}

impl Said for DirectorySync {
    fn said(&self) -> &'static str {
        match self {
            Self::Durable => "ok",
            Self::NotSupported => "ok, not durable",
        }
    }
}

fn said<T: Said>(result: Result<T, Error>) -> String {
    result.map_or_else(|error| short(&error.to_string()), |done| done.said().to_owned())
}

/// A message with the name of its errno in place of the host's text.
fn short(message: &str) -> String {
    let names = [
        (ENOLCK, "ENOLCK"),
        (errno::ENOSPC, "ENOSPC"),
        (errno::EDQUOT, "EDQUOT"),
        (errno::ENOENT, "ENOENT"),
        (errno::EEXIST, "EEXIST"),
        (errno::EACCES, "EACCES"),
        (errno::EINVAL, "EINVAL"),
    ];
    names.iter().fold(message.to_owned(), |message, (code, name)| {
        message.replace(&std::io::Error::from_raw_os_error(*code).to_string(), name)
    })
}

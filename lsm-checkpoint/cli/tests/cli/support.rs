//! A directory of checkpoints, and the command run on it.

use std::{
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::Arc,
    time::Duration,
};

use lsm_checkpoint::{
    BoxError, Capture, Checkpoint, CheckpointSource, Clock, DeletionPause, FileKind, PinnedSnapshot, Policy,
    SourceFile, SourceRoot,
};
use lsm_fs::{Fs, FsExt, StdFs, SyncMode};
use lsm_manifest::{ManifestArchiveWriter, WriteOptions};
use serde_json::Value;
use tempfile::TempDir;

use crate::schema;

/// The present in all tests: 2026-03-10 12:00:00 UTC.
pub(crate) const NOW: u64 = 1_773_144_000;
pub(crate) const PRESENT: &str = "2026-03-10T12:00:00Z";
pub(crate) const HOUR: u64 = 3_600;
pub(crate) const DAY: u64 = 86_400;

/// A clock that always shows the same time.
#[derive(Debug)]
struct At(u64);

impl Clock for At {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn wait(&self, _: Duration) {}

    fn unix_time(&self) -> Duration {
        Duration::from_secs(self.0)
    }
}

/// An engine with two tables and a manifest.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) dir: PathBuf,
    pub(crate) identity: String,
    pub(crate) tables: Vec<(String, u64)>,
}

impl Engine {
    /// Makes the files of a database. The contents of a table depend on its name and on the database.
    pub(crate) fn new(dir: PathBuf, identity: &str) -> Self {
        StdFs.create_dir_all(&dir).unwrap();
        let mut tables = Vec::new();
        for (name, len) in [("1.sst", 3_000), ("2.sst", 5_000)] {
            let bytes: Vec<u8> = name.bytes().chain(identity.bytes()).cycle().take(len).collect();
            StdFs.write_new(&dir.join(name), &bytes, SyncMode::Normal).unwrap();
            tables.push((name.to_owned(), len as u64));
        }
        Self { dir, identity: identity.to_owned(), tables }
    }

    /// Makes a checkpoint whose time is `age` seconds before the present.
    pub(crate) fn checkpoint(&self, target: &Path, age: i64, policy: Policy) {
        let at = At(u64::try_from(i64::try_from(NOW).unwrap() - age).unwrap());
        Checkpoint::new().policy(policy).clock(&at).create(self, &StdFs, target).unwrap();
    }
}

impl CheckpointSource for Engine {
    fn roots(&self) -> Vec<SourceRoot> {
        vec![SourceRoot::new(Arc::new(StdFs), &self.dir)]
    }

    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        None
    }

    fn identity(&self) -> String {
        self.identity.clone()
    }

    fn visible_seqno(&self) -> Option<u64> {
        Some(7)
    }

    fn flush(&self) -> Result<(), BoxError> {
        Ok(())
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        let fs: Arc<dyn Fs> = Arc::new(StdFs);
        let table = |(name, len): &(String, u64)| {
            SourceFile::immutable(FileKind::Table, Arc::clone(&fs), self.dir.join(name), *len)
        };
        let sections = [("tables", b"1 2".to_vec()), ("format_version", vec![5])];
        let files: Vec<_> = self.tables.iter().map(table).collect();
        Ok(Capture::one(PinnedSnapshot::new(1, ()).files(files).archive(WriteOptions::new(), sections)))
    }
}

/// A directory `backups` beside a database.
#[derive(Debug)]
pub(crate) struct Daily {
    pub(crate) temp: TempDir,
    pub(crate) engine: Engine,
}

impl Daily {
    /// A directory without checkpoints.
    pub(crate) fn empty() -> Self {
        let temp = tempfile::tempdir().unwrap();
        StdFs.create_dir(&temp.path().join("backups")).unwrap();
        let engine = Engine::new(temp.path().join("db"), "orders");
        Self { temp, engine }
    }

    /// Makes two checkpoints: `monday`, a copy that is two days old, and `tuesday`, linked a day ago.
    pub(crate) fn new() -> Self {
        let daily = Self::empty();
        daily.engine.checkpoint(&daily.at("monday"), 2 * DAY as i64, Policy::Independent);
        daily.engine.checkpoint(&daily.at("tuesday"), DAY as i64, Policy::PreferLink);
        daily
    }

    pub(crate) fn dir(&self) -> PathBuf {
        self.temp.path().join("backups")
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }

    /// Changes the last byte of a file of a checkpoint. The file gets a new inode, so the database keeps the old bytes.
    pub(crate) fn damage(&self, file: &str) {
        let path = self.at(file);
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::remove_file(&path).unwrap();
        fs::write(&path, bytes).unwrap();
    }

    /// Makes an empty checkpoint of catalog format 1, without an identity.
    pub(crate) fn nameless(&self, name: &str, age: u64) {
        self.nameless_at(name, NOW - age);
    }

    /// Makes an empty checkpoint of catalog format 1, whose time is in seconds since 1970.
    pub(crate) fn nameless_at(&self, name: &str, time: u64) {
        let created = (time * 1_000).to_le_bytes();
        let (format, version) = (1_u32.to_le_bytes(), 7_u64.to_le_bytes());
        let head = [&format[..], &[0; 4], &[0; 8], &created, &[0; 4], &version, &[0; 4]].concat();
        fs::create_dir(self.at(name)).unwrap();
        let catalog = self.at(name).join("CHECKPOINT");
        let mut writer = ManifestArchiveWriter::create(&StdFs, &catalog, WriteOptions::new()).unwrap();
        writer.add_section("checkpoint", &head).unwrap();
        writer.add_section("files.0", &[]).unwrap();
        let _ = writer.finish().unwrap();
    }

    /// Lists the names in the directory of checkpoints.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.dir()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Runs the command. `{d}` in an argument stands for the temporary directory.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        let dir = self.temp.path().to_str().unwrap();
        let mut command = command();
        command.env("XDG_STATE_HOME", self.temp.path().join("state"));
        Ran::of(command.args(args.iter().map(|arg| arg.replace("{d}", dir))), dir)
    }

    /// Runs the command with `--json`. Returns the exit code and the lines of both streams, each checked by the schema.
    pub(crate) fn json(&self, args: &[&str]) -> (i32, Vec<Value>) {
        let ran = self.run(&[args, &["--json"]].concat());
        let values = ran.out.lines().chain(ran.err.lines()).map(|line| {
            let value: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
            schema::check(&value);
            value
        });
        (ran.code, values.collect())
    }
}

/// Prepares the command, in UTC and at the fixed present.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lsm-checkpoint"));
    command.env("TZ", "UTC").env_remove("NO_COLOR").env("LC_ALL", "C");
    command.args(["--now", PRESENT]);
    command
}

/// The result of a run. In its texts `{d}` stands for the temporary directory.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn of(command: &mut Command, dir: &str) -> Self {
        Self::from_output(&command.output().unwrap(), dir)
    }

    pub(crate) fn from_output(output: &Output, dir: &str) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap().replace(dir, "{d}");
        Self {
            code: output.status.code().unwrap_or(-1),
            out: text(&output.stdout),
            err: text(&output.stderr),
        }
    }

    /// Panics unless the exit code, stdout and stderr are as given.
    #[track_caller]
    pub(crate) fn expect(&self, code: i32, out: &str, err: &str) {
        assert_eq!(
            (self.code, self.out.as_str(), self.err.as_str()),
            (code, out, err),
            "\n{}{}",
            self.out,
            self.err
        );
    }
}

/// Reads all files below a directory, by relative path.
pub(crate) fn contents(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut dirs = vec![dir.to_path_buf()];
    while let Some(at) = dirs.pop() {
        for entry in fs::read_dir(&at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else {
                found.push((path.strip_prefix(dir).unwrap().to_path_buf(), fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

/// A name that is not UTF-8.
pub(crate) fn not_utf8() -> &'static OsStr {
    use std::os::unix::ffi::OsStrExt;
    OsStr::from_bytes(b"caf\xe9")
}

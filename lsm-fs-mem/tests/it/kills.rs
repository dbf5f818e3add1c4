//! Kills: bugs of a second process that builds on changes that the first one never synced.

use std::{collections::BTreeSet, io::Write, path::Path};

use lsm_fs::{DirectorySync, Fs, FsExt, FsFile, FsOpenOptions, Result, SyncMode};
use lsm_fs_mem::{Budget, CrashSweep, MemFs, Notes, Profile, StateId, SweepError, SweepReport};

const NORMAL: SyncMode = SyncMode::Normal;

/// The changes that the engine makes durable when it opens, before it continues from them.
#[derive(Clone, Copy, Debug)]
struct Care {
    /// The rename of CURRENT.
    pointer: bool,
    /// The records of the log.
    log: bool,
}

const CAREFUL: Care = Care { pointer: true, log: true };
const TRUSTS_POINTER: Care = Care { pointer: false, log: true };
const TRUSTS_LOG: Care = Care { pointer: true, log: false };

/// A set of keys: an archive for each version, and the log that belongs to it. CURRENT names the version.
struct Engine<'f> {
    fs: &'f MemFs,
    version: u32,
    keys: BTreeSet<String>,
    log: Box<dyn FsFile>,
}

fn numbered(name: &str, version: u32) -> std::path::PathBuf {
    format!("/db/{name}-{version}").into()
}

fn sync_db(fs: &MemFs) -> Result<()> {
    fs.sync_directory(Path::new("/db"), NORMAL).map(drop)
}

/// Returns the complete lines, and their total length.
fn lines(bytes: &[u8]) -> (BTreeSet<String>, usize) {
    let (mut keys, mut len) = (BTreeSet::new(), 0);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        match line.split_last() {
            Some((b'\n', key)) if key.iter().all(u8::is_ascii_alphanumeric) => {
                keys.insert(String::from_utf8_lossy(key).into_owned());
                len += line.len();
            }
            _ => break,
        }
    }
    (keys, len)
}

impl<'f> Engine<'f> {
    fn open(fs: &'f MemFs, care: Care) -> Result<Self> {
        let current = Path::new("/db/CURRENT");
        let version = if fs.exists(current)? {
            String::from_utf8(fs.read_to_vec(current, 9)?).unwrap().parse().unwrap()
        } else {
            0
        };
        if care.pointer {
            sync_db(fs)?;
        }
        let mut keys = BTreeSet::new();
        if version > 0 {
            keys = lines(&fs.read_to_vec(&numbered("archive", version), 1 << 16)?).0;
        }
        let path = numbered("log", version);
        let is_new = !fs.exists(&path)?;
        let log = fs.open(&path, &FsOpenOptions::new().read(true).append(true).create(true))?;
        if is_new {
            sync_db(fs)?;
        }
        let (logged, len) = lines(&fs.read_to_vec(&path, 1 << 16)?);
        if log.metadata()?.len > len as u64 {
            log.set_len(len as u64)?;
        }
        if care.log {
            log.sync_all(NORMAL)?;
        }
        keys.extend(logged);
        Ok(Self { fs, version, keys, log })
    }

    /// Promises a key. If the key exists already, this is a retry of the client.
    fn put(&mut self, key: &str) -> Result<()> {
        if self.keys.insert(key.to_owned()) {
            self.log
                .write_all(format!("{key}\n").as_bytes())
                .map_err(|e| lsm_fs::Error::new(lsm_fs::Op::Write, numbered("log", self.version), e))?;
            self.log.sync_data(NORMAL)?;
        }
        self.fs.note(key);
        Ok(())
    }

    /// Publishes a version that holds all keys, with an empty log.
    fn flush(&mut self) -> Result<()> {
        let (fs, next) = (self.fs, self.version + 1);
        let archive: String = self.keys.iter().map(|key| format!("{key}\n")).collect();
        let options = FsOpenOptions::new().write(true).create(true).truncate(true);
        for (path, bytes) in [
            (numbered("archive", next), archive),
            (numbered("log", next), String::new()),
            ("/db/CURRENT.new".into(), next.to_string()),
        ] {
            let file = fs.open(&path, &options)?;
            file.write_at(bytes.as_bytes(), 0)?;
            file.sync_all(NORMAL)?;
        }
        sync_db(fs)?;
        fs.rename(Path::new("/db/CURRENT.new"), Path::new("/db/CURRENT"))?;
        sync_db(fs)?;
        fs.remove_file(&numbered("log", self.version))?;
        self.log = fs.open(&numbered("log", next), &FsOpenOptions::new().read(true).append(true))?;
        self.version = next;
        Ok(())
    }
}

fn first_life(fs: &MemFs, care: Care) -> Result<()> {
    let mut engine = Engine::open(fs, care)?;
    engine.put("a")?;
    engine.put("b")?;
    engine.flush()?;
    engine.put("c")
}

/// The client of `b` and `c` received no answer and repeats its calls.
fn second_life(fs: &MemFs, care: Care) -> Result<()> {
    let mut engine = Engine::open(fs, care)?;
    engine.put("b")?;
    engine.put("c")?;
    engine.put("d")
}

fn check(image: &MemFs, notes: &Notes) -> std::result::Result<(), String> {
    let engine = Engine::open(image, CAREFUL).map_err(|e| e.to_string())?;
    match notes.iter().find(|key| !engine.keys.contains(*key)) {
        Some(lost) => Err(format!("{lost} was acknowledged and is lost")),
        None => Ok(()),
    }
}

fn prepared() -> MemFs {
    let fs = MemFs::new();
    fs.create_dir(Path::new("/db")).unwrap();
    touch(&fs, "/db/log-0").unwrap();
    fs.settle();
    fs
}

fn sweep<'a>() -> CrashSweep<'a> {
    CrashSweep::new().start_from(&prepared()).budget(Budget::Ci)
}

fn with_kills(care: Care) -> std::result::Result<SweepReport, SweepError> {
    sweep().after_kill(move |fs| second_life(fs, care)).run(|fs: &MemFs| first_life(fs, care), check)
}

/// This is why kills are needed: neither a crash nor a recovery shows state that existed only in the page cache.
#[test]
fn a_crash_sweep_misses_both_bugs() {
    for care in [CAREFUL, TRUSTS_POINTER, TRUSTS_LOG] {
        let recovered = sweep().recovery(move |fs| second_life(fs, care));
        let report = recovered.run(|fs: &MemFs| first_life(fs, care), check);
        let report = report.unwrap_or_else(|e| panic!("{care:?}: {e}"));
        assert!(report.is_exhaustive(), "{report}");
    }
}

#[test]
fn a_kill_and_a_crash_find_both_bugs() {
    let report = with_kills(CAREFUL).unwrap();
    let (states, from, of) = report.profiles[0].kills.unwrap();
    assert!(from == of && of > 20 && states > 300, "{report}");
    assert!(report.is_exhaustive(), "{report}");
    for (care, lost, moment) in [
        (TRUSTS_POINTER, "c was acknowledged and is lost", "name /db/CURRENT"),
        (TRUSTS_LOG, "b was acknowledged and is lost", "length of /db/log-0"),
    ] {
        let error = with_kills(care).unwrap_err();
        let failure = error.failure().unwrap();
        assert_eq!(failure.message, lost, "{error}");
        let killed = failure.explanation.lines().find(|line| line.starts_with("the process was killed"));
        assert!(killed.is_some_and(|line| line.contains(moment)), "{error}");
        let id: StateId = failure.state.to_string().parse().unwrap();
        let again = sweep().after_kill(move |fs| second_life(fs, care)).replay(
            &id,
            |fs: &MemFs| first_life(fs, care),
            check,
        );
        assert_eq!(again.unwrap_err().failure(), error.failure());
        assert!(error.to_string().contains("btrfs: "), "{error}");
    }
}

fn touch(fs: &MemFs, path: &str) -> Result<Box<dyn FsFile>> {
    fs.open(Path::new(path), &FsOpenOptions::new().write(true).create(true))
}

fn has(fs: &MemFs, path: &str) -> bool {
    fs.exists(Path::new(path)).unwrap()
}

fn fine(_: &MemFs, _: &Notes) -> std::result::Result<(), String> {
    Ok(())
}

#[test]
fn a_sample_of_kills_is_reported() {
    let many = |fs: &MemFs| -> Result<()> {
        for n in 0..30 {
            touch(fs, &format!("/{}", n % 2))?;
            fs.note("made");
        }
        Ok(())
    };
    let report = CrashSweep::new()
        .models([Profile::Adversarial])
        .budget(Budget::Quick)
        .after_kill(|fs: &MemFs| fs.create_dir(Path::new("/second")))
        .run(many, fine)
        .unwrap();
    let (_, from, of) = report.profiles[0].kills.unwrap();
    // Before the first event, and after each of the two names and thirty notes.
    assert_eq!((from, of), (16, 33));
    assert!(!report.is_exhaustive());
    assert!(report.to_string().contains(" states from 16 of 33 kills"), "{report}");
}

/// The next process finds every name, but no handles, no locks, and no files that only a handle kept alive.
#[test]
fn the_next_process_starts_from_the_page_cache() {
    let first = |fs: &MemFs| -> Result<()> {
        fs.create_dir(Path::new("/d"))?;
        let _lock = fs.try_lock_directory(Path::new("/d"))?.expect("nobody else is there");
        let unnamed = touch(fs, "/d/unnamed")?;
        unnamed.write_at(&[7; 8192], 0)?;
        assert!(unnamed.try_lock_exclusive()?);
        fs.remove_file(Path::new("/d/unnamed"))?;
        touch(fs, "/d/kept")?.write_at(b"never synced", 0)?;
        fs.note("over");
        Ok(())
    };
    let mut seen = Vec::new();
    let before = MemFs::new().available_space(Path::new("/")).unwrap();
    let second = |fs: &MemFs| -> Result<()> {
        let has_lock = has(fs, "/d") && fs.try_lock_directory(Path::new("/d"))?.is_some();
        let kept = has(fs, "/d/kept").then(|| fs.read_to_vec(Path::new("/d/kept"), 99)).transpose()?;
        let used = before - fs.available_space(Path::new("/"))?;
        seen.push((has_lock, kept.map(|bytes| bytes.len()), used, fs.pending() > 0));
        touch(fs, "/made").map(drop)
    };
    CrashSweep::new().models([Profile::Adversarial]).after_kill(second).run(first, fine).unwrap();
    // In order: nothing, the directory, a name, its bytes, no name, a name, its bytes, the note. Everything waits for a
    // sync.
    let expected = [
        (false, None, 0, false),
        (true, None, 0, true),
        (true, None, 0, true),
        (true, None, 8192, true),
        (true, None, 0, true),
        (true, Some(0), 0, true),
        (true, Some(12), 4096, true),
        (true, Some(12), 4096, true),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn a_kill_may_split_a_tree_removal_but_not_a_rename() {
    let first = |fs: &MemFs| -> Result<()> {
        fs.create_dir(Path::new("/d"))?;
        touch(fs, "/d/a")?;
        touch(fs, "/d/b")?;
        fs.rename(Path::new("/d/a"), Path::new("/d/c"))?;
        fs.remove_dir_all(Path::new("/d"))?;
        fs.note("gone");
        Ok(())
    };
    let mut seen = Vec::new();
    let second = |fs: &MemFs| -> Result<()> {
        let names = if has(fs, "/d") { fs.read_dir(Path::new("/d"))? } else { Vec::new() };
        seen.push(names.iter().map(|entry| entry.name.to_string_lossy().into_owned()).collect::<String>());
        touch(fs, "/made").map(drop)
    };
    let hostile = lsm_fs_mem::CrashModel::new(Profile::Adversarial).hostile_rename(true);
    CrashSweep::new().models([hostile]).after_kill(second).run(first, fine).unwrap();
    assert_eq!(seen, ["", "", "a", "ab", "bc", "c", "", "", ""]);
}

#[test]
fn an_error_of_the_next_process_is_a_failure() {
    let run = || {
        CrashSweep::new()
            .models([Profile::Ext4])
            .after_kill(|fs: &MemFs| if has(fs, "/half") { Err("half a publication") } else { Ok(()) })
    };
    let first = |fs: &MemFs| -> Result<()> {
        touch(fs, "/half")?;
        fs.note("begun");
        fs.rename(Path::new("/half"), Path::new("/whole"))
    };
    let error = run().run(first, fine).unwrap_err();
    let failure = error.failure().unwrap();
    assert_eq!(failure.message, "the next process failed: half a publication");
    assert_eq!(failure.state.to_string(), "ext4@1!1=1");
    assert!(error.to_string().contains("ext4: "), "{error}");
    let again = run().replay(&failure.state, first, fine).unwrap_err();
    assert_eq!(again.failure(), error.failure());
}

#[test]
fn an_id_with_an_impossible_kill_is_refused() {
    let first = |fs: &MemFs| -> Result<()> {
        touch(fs, "/f")?;
        fs.note("made");
        Ok(())
    };
    let refusal = |sweep: CrashSweep<'_>, id: &str| {
        let error = sweep.replay(&id.parse().unwrap(), first, fine).unwrap_err();
        assert!(matches!(error, SweepError::NoSuchState(_)), "{error}");
        error.to_string()
    };
    let killed = || CrashSweep::new().after_kill(|fs: &MemFs| touch(fs, "/second").map(drop));
    assert!(refusal(CrashSweep::new(), "ext4@1!2=2").contains("the sweep has no `after_kill`"));
    assert!(refusal(killed(), "ext4@9!9=2").contains("killed after event 9 of 2"));
    assert!(refusal(killed(), "ext4@1!1=1/ext4@0=-").contains("no recovery is crashed after a kill"));
    assert!(refusal(killed(), "ext4@2!1=1").contains("before its process is killed"));
    killed().replay(&"ext4@1!2=2".parse().unwrap(), first, fine).unwrap();
}

/// The conveniences of `lsm-fs`: a call that is repeated after a kill promises as much as a call that was not
/// interrupted.
#[test]
fn repeated_calls_are_durable() {
    let make = |fs: &MemFs| -> Result<()> {
        let made = fs.create_dir_all_durable(Path::new("/"), Path::new("a/b/c"), NORMAL)?;
        assert_eq!(made, DirectorySync::Durable);
        fs.note("made");
        Ok(())
    };
    let check = |image: &MemFs, notes: &Notes| {
        if notes.is_empty() || has(image, "/a/b/c") { Ok(()) } else { Err("made and lost") }
    };
    CrashSweep::new().after_kill(make).run(make, check).unwrap();
    // A process that does not repeat the call for an existing directory cannot rely on its durability.
    let trusting = |fs: &MemFs| {
        if !has(fs, "/a/b/c") {
            return make(fs);
        }
        fs.note("made");
        Ok(())
    };
    let error = CrashSweep::new().after_kill(trusting).run(make, check).unwrap_err();
    assert_eq!(error.failure().unwrap().message, "made and lost");

    let rewrite = |fs: &MemFs| -> Result<()> {
        assert_eq!(fs.rewrite_atomic(Path::new("/current"), b"v1", NORMAL)?, DirectorySync::Durable);
        fs.note("v1");
        Ok(())
    };
    let check = |image: &MemFs, notes: &Notes| match image.read_to_vec(Path::new("/current"), 8) {
        Ok(bytes) if bytes == b"v1" => Ok(()),
        Err(_) if notes.is_empty() => Ok(()),
        other => Err(format!("{other:?}")),
    };
    CrashSweep::new().after_kill(rewrite).run(rewrite, check).unwrap();
}

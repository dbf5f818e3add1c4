//! Checks every inode after every call. No inode ever allows the group or others more than in the end.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use lsm_checkpoint::{Checkpoint, CheckpointDir, Policy};
use lsm_fs::{
    Fs, Permissions, Result,
    intercept::{Call, InterceptFs, Interceptor, Outcome},
};
use lsm_fs_mem::MemFs;

use super::{OWNED, owned};
use crate::{
    create::{DIR, TARGET, mem_db},
    tweak::Tweak,
};

/// The modes and owners that each inode has had, by number.
type Seen = BTreeMap<u64, BTreeSet<(u32, u32, u32)>>;

#[derive(Debug)]
struct Watch {
    fs: MemFs,
    seen: Mutex<Seen>,
    last: Mutex<BTreeMap<u64, (PathBuf, Permissions)>>,
}

/// Returns every inode below `/`.
fn all(fs: &MemFs) -> BTreeMap<u64, (PathBuf, Permissions)> {
    let mut found = BTreeMap::new();
    let mut dirs = vec![PathBuf::from("/")];
    while let Some(dir) = dirs.pop() {
        for entry in fs.read_dir(&dir).unwrap() {
            let path = dir.join(&entry.name);
            let there = fs.symlink_metadata(&path).unwrap();
            if there.is_dir() {
                dirs.push(path.clone());
            }
            found.insert(there.file_id.unwrap().inode, (path, there.permissions.unwrap()));
        }
    }
    found
}

impl Interceptor for Watch {
    type File = ();

    fn around<R: Outcome>(&self, _: Option<&()>, _: &Call<'_>, run: impl FnOnce() -> Result<R>) -> Result<R> {
        let result = run();
        let mut seen = self.seen.lock().unwrap();
        let now = all(&self.fs);
        for (inode, (_, Permissions { mode, owner, group })) in &now {
            seen.entry(*inode).or_default().insert((*mode, *owner, *group));
        }
        self.last.lock().unwrap().extend(now);
        result
    }
}

/// Returns the mode in the source that stands for a path in a target. A file of another name was written, so it takes
/// the mode of the database.
fn in_source(before: &BTreeMap<u64, (PathBuf, Permissions)>, path: &Path) -> Option<u32> {
    let dirs = [
        "/.checkpoint.checkpoint-staged",
        TARGET,
        "/.restored.checkpoint-staged",
        "/restored",
        "/data/.checkpoint-staged",
        "/data",
    ];
    let below = dirs.iter().find_map(|dir| path.strip_prefix(dir).ok())?;
    let source = match below.to_str()? {
        "logs" => PathBuf::from(DIR),
        "logs/log" => Path::new(DIR).join("log"),
        _ => Path::new(DIR).join(below),
    };
    let mode_of = |path: &Path| before.values().find(|(known, _)| known == path).map(|(_, there)| there.mode);
    mode_of(&source).or_else(|| mode_of(Path::new(DIR)))
}

/// Runs a call on a watched filesystem, and compares the past states of each inode with its last state.
fn watched(name: &str, fs: &MemFs, call: impl FnOnce(&InterceptFs<MemFs, Watch>)) {
    let before = all(fs);
    let watch = Watch { fs: fs.clone(), seen: Mutex::default(), last: Mutex::default() };
    let watching = InterceptFs::new(fs.clone(), watch);
    call(&watching);
    let after = all(fs);
    let seen = watching.interceptor().seen.lock().unwrap();
    let last = watching.interceptor().last.lock().unwrap();
    assert!(seen.len() > before.len(), "{name}: nothing was made");
    for (inode, states) in seen.iter() {
        let path = &last[inode].0;
        if let Some((_, old)) = before.get(inode) {
            let old = (old.mode, old.owner, old.group);
            assert_eq!(states, &BTreeSet::from([old]), "{name}: {} is not new, and changed", path.display());
            continue;
        }
        // The marker holds only names, and the directory shows these.
        let is_marker = path.ends_with(".checkpoint-unpublished");
        if let Some(allowed) = in_source(&before, path).filter(|_| !is_marker) {
            for (mode, ..) in states {
                let beyond = mode & 0o077 & !allowed;
                assert_eq!(beyond, 0, "{name}: {} was {mode:o}, its source is {allowed:o}", path.display());
            }
        }
        let Some((_, end)) = after.get(inode) else {
            // Only the marker and the staged directory may be gone.
            assert!(is_marker || path.to_string_lossy().contains("checkpoint-staged"), "{}", path.display());
            continue;
        };
        for (mode, _, group) in states {
            let beyond = mode & 0o077 & !end.mode;
            assert_eq!(beyond, 0, "{name}: {} was {mode:o}, and is {:o}", path.display(), end.mode);
            let by_group = mode & 0o070 == 0 || *group == end.group;
            assert!(by_group, "{name}: {} was open to group {group} with {mode:o}", path.display());
        }
    }
}

fn database() -> (MemFs, crate::db::Db) {
    let (fs, db) = mem_db(&[""]);
    owned(&fs);
    for (file, mode) in [("/db/tables/2", 0o660), ("/db/blobs/1", 0o404)] {
        super::set(&fs, file, OWNED.with_mode(mode));
    }
    (fs, db)
}

const POLICIES: [Policy; 4] =
    [Policy::LinkOnly, Policy::PreferLink, Policy::PreferReflink, Policy::Independent];

#[test]
fn a_checkpoint_never_allows_more() {
    for policy in POLICIES {
        let (fs, db) = database();
        watched(&format!("create, {policy:?}"), &fs, |fs| {
            Checkpoint::new().policy(policy).create(&db, fs, Path::new(TARGET)).unwrap();
        });
        let (fs, db) = database();
        watched(&format!("create in place, {policy:?}"), &fs, |fs| {
            let tweaked = Tweak::new(fs.clone()).without_directory_renames();
            Checkpoint::new().policy(policy).create(&db, &tweaked, Path::new(TARGET)).unwrap();
        });
    }
}

#[test]
fn a_restore_never_allows_more() {
    for policy in [Policy::PreferLink, Policy::PreferReflink, Policy::Independent] {
        let (fs, db) = database();
        Checkpoint::new().policy(policy).create(&db, &fs, Path::new(TARGET)).unwrap();
        let checkpoint = CheckpointDir::open(Arc::new(fs.clone()), TARGET).unwrap();
        let options = Checkpoint::new().policy(policy);
        watched(&format!("restore, {policy:?}"), &fs, |fs| {
            options.restore(&checkpoint, fs, Path::new("/restored")).unwrap();
        });
        fs.create_dir(Path::new("/data")).unwrap();
        watched(&format!("restore into, {policy:?}"), &fs, |fs| {
            options.restore_into(&checkpoint, fs, Path::new("/data")).unwrap();
        });
    }
}

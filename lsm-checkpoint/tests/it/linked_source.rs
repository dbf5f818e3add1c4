//! Symbolic links on the way to a live source, to a base and to a checkpoint, on the host and in memory.
//!
//! A call confines itself to the parent of its target. A source or a base may lie there, too, behind links that the
//! operator has made. These are followed. Links inside a checkpoint are not.
#![cfg(unix)]

use std::{
    ops::ControlFlow,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use lsm_checkpoint::{
    BoxError, Capture, Checkpoint, CheckpointDir, CheckpointInfo, CheckpointSource, DeletionPause, Error,
    Method, Policy, Progress, SourceRoot, run_checkpoint,
};
use lsm_fs::{Fs, FsAbilities, FsExt, StdFs};
use lsm_fs_mem::MemFs;
use tempfile::TempDir;

use crate::db::Db;

const POLICIES: [Policy; 4] =
    [Policy::LinkOnly, Policy::PreferLink, Policy::PreferReflink, Policy::Independent];

/// The directory of the source, two levels below the parent of the target.
const DB: &str = "data/above/db";
const TARGET: &str = "data/monday";

/// Makes a link to the first path at the second one.
type MakeLink = dyn Fn(&Path, &Path) + Sync;

/// A directory with `data`, which holds the source and the targets, and `disk`, to which entries of it are moved.
struct Ground {
    fs: Arc<dyn Fs>,
    root: PathBuf,
    link: Box<MakeLink>,
    _host: Option<TempDir>,
}

fn grounds() -> [Ground; 2] {
    let host = tempfile::tempdir().unwrap();
    let mem = MemFs::new();
    let in_memory = mem.clone();
    let grounds = [
        Ground {
            fs: Arc::new(StdFs),
            root: host.path().to_path_buf(),
            link: Box::new(|to, at| symlink(to, at).unwrap()),
            _host: Some(host),
        },
        Ground {
            fs: Arc::new(mem),
            root: PathBuf::from("/"),
            link: Box::new(move |to, at| in_memory.make_symlink(to, at).unwrap()),
            _host: None,
        },
    ];
    for ground in &grounds {
        ground.fs.create_dir(&ground.path("disk")).unwrap();
        ground.fs.create_dir_all(&ground.path("data/above")).unwrap();
        Db::prepare(&*ground.fs, &ground.path(DB), &[""]);
        // The folder of tables gets a stricter mode than the database.
        let (tables, ability) = (ground.path(DB).join("tables"), ground.fs.abilities());
        if let Some(ability) = ability.and_then(FsAbilities::permissions) {
            let there = ground.fs.metadata(&tables).unwrap().permissions.unwrap();
            let _ = ability.set_directory_permissions(&tables, &there.with_mode(0o700)).unwrap();
        }
    }
    grounds
}

impl Ground {
    fn path(&self, below: &str) -> PathBuf {
        self.root.join(below)
    }

    fn db(&self) -> Db {
        Db::open(Arc::clone(&self.fs), &self.path(DB), &[""])
    }

    /// Moves an entry to `disk`, and leaves a link in its place.
    fn move_away(&self, entry: &str) {
        let (from, to) = (self.path(entry), self.path("disk").join(Path::new(entry).file_name().unwrap()));
        self.fs.rename(&from, &to).unwrap();
        (self.link)(&to, &from);
    }

    fn create(&self, options: &Checkpoint<'_>) -> lsm_checkpoint::Result<CheckpointInfo> {
        options.create(&self.db(), &*self.fs, &self.path(TARGET))
    }

    fn open(&self, checkpoint: &str) -> CheckpointDir {
        CheckpointDir::open(Arc::clone(&self.fs), self.path(checkpoint)).unwrap()
    }

    fn names(&self, dir: &str) -> Vec<String> {
        let entries = self.fs.read_dir(&self.path(dir)).unwrap();
        entries.iter().map(|entry| entry.name.to_string_lossy().into_owned()).collect()
    }
}

fn methods(info: &CheckpointInfo) -> [u64; 4] {
    [Method::HardLink, Method::Reflink, Method::Copy, Method::Written]
        .map(|method| info.by_method(method).files)
}

/// The checkpoint is the same as without links: the same methods bring the files, and all modes are kept.
#[test]
fn links_on_the_way_to_a_live_source_are_followed() {
    let tables = "data/above/db/tables";
    for moved in [&["data/above"][..], &[DB], &[tables], &[tables, DB, "data/above"]] {
        for policy in POLICIES {
            let options = Checkpoint::new().policy(policy);
            for (plain, ground) in grounds().into_iter().zip(grounds()) {
                let expected = plain.create(&options).unwrap();
                moved.iter().for_each(|entry| ground.move_away(entry));
                let what = format!("{moved:?} below {}, {policy:?}", ground.root.display());
                let info = ground.create(&options).unwrap_or_else(|error| panic!("{what}: {error}"));
                assert_eq!(methods(&info), methods(&expected), "{what}");
                let checked = ground.db().check_target(&*ground.fs, &ground.path(TARGET));
                assert_eq!(checked, Ok(true), "{what}");
            }
        }
    }
}

#[test]
fn links_on_the_way_to_a_base_are_followed() {
    for ground in grounds() {
        ground.fs.create_dir(&ground.path("data/old")).unwrap();
        let independent = Checkpoint::new().policy(Policy::Independent);
        independent.create(&ground.db(), &*ground.fs, &ground.path("data/old/sunday")).unwrap();
        ground.move_away("data/old");
        (ground.link)(Path::new("old/sunday"), &ground.path("data/latest"));
        for base in ["data/old/sunday", "data/latest"] {
            let base = ground.path(base);
            let info = ground.create(&independent.base(&base).verify_base(true)).unwrap();
            assert_eq!(info.by_method(Method::BaseLink).files, 3, "{}", base.display());
            ground.fs.remove_dir_all(&ground.path(TARGET)).unwrap();
        }
    }
}

/// The path to a checkpoint is the caller's, so a restore follows its links. Links inside the checkpoint are refused.
#[test]
fn links_inside_a_checkpoint_are_refused() {
    for ground in grounds() {
        ground.fs.create_dir(&ground.path("data/old")).unwrap();
        run_checkpoint(&ground.db(), &*ground.fs, &ground.path("data/old/sunday")).unwrap();
        ground.move_away("data/old");
        let live = ground.path("data/live");
        let restore = |policy| {
            let sunday = ground.open("data/old/sunday");
            Checkpoint::new().policy(policy).restore(&sunday, &*ground.fs, &live)
        };
        restore(Policy::PreferLink).unwrap();
        ground.fs.remove_dir_all(&live).unwrap();
        ground.move_away("data/old/sunday/tables");
        for policy in POLICIES {
            restore(policy).unwrap_err();
            let sunday = ground.open("data/old/sunday");
            let options = Checkpoint::new().policy(policy);
            options.create(&sunday, &*ground.fs, &ground.path(TARGET)).unwrap_err();
            assert_eq!(ground.names("data"), ["above", "old"], "{policy:?}");
        }
    }
}

/// A source with links is not a way out of the target: the folder that receives the files is replaced by a link.
#[test]
fn a_link_in_the_place_of_a_staged_folder_is_refused() {
    for ground in grounds() {
        ground.move_away(DB);
        let (tables, outside) =
            (ground.path("data/.monday.checkpoint-staged/tables"), ground.path("outside"));
        ground.fs.create_dir(&outside).unwrap();
        let waiting = AtomicBool::new(true);
        // The first report comes when the folders are made, and before any file.
        let swap = |_: &Progress| {
            if waiting.swap(false, Ordering::Relaxed) {
                ground.fs.remove_dir(&tables).unwrap();
                (ground.link)(&outside, &tables);
            }
            ControlFlow::Continue(())
        };
        ground.create(&Checkpoint::new().progress(&swap)).unwrap_err();
        assert_eq!(ground.names("outside"), [""; 0]);
    }
}

/// A source with a second root, the folder of the tables.
struct TwoRoots(Db);

impl CheckpointSource for TwoRoots {
    fn roots(&self) -> Vec<SourceRoot> {
        let tables = SourceRoot::new(Arc::clone(&self.0.fs), self.0.dir.join("tables"));
        [self.0.roots(), vec![tables]].concat()
    }

    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        self.0.deletion_pause()
    }

    fn visible_seqno(&self) -> Option<u64> {
        self.0.visible_seqno()
    }

    fn flush(&self) -> Result<(), BoxError> {
        self.0.flush()
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        self.0.capture()
    }

    fn identity(&self) -> String {
        self.0.identity()
    }
}

#[test]
fn a_target_inside_a_linked_source_is_refused() {
    for ground in grounds() {
        ground.move_away("data/above/db/tables");
        ground.move_away(DB);
        ground.move_away("data/above");
        for target in ["data/above/db/x", "disk/above/db/x", "disk/db/x", "disk/db/tables/x", "disk/tables/x"]
        {
            let refused =
                run_checkpoint(&TwoRoots(ground.db()), &*ground.fs, &ground.path(target)).unwrap_err();
            assert!(matches!(refused, Error::NestedTarget { .. }), "{target}: {refused}");
        }
        assert_eq!(ground.names("disk/tables"), ["1", "2"]);
    }
}

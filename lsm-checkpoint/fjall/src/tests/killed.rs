//! Processes that are killed in the middle of a backup.
//!
//! `LSM_FJALL_KILLS` is the number of kills (default 5). The place of a kill follows from its number.

use std::{
    io::{BufRead, BufReader, Read},
    ops::ControlFlow,
    process::{Command, Stdio},
};

use fjall::KeyspaceCreateOptions;
use lsm_checkpoint::Policy;
use lsm_fs::{StdFs, SyncMode};

use super::{
    event::Subject,
    world::{World, contents, open},
};
use crate::{Backup, steps::Step};

const DIR: &str = "LSM_FJALL_CHILD_DIR";
const PLACE: &str = "LSM_FJALL_CHILD_PLACE";

/// The places where a backup can be killed: after each of these steps, and at each of the first progress reports.
const STEPS: [Step; 5] =
    [Step::Captured, Step::JournalsCut, Step::JournalsOpened, Step::Persisted, Step::JournalsListed];
const PLACES: usize = 12;

/// The body of the child process. In the parent, where the variable is not set, this test does nothing.
#[test]
fn child() {
    let Ok(dir) = std::env::var(DIR) else { return };
    let place: usize = std::env::var(PLACE).unwrap().parse().unwrap();
    let db = open(&std::path::Path::new(&dir).join("db"));
    let keyspace = db.keyspace("a", KeyspaceCreateOptions::default).unwrap();
    keyspace.insert(format!("child {place}"), "acknowledged").unwrap();
    db.persist(fjall::PersistMode::Buffer).unwrap();
    let wait = || {
        println!("reached");
        let _ = std::io::stdin().read(&mut [0]);
        panic!("the parent kills this process");
    };
    let calls = std::sync::atomic::AtomicUsize::new(0);
    let progress = |_: &lsm_checkpoint::Progress| {
        let call = calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        if place >= STEPS.len() && call == place - STEPS.len() {
            wait();
        }
        ControlFlow::Continue(())
    };
    let after = |step| {
        if STEPS.get(place) == Some(&step) {
            wait();
        }
    };
    let mut backup = Backup::new().progress(&progress).policy(Policy::Independent);
    backup.steps.after = Some(&after);
    let _ = backup.create(&db, std::path::Path::new(&dir).join("backups/killed")).unwrap();
    panic!("the backup ended before the place");
}

#[test]
fn a_killed_backup_leaves_the_source_and_the_published_backups_whole() {
    let kills = std::env::var("LSM_FJALL_KILLS").map_or(5, |kills| kills.parse().unwrap());
    let world = World::new();
    std::fs::create_dir(world.path("backups")).unwrap();
    drop(Subject::new(&world, false));
    for kill in 0..kills {
        // 5 and 12 have no common factor, so consecutive kills are at different kinds of places.
        let place = kill * 5 % PLACES;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tests::killed::child", "--nocapture"])
            .env(DIR, world.path(""))
            .env(PLACE, place.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let reached = lines.any(|line| line.unwrap().ends_with("reached"));
        child.kill().unwrap();
        let _ = child.wait().unwrap();
        assert!(reached, "kill {kill}: the child did not reach place {place}");

        assert!(!world.path("backups/killed").exists(), "kill {kill} at {place}: published too early");
        let db = world.open();
        let source = contents(&db);
        assert!(source["a"].contains_key(format!("child {place}").as_bytes()), "kill {kill} at {place}");
        let swept = lsm_checkpoint::sweep(&StdFs, &world.path("backups"), SyncMode::Normal).unwrap();
        assert_eq!((swept.failed.len(), swept.in_progress.len()), (0, 0), "{swept:?}");
        assert_eq!(swept.cleared.len(), 1, "kill {kill} at {place}: {swept:?}");
        let name = format!("backups/{kill}");
        world.backup(&Backup::new(), &db, &name);
        assert_eq!(world.restored(&name), source, "kill {kill} at {place}");
        let published = std::fs::read_dir(world.path("backups")).unwrap().count();
        assert_eq!(published, kill + 1, "kill {kill} at {place}: nothing but backups is left");
    }
}

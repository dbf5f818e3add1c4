//! Every operation on filesystems with odd behaviour. There is a switch for each oddity, and the outcomes are pinned.

mod board;
#[cfg(target_os = "linux")]
mod fuse;
mod switched;
mod verbs;

pub(crate) use board::Switch;
pub(crate) use switched::switched;
use verbs::{Place, Verb};

/// The outcome of each operation under a switch. An operation that is not listed returns `ok`.
fn expected(switch: Switch, verb: Verb) -> &'static str {
    use Switch::{FoldsCase, Full, NoColons, NoDirectorySync, NoLocks, Quota, UnlistableParent};
    use Verb::{Copy, Create, Force, Increment, List, Remove, Restore, RestoreInto, Sweep};
    match (switch, verb) {
        (NoLocks, Create | Copy | Increment) => "try_lock_directory /.daily.checkpoint-staged: ENOLCK",
        (NoLocks, Restore) => "try_lock_directory /.restored.checkpoint-staged: ENOLCK",
        (NoLocks, RestoreInto) => "try_lock_directory /restored: ENOLCK",
        (NoLocks, Remove | Force) => "try_lock_directory /checkpoint: ENOLCK",
        (NoLocks, Sweep) => "/weekly: try_lock_directory /.weekly.checkpoint-staged: ENOLCK",
        (Full, Create | Copy | Increment) => "create_dir /.daily.checkpoint-staged: ENOSPC",
        (Full, Restore) => "create_dir /.restored.checkpoint-staged: ENOSPC",
        (Full, RestoreInto) => "create_dir /restored/.checkpoint-staged: ENOSPC",
        (Quota, Create | Copy | Increment) => "create_dir /.daily.checkpoint-staged: EDQUOT",
        (Quota, Restore) => "create_dir /.restored.checkpoint-staged: EDQUOT",
        (Quota, RestoreInto) => "create_dir /restored/.checkpoint-staged: EDQUOT",
        (FoldsCase, Create | Copy | Increment) => {
            "/.daily.checkpoint-staged/tables/b.sst: the filesystem does not distinguish this name from another"
        }
        (FoldsCase, Restore) => {
            "/.restored.checkpoint-staged/tables/b.sst: the filesystem does not distinguish this name from another"
        }
        (FoldsCase, RestoreInto) => {
            "/restored/.checkpoint-staged/tables/b.sst: the filesystem does not distinguish this name from another"
        }
        (NoColons, Create | Copy | Increment) => {
            "/.daily.checkpoint-staged/tables/a:1.sst: the target's filesystem refuses this name"
        }
        (NoColons, Restore) => {
            "/.restored.checkpoint-staged/tables/a:1.sst: the target's filesystem refuses this name"
        }
        (NoColons, RestoreInto) => {
            "/restored/.checkpoint-staged/tables/a:1.sst: the target's filesystem refuses this name"
        }
        (UnlistableParent, Create | Copy | Increment | List | Restore | Remove | Force | Sweep) => {
            "read_dir /: EACCES"
        }
        (NoDirectorySync, Create | Copy | Increment | Restore | RestoreInto) => "ok, not durable",
        _ => "ok",
    }
}

/// Tries all verbs under these switches, each on a place of its own.
fn try_all(switches: impl IntoIterator<Item = Switch>, try_verb: impl Fn(Switch, Verb) -> String) {
    let mut wrong = Vec::new();
    for switch in switches {
        for verb in Verb::ALL {
            let outcome = try_verb(switch, verb);
            println!("{switch:?}, {verb:?}: {outcome}");
            if outcome != expected(switch, verb) {
                wrong.push(format!("{switch:?}, {verb:?}: {outcome}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_verb_under_every_switch() {
    try_all(Switch::ALL, |switch, verb| Place::in_memory(switch).try_verb(verb));
}

/// The operations run on a FUSE file system, so their calls and its answers go through the kernel.
#[cfg(target_os = "linux")]
#[test]
fn every_verb_under_every_switch_on_a_mount() {
    use std::{path::Path, sync::Arc};

    let is_root = rustix::process::geteuid().is_root();
    if !is_root || !Path::new("/dev/fuse").exists() {
        let is_strict = std::env::var("CI").is_ok_and(|ci| ci == "true" || ci == "1");
        assert!(!(is_root && is_strict), "/dev/fuse is missing, and CI wants this test");
        println!("skipped: it needs root and /dev/fuse");
        return;
    }
    // The kernel keeps the locks of directories, whatever a FUSE file system says.
    let switches = Switch::ALL.into_iter().filter(|switch| *switch != Switch::NoLocks);
    try_all(switches, |switch, verb| {
        let board = Arc::new(board::Board::new(Switch::Off));
        let mount = fuse::OddMount::new(Arc::clone(&board));
        Place::new(Arc::new(lsm_fs::StdFs), mount.root(), board, switch).try_verb(verb)
    });
}

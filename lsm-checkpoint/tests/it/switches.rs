//! Every operation on filesystems with odd behaviour. There is a switch for each oddity, and the outcomes are pinned.

mod board;
mod switched;
mod verbs;

pub(crate) use board::Switch;
pub(crate) use switched::switched;
use verbs::{Place, Verb};

/// The outcome of each operation under a switch. An operation that is not listed returns `ok`.
fn expected(switch: Switch, verb: Verb) -> &'static str {
    use Switch::{FoldsCase, Full, NoColons, NoDirectorySync, NoLocks, Quota, UnlistableParent};
    use Verb::{Copy, Create, Remove, Restore, Sweep};
    match (switch, verb) {
        (NoLocks, Create | Copy) => "try_lock_directory /.daily.checkpoint-staged: ENOLCK",
        (NoLocks, Restore) => "try_lock_directory /.restored.checkpoint-staged: ENOLCK",
        (NoLocks, Remove) => "try_lock_directory /checkpoint: ENOLCK",
        (NoLocks, Sweep) => "/weekly: try_lock_directory /.weekly.checkpoint-staged: ENOLCK",
        (Full, Create | Copy) => "create_dir /.daily.checkpoint-staged: ENOSPC",
        (Full, Restore) => "create_dir /.restored.checkpoint-staged: ENOSPC",
        (Quota, Create | Copy) => "create_dir /.daily.checkpoint-staged: EDQUOT",
        (Quota, Restore) => "create_dir /.restored.checkpoint-staged: EDQUOT",
        (FoldsCase, Create | Copy) => {
            "/.daily.checkpoint-staged/tables/b.sst: has the name of another to the target's filesystem"
        }
        (FoldsCase, Restore) => {
            "/.restored.checkpoint-staged/tables/b.sst: has the name of another to the target's filesystem"
        }
        (NoColons, Create | Copy) => {
            "/.daily.checkpoint-staged/tables/a:1.sst: the target's filesystem refuses this name"
        }
        (NoColons, Restore) => {
            "/.restored.checkpoint-staged/tables/a:1.sst: the target's filesystem refuses this name"
        }
        (UnlistableParent, Create | Copy | Restore | Remove | Sweep | Verb::List) => "read_dir /: EACCES",
        (NoDirectorySync, Create | Copy | Restore) => "ok, not durable",
        _ => "ok",
    }
}

#[test]
fn every_verb_under_every_switch() {
    let mut wrong = Vec::new();
    for switch in Switch::ALL {
        for verb in Verb::ALL {
            let outcome = Place::new(switch).try_verb(verb);
            println!("{switch:?}, {verb:?}: {outcome}");
            if outcome != expected(switch, verb) {
                wrong.push(format!("{switch:?}, {verb:?}: {outcome}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

//! A removal on a volume without space for another name.

use std::path::Path;

use lsm_checkpoint::remove;
use lsm_fs::SyncMode;
use lsm_fs_mem::{MemFs, Notes};

use super::Mutation;
use crate::{
    create::TARGET,
    remove::{
        REMOVED,
        full::{check_full, with_one},
    },
    switches::{Switch, switched},
    tweak::Tweak,
};

fn run(switch: Switch, trees: &'static [&'static str], syncs: &[(&str, bool)]) {
    let work = |fs: &MemFs, skipped| {
        let tweaked = Tweak::new(fs.clone()).without_sync(skipped);
        remove(&switched(tweaked.clone(), switch), Path::new(TARGET), SyncMode::Normal)?;
        fs.note(REMOVED);
        Ok(tweaked.syncs())
    };
    let check = |image: &MemFs, notes: &Notes| check_full(image, notes, trees);
    Mutation { start: &with_one(trees), work: &work, check: &check }.run(syncs);
}

#[test]
fn without_any_room() {
    run(
        Switch::Quota,
        &[""],
        &[
            ("the pointer's directory", true),
            ("T, before the catalog goes", true),
            ("the parent, without T", true),
        ],
    );
}

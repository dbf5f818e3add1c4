//! A forced removal file by file: strangers stay, and after a crash the removal can be repeated.

use lsm_checkpoint::Removal;
use lsm_fs_mem::MemFs;

use super::Mutation;
use crate::{
    create::TARGET,
    remove::strangers::{FORCED, check_forced, with_stranger},
    tweak::Tweak,
};

#[test]
fn beside_a_stranger() {
    let work = |fs: &MemFs, skipped| {
        let tweaked = Tweak::new(fs.clone()).without_sync(skipped);
        Removal::new().force(true).run(&tweaked, std::path::Path::new(TARGET))?;
        fs.note(FORCED);
        Ok(tweaked.syncs())
    };
    Mutation { start: &with_stranger(), work: &work, check: &check_forced }.run(&[
        ("the pointer's directory", true),
        ("a folder that stays", true),
        ("T, before the catalog goes", true),
        ("T, without the catalog", true),
    ]);
}

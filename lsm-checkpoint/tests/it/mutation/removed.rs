//! A removed checkpoint stays removed, and any other stays in place.

use std::path::Path;

use lsm_checkpoint::{Error, remove};
use lsm_fs::{Op, SyncMode, errno};
use lsm_fs_mem::{Fault, FaultFs, MemFs, Notes};

use super::Mutation;
use crate::{
    create::TARGET,
    remove::{REMOVED, check, check_in_place, debris, with_checkpoint},
    tweak::Tweak,
};

const NORMAL: SyncMode = SyncMode::Normal;

fn with_one() -> MemFs {
    let fs = MemFs::new();
    with_checkpoint(&fs, &[""]);
    fs
}

fn stays_away(image: &MemFs, notes: &Notes) -> Result<(), String> {
    match notes.contains(REMOVED) && !debris(image).is_empty() {
        true => Err("debris came back".to_owned()),
        false => Ok(()),
    }
}

#[test]
fn by_a_rename() {
    let work = |fs: &MemFs, skipped| {
        let tweaked = Tweak::new(fs.clone()).without_sync(skipped);
        remove(&tweaked, Path::new(TARGET), NORMAL)?;
        fs.note(REMOVED);
        Ok(tweaked.syncs())
    };
    let check = |image: &MemFs, notes: &Notes| {
        stays_away(image, notes)?;
        check(image, notes, &[""])
    };
    let syncs = &[("the parent, without T", true), ("the parent, without S", true)];
    Mutation { start: &with_one(), work: &work, check: &check }.run(syncs);
}

#[test]
fn where_directories_cannot_be_renamed() {
    let work = |fs: &MemFs, skipped| {
        let tweaked = Tweak::new(fs.clone()).without_directory_renames().without_sync(skipped);
        remove(&tweaked, Path::new(TARGET), NORMAL)?;
        fs.note(REMOVED);
        Ok(tweaked.syncs())
    };
    let check = |image: &MemFs, notes: &Notes| {
        stays_away(image, notes)?;
        check_in_place(image, notes)
    };
    Mutation { start: &with_one(), work: &work, check: &check }.run(&[
        ("the parent, with S", true),
        ("the marker", true),
        ("the marker's name", true),
        ("T, without the pointers", true),
        ("T, without all but the marker", true),
        ("the parent, without T", true),
        ("the parent, without S", true),
    ]);
}

/// If the caller is told that the checkpoint is unchanged, it survives a crash.
#[test]
fn a_rename_that_is_taken_back() {
    const REFUSED: &str = "refused";
    let work = |fs: &MemFs, skipped| {
        let faulty = FaultFs::new(fs.clone());
        faulty.inject(Fault::on(Op::RenameNoreplace).after(errno::EIO));
        let tweaked = Tweak::new(faulty).without_sync(skipped);
        let refused = remove(&tweaked, Path::new(TARGET), NORMAL);
        assert!(matches!(refused, Err(Error::Fs(_))), "{refused:?}");
        fs.note(REFUSED);
        Ok(tweaked.syncs())
    };
    let check = |image: &MemFs, notes: &Notes| {
        if notes.contains(REFUSED) && !debris(image).is_empty() {
            return Err("it is gone".to_owned());
        }
        check(image, notes, &[""])
    };
    Mutation { start: &with_one(), work: &work, check: &check }.run(&[("the parent, with T again", true)]);
}

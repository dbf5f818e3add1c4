//! A checkpoint that another process removes during a restore.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use lsm_checkpoint::{Change, Checkpoint, CheckpointDir, Error, Policy, remove};
use lsm_fs::SyncMode;

use super::{
    hooked::{Hooked, Observer},
    on_both,
    place::Place,
    world::World,
};

/// Restores, and calls `act` before each filesystem call.
fn restored<P: Place>(
    world: &World<P>,
    policy: Policy,
    act: impl Fn(usize) + Send + Sync + 'static,
) -> Result<(), Error> {
    let fs = Hooked::new(world.fs.clone(), Observer::new(BTreeSet::new(), act));
    let checkpoint = CheckpointDir::open(Arc::new(fs.clone()), world.target())?;
    Checkpoint::new().policy(policy).restore(&checkpoint, &fs, &world.made()).map(drop)
}

/// The error tells an operator that the checkpoint is gone, and not which of its files was read next.
fn a_removal_before_each_call<P: Place>(world: &World<P>) {
    for policy in [Policy::Independent, Policy::LinkOnly] {
        let calls = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&calls);
        world.rebuild(true);
        restored(world, policy, move |call| count.store(call, Ordering::Relaxed)).unwrap();
        let (mut ends, mut faults) = (BTreeMap::new(), Vec::new());
        for at in 1..=calls.load(Ordering::Relaxed) {
            world.rebuild(true);
            world.fs.create_dir(world.made().parent().unwrap()).ok();
            let (fs, target) = (world.fs.clone(), world.target());
            let result = restored(world, policy, move |call| {
                if call == at {
                    remove(&fs, &target, SyncMode::Normal).unwrap();
                }
            });
            let end = match &result {
                Ok(()) => "restored",
                Err(Error::SourceChanged { what: Change::Gone, .. }) => "gone",
                Err(Error::NotACheckpoint { .. }) => "none",
                Err(error) => {
                    faults.push(format!("{policy:?}, call {at}: {error}"));
                    "another error"
                }
            };
            *ends.entry(end).or_insert(0) += 1;
            let made = world.fs.read_dir(world.made().parent().unwrap()).unwrap();
            assert_eq!(made.len(), usize::from(result.is_ok()), "{policy:?}, call {at}: {result:?}");
        }
        println!("{policy:?}: {ends:?}");
        assert!(faults.is_empty(), "{faults:#?}");
        assert!(["restored", "gone", "none"].iter().all(|end| ends.contains_key(end)), "{ends:?}");
    }
}

on_both! {
    a_removal_before_each_call
}

//! Tests that the comparison finds differences.

use std::sync::Arc;

use lsm_checkpoint_engines::{
    engine::Engine,
    kind::{Kind, Which},
    oracle::{Compared, Mismatch, Plan, State, compare},
};

const PLAN: Plan = Plan { keys: 50, value_size: 64 };

/// The number of operations that were applied to a tree.
const DONE: u64 = 400;

/// Returns a write whose value still exists in the end.
fn visible() -> u64 {
    let is_last = |n: &u64| (n + 1..=DONE).all(|m| PLAN.operation(m).key != PLAN.operation(*n).key);
    (1..=DONE / 2).chain(1..DONE).rev().find(|n| !PLAN.operation(*n).removes && is_last(n)).unwrap()
}

fn tree(dir: &tempfile::TempDir, leave_out: Option<u64>) -> Arc<dyn Engine> {
    let engine = Kind::new(Which::Fjall, false).open(dir.path()).unwrap();
    for n in (1..=DONE).filter(|&n| Some(n) != leave_out) {
        PLAN.apply(&*engine, n);
    }
    engine
}

fn outcome(engine: &dyn Engine, acknowledged: u64, issued: u64) -> Result<Compared, Mismatch> {
    compare(engine, &State::new(PLAN), acknowledged, issued).map_err(|error| *error.downcast().unwrap())
}

#[test]
fn the_outcome_of_every_operation_is_right() {
    let dir = tempfile::tempdir().unwrap();
    let engine = tree(&dir, None);
    let compared = outcome(&*engine, 0, DONE).unwrap();
    assert_eq!(compared.keys, PLAN.keys);
    assert!(compared.present > 0 && compared.present < PLAN.keys);
    assert_eq!(outcome(&*engine, DONE, DONE).unwrap().operations, DONE);
}

#[test]
fn a_write_that_is_missing_is_found() {
    let dir = tempfile::tempdir().unwrap();
    let engine = tree(&dir, Some(visible()));
    let found = outcome(&*engine, 0, DONE);
    assert!(matches!(found, Err(Mismatch::Mixture { .. })), "{found:?}");
}

#[test]
fn contents_outside_the_bounds_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let engine = tree(&dir, None);
    // Far enough for some key to have another value by then.
    for (acknowledged, issued) in [(DONE + 50, DONE + 60), (0, DONE - 50)] {
        let found = outcome(&*engine, acknowledged, issued);
        assert!(matches!(found, Err(Mismatch::Mixture { .. })), "{found:?}");
    }
}

#[test]
fn a_foreign_value_and_a_foreign_key_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let engine = tree(&dir, None);
    engine.insert(b"key of nobody", b"value", DONE + 1);
    let found = outcome(&*engine, DONE, DONE);
    assert!(matches!(found, Err(Mismatch::Count { .. })), "{found:?}");

    let n = visible();
    let other = (PLAN.operation(n).key + 1) % PLAN.keys;
    engine.insert(&PLAN.key(other), &PLAN.value(n), DONE + 2);
    let found = outcome(&*engine, DONE, DONE);
    assert!(matches!(found, Err(Mismatch::Foreign { key }) if key == other), "{found:?}");
}

//! Tests of the search on small programs whose interleavings are known.

use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutMode};

use super::client::{Client, Event, Log, Program};
use super::names::Names;
use super::search::{Bounds, Invariants, Machine, Report, Search};
use super::store::StepStore;
use super::world::{Fate, Habits, World};

/// An invariant that accepts everything but the objects `bad`.
struct Without(&'static [&'static str]);

impl Invariants for Without {
    fn world(&self, names: &Names, world: &World) -> Result<(), String> {
        let keys: Vec<_> = world.objects().iter().map(|pair| names.text(pair.0)).collect();
        let bad = self.0.iter().find(|bad| keys.iter().any(|key| **key == ***bad));
        bad.map_or(Ok(()), |bad| Err(format!("{bad} exists")))
    }

    fn events(&self, _: &Names, _: &World, _: &[&[Event]]) -> Result<(), String> {
        Ok(())
    }

    fn quiet(&self, _: &Names, _: &World) -> Result<(), String> {
        Ok(())
    }
}

const BOUNDS: Bounds = Bounds {
    states: 10_000,
    faults: 0,
    fates: &[],
    habits: Habits { page: 1, sorted: true, quiet_delete: false },
};

fn program<W>(work: fn(StepStore, Log) -> W) -> Program
where
    W: Future<Output = ()> + Send + 'static,
{
    Arc::new(move |store, log| Box::pin(work(store, log)))
}

fn search(programs: &[Program], bounds: Bounds, bad: &'static [&'static str]) -> Report {
    let names = Names::default();
    let clients =
        programs.iter().zip(["a", "b"]).map(|(program, name)| Client::new(name, program.clone(), &names));
    let machine = Machine { clients: clients.collect(), collects: Vec::new(), names, bounds };
    Search::new(machine, &Without(bad)).run(World::default())
}

async fn put(store: &StepStore, key: &str) {
    store.put(&Path::from(key), Bytes::from_static(b"1").into()).await.unwrap();
}

#[test]
fn every_order_of_two_clients_is_visited() {
    let one = program(|store, _| async move {
        put(&store, "a1").await;
        put(&store, "a2").await;
    });
    let two = program(|store, _| async move {
        put(&store, "b1").await;
        put(&store, "b2").await;
    });
    let report = search(&[one, two], BOUNDS, &[]);
    assert!(report.exhausted && report.violation.is_none());
    assert_eq!((report.states, report.interleavings), (9, 6.0));
}

#[test]
fn a_bound_is_reported() {
    let one = program(|store, _| async move {
        for key in ["a", "b", "c"] {
            put(&store, key).await;
        }
    });
    let report = search(&[one], Bounds { states: 3, ..BOUNDS }, &[]);
    assert_eq!((report.exhausted, report.states), (false, 3));
}

#[test]
fn a_race_is_found_and_described() {
    // Both read and then write, although one of them should have seen the other.
    let racer = program(|store, _| async move {
        if store.get(&Path::from("lock")).await.is_err() {
            put(&store, "lock").await;
            let won = store.put_opts(&Path::from("won"), "1".into(), PutMode::Create.into()).await;
            if won.is_err() {
                put(&store, "both").await;
            }
        }
    });
    let report = search(&[racer.clone(), racer], BOUNDS, &["both"]);
    let violation = report.violation.expect("the race");
    assert_eq!(violation.cause, "both exists");
    assert_eq!(violation.steps.iter().filter(|step| step.contains("get lock -> not found")).count(), 2);
    assert_eq!(violation.steps.last().unwrap(), "b: put both -> done");
}

#[test]
fn a_late_put_lands_after_a_later_one() {
    let writer = program(|store, _| async move {
        if store.put(&Path::from("x"), "1".into()).await.is_err() {
            store.delete(&Path::from("x")).await.ok();
            put(&store, "over").await;
            if store.get(&Path::from("x")).await.is_ok() {
                put(&store, "back").await;
            }
        }
    });
    let bounds = Bounds { faults: 1, fates: &[Fate::Later], ..BOUNDS };
    let violation = search(&[writer], bounds, &["back"]).violation.expect("the put lands");
    assert!(violation.steps.iter().any(|step| step == "lands: put x"), "{:?}", violation.steps);
}

#[test]
fn a_list_is_answered_page_by_page() {
    // The list meets the old name of a file that is renamed, and its new one, or neither.
    let lister = program(|store, _| async move {
        let found: Vec<_> = store.list(None).try_collect().await.unwrap();
        match found.len() {
            0 => put(&store, "none").await,
            2 => put(&store, "two").await,
            _ => {}
        }
    });
    let mover = program(|store, _| async move {
        put(&store, "m").await;
        put(&store, "z").await;
        store.delete(&Path::from("m")).await.unwrap();
    });
    let both = [lister, mover];
    assert!(search(&both, BOUNDS, &["two"]).violation.is_some());
    assert!(
        search(&both, Bounds { habits: Habits { sorted: false, ..BOUNDS.habits }, ..BOUNDS }, &["two"])
            .violation
            .is_some()
    );
    assert!(search(&both, BOUNDS, &[]).violation.is_none());
}

#[test]
fn a_panic_of_a_client_is_a_violation() {
    let fragile = program(|store, _| async move {
        store.get(&Path::from("x")).await.map(drop).expect("x is there");
    });
    let violation = search(&[fragile], BOUNDS, &[]).violation.expect("it panics");
    assert!(violation.cause.contains("x is there"), "{}", violation.cause);
}

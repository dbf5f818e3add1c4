//! The searches. `LSM_STORE_STATES` raises the bound of each.

use std::time::Instant;

use lsm_checkpoint_store::proof::Rules;

use super::scenarios::{Sources, all, bounds};
use crate::step::levels::Levels;

/// The number of states that a search must visit unless it exhausts its scenario.
const LEAST: usize = 100_000;

fn states() -> usize {
    let given = std::env::var("LSM_STORE_STATES").ok();
    given.map_or(LEAST, |states| states.parse().expect("LSM_STORE_STATES must be a number"))
}

/// Searches one scenario without a fault and with one, in the order of preemptions. Without a fault, a depth-first
/// search also counts the interleavings. If both exhaust the scenario, they must have visited the same states.
fn search(name: &str) {
    let sources = Sources::new();
    let scenarios = all(&sources);
    let scenario = scenarios.iter().find(|scenario| scenario.name == name).expect("the scenario");
    for faults in [0, 1] {
        let began = Instant::now();
        let report = scenario.levels(Rules::ALL, bounds(states(), faults));
        let Levels { states: visited, preemptions, exhausted, steps, client_states, polls, violation } =
            report;
        if let Some(violation) = violation {
            panic!("{name}, {faults} faults: {}\n  {}", violation.cause, violation.steps.join("\n  "));
        }
        assert!(exhausted || visited >= LEAST, "{name}: {visited} states");
        let counted = (faults == 0).then(|| scenario.count(Rules::ALL, bounds(states(), faults)));
        let interleavings = counted.map_or_else(String::new, |report| {
            assert!(report.violation.is_none(), "{name}: {report:?}");
            assert_eq!(
                (report.exhausted, exhausted && report.states != visited),
                (exhausted, false),
                "{name}"
            );
            let least = if exhausted { "" } else { "more than " };
            format!(", {least}{:.1e} interleavings", report.interleavings)
        });
        let end = match preemptions {
            _ if exhausted => "exhausted".to_owned(),
            Some(preemptions) => format!("all orders with {preemptions} preemptions, and more"),
            None => "bounded".to_owned(),
        };
        println!(
            "{name}, {faults} faults: {end}: {visited} states, {steps} steps{interleavings}, {client_states} client \
             states, {polls} polls, {:.1} s",
            began.elapsed().as_secs_f64()
        );
    }
}

macro_rules! searches {
    ($($test:ident: $name:literal,)*) => {
        $(#[test] fn $test() { search($name); })*

        #[test]
        fn every_scenario_is_searched() {
            let sources = Sources::new();
            let names: Vec<_> = all(&sources).iter().map(|scenario| scenario.name).collect();
            assert_eq!(names, [$($name),*]);
        }
    };
}

searches! {
    two_pushes: "two pushes",
    two_pushes_and_a_collector: "two pushes and a collector",
    two_pushes_of_one_backup: "two pushes of one backup",
    push_forget_and_collect: "push, forget and collect",
    two_collectors_and_a_forget: "two collectors and a forget",
    push_forget_and_two_collectors: "push, forget and two collectors",
    a_fenced_push: "a fenced push",
    a_push_behind_deleted_heads: "a push behind deleted heads",
    two_writers_a_trimmer_and_a_reader: "two writers, a trimmer and a reader",
    a_restore_beside_forget_and_collect: "a restore beside forget and collect",
    two_kept_heads: "two kept heads",
    lists_without_order_in_pages: "lists without order, in pages",
}

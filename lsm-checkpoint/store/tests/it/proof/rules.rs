//! The rules one by one. For each, a schedule breaks an invariant without the rule, and none with it.

use lsm_checkpoint_store::proof::Rules;

use super::clients::Task;
use super::scenarios::{Scenario, Sources, bounds};
use super::schedule::Move::{Fault, Finish, Next, Until};
use super::schedule::{Move, play};
use super::source::Source;
use crate::step::world::{Fate, Habits};

/// A counterexample from a model of the protocol, replayed on the real code.
struct Counterexample {
    rule: &'static str,
    /// The first words of the violation.
    breaks: &'static str,
    kept_heads: u64,
    before: Vec<Task>,
    clients: Vec<(&'static str, Vec<Task>)>,
    moves: &'static [Move],
}

const P: usize = 0;
const Q: usize = 1;
const C: usize = 2;
const T: usize = 3;

fn push(source: &Source) -> Vec<Task> {
    vec![Task::Push(source.clone())]
}

/// One counterexample per rule.
fn counterexamples(sources: &Sources) -> Vec<Counterexample> {
    let Sources { old, next, same, other } = sources;
    let two =
        |q: &'static str, tasks: Vec<Task>| vec![("p", push(same)), (q, tasks), ("c", vec![Task::Collect])];
    let example = |rule, breaks, clients, moves| Counterexample {
        rule,
        breaks,
        kept_heads: 1,
        before: vec![],
        clients,
        moves,
    };
    vec![
        // The collector c has listed state 1 and is slow. Client t deletes that state, and q, slow as well, creates its
        // number again.
        example(
            "relist",
            "lost data",
            [two("q", push(other)), vec![("t", vec![Task::Collect])]].concat(),
            &[
                Until(Q, "create head/1"),
                Until(P, "create head/2"),
                Until(C, "list data"),
                Until(C, "get head/1"),
                Finish(P),
                Finish(T),
                Next(Q),
                Finish(C),
            ],
        ),
        example(
            "window",
            "lost commit",
            two("q", push(other)),
            &[Until(P, "create head/2"), Finish(Q), Finish(C), Next(P)],
        ),
        example(
            "window_seen",
            "lost commit",
            two("q", push(other)),
            &[Until(P, "create head/2"), Finish(Q), Finish(C), Fault(P, Fate::Lost)],
        ),
        // The commit of p is overtaken before p has checked that it counts, so p makes the change once more.
        example(
            "already",
            "head",
            two("q", push(other)),
            &[Until(P, "create head/2"), Next(P), Until(Q, "create data"), Finish(P)],
        ),
        example(
            "fenced",
            "lost data",
            two("x", vec![Task::Fence]),
            &[
                Until(P, "create head/2"),
                Finish(Q),
                Next(P),
                Until(P, "create head/3"),
                Until(C, "delete data"),
                Finish(P),
            ],
        ),
        Counterexample {
            before: push(old),
            ..example(
                "gone",
                "lost data",
                vec![("p", push(next)), ("f", vec![Task::Forget(old.backup)]), ("c", vec![Task::Collect])],
                &[
                    Until(P, "create head/4"),
                    Finish(Q),
                    Until(C, "delete data"),
                    Until(P, "create head/6"),
                    Finish(P),
                ],
            )
        },
        example(
            "registered",
            "lost data",
            two("q", push(other)),
            &[Until(P, "create head/2"), Until(C, "delete"), Finish(P), Finish(C)],
        ),
        example(
            "list_first",
            "lost data",
            two("q", push(other)),
            &[Until(C, "list data"), Finish(P), Finish(C)],
        ),
        // A key that names no writer is garbage to a collector that reads the newest state before the commit.
        example(
            "fresh_key",
            "lost catalog",
            two("q", push(other)),
            &[Until(P, "create head/2"), Until(C, "delete backup"), Finish(P), Finish(C)],
        ),
        Counterexample {
            kept_heads: 2,
            ..example(
                "trim_k",
                "lost commit",
                two("q", push(other)),
                &[Until(P, "create head/2"), Finish(Q), Finish(C), Next(P)],
            )
        },
    ]
}

fn scenario(example: &Counterexample) -> Scenario {
    Scenario {
        name: example.rule,
        kept_heads: example.kept_heads,
        habits: Habits::default(),
        before: example.before.clone(),
        clients: example.clients.clone(),
        may_go: Vec::new(),
    }
}

#[test]
fn each_rule_has_a_counterexample() {
    let sources = Sources::new();
    let named: Vec<_> = counterexamples(&sources).iter().map(|example| example.rule).collect();
    assert_eq!(named, Rules::NAMES);
}

#[test]
fn each_rule_prevents_its_counterexample() {
    let sources = Sources::new();
    let mut wrong = Vec::new();
    for example in counterexamples(&sources) {
        let run = |rules| {
            let (machine, world, mut invariants) = scenario(&example).prepare(rules, bounds(usize::MAX, 1));
            invariants.allow(&[sources.old.backup]);
            play(machine, &invariants, world, example.moves)
        };
        if let Err(violation) = run(Rules::ALL) {
            wrong.push(format!("with {}: {violation:#?}", example.rule));
        }
        match run(Rules::without(example.rule).expect("a rule")) {
            Err(violation) if violation.cause.starts_with(example.breaks) => {}
            other => wrong.push(format!("without {}: {other:#?}", example.rule)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

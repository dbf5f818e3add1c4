//! The scenarios: a repository, and the clients that use it at the same time.

use lsm_checkpoint_store::BackupId;
use lsm_checkpoint_store::proof::Rules;

use super::clients::{Setting, Task};
use super::invariants::Protocol;
use super::schedule::solo;
use super::source::{Source, checkpoint};
use crate::step::client::{Client, Event};
use crate::step::levels::{self, Levels};
use crate::step::names::Names;
use crate::step::search::{Bounds, Machine, Report, Search};
use crate::step::world::{Fate, Habits, World};

/// The sources of all scenarios. They belong to one database, so each push may reuse the tables of a backup before it.
pub(crate) struct Sources {
    /// The table `f`.
    pub(crate) old: Source,
    /// The tables `f` and `g`.
    pub(crate) next: Source,
    /// The table `f` again, at a later time.
    pub(crate) same: Source,
    /// The table `h`.
    pub(crate) other: Source,
}

impl Sources {
    pub(crate) fn new() -> Self {
        Self {
            old: checkpoint("db", 1, &[b"f"]),
            next: checkpoint("db", 2, &[b"f", b"g"]),
            same: checkpoint("db", 3, &[b"f"]),
            other: checkpoint("other", 4, &[b"h"]),
        }
    }
}

/// A scenario before it runs.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) kept_heads: u64,
    pub(crate) habits: Habits,
    /// The tasks that prepare the repository.
    pub(crate) before: Vec<Task>,
    /// The tasks of each client.
    pub(crate) clients: Vec<(&'static str, Vec<Task>)>,
    /// Backups that a client forgets.
    pub(crate) may_go: Vec<BackupId>,
}

/// All scenarios of the proof.
pub(crate) fn all(sources: &Sources) -> Vec<Scenario> {
    let Sources { old, next, same, other } = sources;
    let push = |source: &Source| vec![Task::Push(source.clone())];
    let scenario = |name, before: Vec<Task>, clients: Vec<(&'static str, Vec<Task>)>| Scenario {
        name,
        kept_heads: 1,
        habits: Habits::default(),
        before,
        clients,
        may_go: vec![old.backup],
    };
    let forget = || vec![Task::Forget(old.backup)];
    let toggle = || vec![Task::Forget(old.backup), Task::Undo(old.backup)];
    let collect = || vec![Task::Collect];
    vec![
        scenario("two pushes", vec![], vec![("p1", push(next)), ("p2", push(same))]),
        scenario(
            "two pushes and a collector",
            vec![],
            vec![("p1", push(next)), ("p2", push(same)), ("c", collect())],
        ),
        scenario("two pushes of one backup", vec![], vec![("p1", push(same)), ("p2", push(same))]),
        scenario(
            "push, forget and collect",
            push(old),
            vec![("p", push(next)), ("f", forget()), ("c", collect())],
        ),
        scenario(
            "two collectors and a forget",
            push(old),
            vec![("f", forget()), ("c1", collect()), ("c2", collect())],
        ),
        scenario(
            "push, forget and two collectors",
            push(old),
            vec![("p", push(same)), ("f", forget()), ("c1", collect()), ("c2", collect())],
        ),
        scenario(
            "a fenced push",
            vec![],
            vec![("p", push(next)), ("x", vec![Task::Fence]), ("c", collect())],
        ),
        scenario(
            "a push behind deleted heads",
            push(old),
            vec![("p", push(other)), ("lag", toggle()), ("c", collect())],
        ),
        scenario(
            "two writers, a trimmer and a reader",
            push(old),
            vec![
                ("p1", push(other)),
                ("lag", toggle()),
                ("c", collect()),
                ("r", vec![Task::Read(old.backup)]),
            ],
        ),
        scenario(
            "a restore beside forget and collect",
            push(old),
            vec![("r", vec![Task::Read(old.backup)]), ("f", forget()), ("c", collect())],
        ),
        Scenario {
            name: "two kept heads",
            kept_heads: 2,
            ..scenario("", push(old), vec![("p", push(other)), ("lag", toggle()), ("c", collect())])
        },
        Scenario {
            name: "lists without order, in pages",
            habits: Habits { page: 2, sorted: false, quiet_delete: true },
            ..scenario("", push(old), vec![("p", push(next)), ("f", forget()), ("c", collect())])
        },
    ]
}

impl Scenario {
    fn setting(&self, rules: Rules) -> Setting {
        Setting { kept_heads: self.kept_heads, rules, batch: self.habits.page.min(1000) }
    }

    /// Prepares the clients, the repository at the start, and the invariants.
    pub(crate) fn prepare(&self, rules: Rules, bounds: Bounds) -> (Machine, World, Protocol) {
        let names = Names::default();
        let setting = self.setting(Rules::ALL);
        let mut world = World::default();
        let mut first = vec![vec![Task::Init]];
        first.extend(self.before.iter().map(|task| vec![task.clone()]));
        for (number, tasks) in (0xf0..).zip(first) {
            let (after, events) = solo(&names, &world, setting.client(number, tasks));
            assert!(
                !events.iter().any(|event| matches!(event, Event::Failed(_) | Event::Broken(_))),
                "{events:?}"
            );
            world = after;
        }
        let setting = self.setting(rules);
        let client = |(number, (name, tasks)): (u8, &(&'static str, Vec<Task>))| {
            Client::new(name, setting.client(number, tasks.clone()), &names)
        };
        let clients = (1..).zip(&self.clients).map(client).collect();
        let collects = |(_, tasks): &(_, Vec<Task>)| tasks.iter().any(|task| matches!(task, Task::Collect));
        // If a rule is off, a key may be written twice, so no request is independent of the others.
        let all = rules == Rules::ALL;
        let collects = if all { self.clients.iter().map(collects).collect() } else { Vec::new() };
        let machine = Machine { names, clients, collects, bounds: Bounds { habits: self.habits, ..bounds } };
        (machine, world, Protocol::new(setting, self.may_go.clone()))
    }

    /// Searches the scenario depth first, and counts the interleavings.
    pub(crate) fn count(&self, rules: Rules, bounds: Bounds) -> Report {
        let (machine, world, invariants) = self.prepare(rules, bounds);
        Search::new(machine, &invariants).run(world)
    }

    /// Searches the scenario in the order of preemptions.
    pub(crate) fn levels(&self, rules: Rules, bounds: Bounds) -> Levels {
        let (machine, world, invariants) = self.prepare(rules, bounds);
        levels::Search::new(machine, &invariants).run(world)
    }
}

/// Makes bounds with this number of faults of any kind in each run.
pub(crate) fn bounds(states: usize, faults: u8) -> Bounds {
    const FATES: &[Fate] = &[Fate::Lost, Fate::Failed, Fate::Later, Fate::Conflict];
    Bounds { states, faults, fates: FATES, habits: Habits::default() }
}

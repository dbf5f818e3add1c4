//! A search in the order of preemptions. It starts with the orders in which each client runs to its end. Orders in
//! which one client is interrupted once come next, and so on. If the bound ends the search, the result names the number
//! of preemptions up to which all orders were visited.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::client::Client;
use super::search::{Choice, Invariants, Machine, Violation, Whole, digest, judge};
use super::world::World;

/// The result of a search.
#[derive(Debug)]
pub(crate) struct Levels {
    pub(crate) states: usize,
    /// All orders with up to this many preemptions were visited. `None`: not even all orders without preemptions were.
    pub(crate) preemptions: Option<usize>,
    pub(crate) exhausted: bool,
    pub(crate) steps: usize,
    /// The states of the clients, and the polls of the real code that they cost.
    pub(crate) client_states: usize,
    pub(crate) polls: u64,
    pub(crate) violation: Option<Violation>,
}

/// A state with the client that ran last.
struct Place {
    /// Its position in the list of steps.
    at: usize,
    whole: Whole,
    running: Option<usize>,
}

pub(crate) struct Search<'a> {
    machine: Machine,
    invariants: &'a dyn Invariants,
    worlds: HashMap<World, Rc<Result<(), String>>>,
    states: HashSet<u128>,
    places: HashSet<u128>,
    /// Each step, with the position of its predecessor.
    steps: Vec<(usize, Choice)>,
}

impl<'a> Search<'a> {
    pub(crate) fn new(machine: Machine, invariants: &'a dyn Invariants) -> Self {
        let (worlds, states, places) = (HashMap::new(), HashSet::new(), HashSet::new());
        Self { machine, invariants, worlds, states, places, steps: Vec::new() }
    }

    /// Visits states until all are visited, the bound is reached, or an invariant is broken.
    pub(crate) fn run(mut self, world: World) -> Levels {
        let first = self.machine.start(world);
        self.states.insert(digest(&first));
        let mut now = vec![Place { at: usize::MAX, whole: first.clone(), running: None }];
        let mut complete = None;
        for level in 0.. {
            let mut later = Vec::new();
            let mut queued = HashSet::new();
            while let Some(place) = now.pop() {
                if self.states.len() >= self.machine.bounds.states {
                    return self.report(complete, false, None);
                }
                if self.places.insert(digest(&(&place.whole, place.running)))
                    && let Err((at, cause)) = self.expand(&place, &mut now, &mut later, &mut queued)
                {
                    let violation = self.explain(&first, at, cause);
                    return self.report(complete, false, Some(violation));
                }
            }
            complete = Some(level);
            if later.is_empty() {
                break;
            }
            now = later;
        }
        self.report(complete, true, None)
    }

    /// Takes every step from a place. A step of any client but the running one belongs to the next level.
    fn expand(
        &mut self,
        place: &Place,
        now: &mut Vec<Place>,
        later: &mut Vec<Place>,
        queued: &mut HashSet<u128>,
    ) -> Result<(), (usize, String)> {
        let choices = self.machine.choices(&place.whole);
        let client = |choice: &Choice| match *choice {
            Choice::Serve { client, .. } => Some(client),
            Choice::Land { .. } => None,
        };
        // A switch is no preemption if the running client has ended or its next step is independent.
        let goes_on =
            place.running.is_some_and(|running| choices.iter().any(|choice| client(choice) == Some(running)));
        let lives = place.running.is_some_and(|running| {
            !self.machine.clients[running].node(place.whole.clients[running]).asked.is_empty()
        });
        for choice in choices {
            let whole = self.machine.take(&place.whole, choice);
            let interrupts = goes_on && client(&choice).is_some_and(|client| Some(client) != place.running);
            let running =
                if lives && !interrupts { place.running } else { client(&choice).or(place.running) };
            let key = digest(&(&whole, running));
            if self.places.contains(&key) || (interrupts && !queued.insert(key)) {
                continue;
            }
            self.steps.push((place.at, choice));
            let at = self.steps.len() - 1;
            if self.states.insert(digest(&whole)) {
                judge(&self.machine, self.invariants, &mut self.worlds, &whole)
                    .map_err(|cause| (at, cause))?;
            }
            let next = Place { at, whole, running };
            if interrupts { later.push(next) } else { now.push(next) }
        }
        Ok(())
    }

    fn report(self, preemptions: Option<usize>, exhausted: bool, violation: Option<Violation>) -> Levels {
        let clients = &self.machine.clients;
        Levels {
            states: self.states.len(),
            preemptions,
            exhausted,
            steps: self.steps.len(),
            client_states: clients.iter().map(Client::states).sum(),
            polls: clients.iter().map(|client| client.polls).sum(),
            violation,
        }
    }

    fn explain(&mut self, first: &Whole, mut at: usize, cause: String) -> Violation {
        let mut choices = Vec::new();
        while let Some(&(before, choice)) = self.steps.get(at) {
            choices.push(choice);
            at = before;
        }
        let mut whole = first.clone();
        let mut steps = Vec::new();
        for choice in choices.into_iter().rev() {
            steps.push(self.machine.words(&whole, choice));
            whole = self.machine.take(&whole, choice);
        }
        Violation { cause, steps }
    }
}

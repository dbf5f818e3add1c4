//! Schedules. A move names a request by its first words, so that one schedule fits the code with and without a rule.

use std::collections::HashMap;
use std::rc::Rc;

use crate::step::client::{Client, Event, Program};
use crate::step::names::Names;
use crate::step::search::{Choice, Invariants, Machine, Violation, Whole, judge};
use crate::step::trace;
use crate::step::world::{Fate, Habits, World};

/// A move of a schedule. Clients have the numbers of their scenario.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Move {
    /// Serves a client until its next request begins with these words, or until the client has ended.
    Until(usize, &'static str),
    /// Serves the next request of a client.
    Next(usize),
    /// Gives the next request of a client this fate.
    Fault(usize, Fate),
    /// Serves a client until it has ended.
    Finish(usize),
}

/// Plays moves, then lets all clients finish in turn. Returns the violation if a step breaks an invariant.
pub(crate) fn play(
    machine: Machine,
    invariants: &dyn Invariants,
    world: World,
    moves: &[Move],
) -> Result<(), Violation> {
    let whole = machine.start(world);
    let mut stage = Stage { machine, invariants, worlds: HashMap::new(), whole, steps: Vec::new() };
    for &step in moves {
        match step {
            Move::Until(client, words) => stage.until(client, Some(words))?,
            Move::Finish(client) => stage.until(client, None)?,
            Move::Next(client) => stage.serve(client, Fate::Served)?,
            Move::Fault(client, fate) => stage.serve(client, fate)?,
        }
    }
    while !stage.whole.flying.is_empty() {
        stage.take(Choice::Land { at: 0 })?;
    }
    (0..stage.machine.clients.len()).try_for_each(|client| stage.until(client, None))
}

struct Stage<'a> {
    machine: Machine,
    invariants: &'a dyn Invariants,
    worlds: HashMap<World, Rc<Result<(), String>>>,
    whole: Whole,
    steps: Vec<String>,
}

impl Stage<'_> {
    /// Describes the next request of a client.
    fn next(&self, client: usize) -> Option<String> {
        let node = self.machine.clients[client].node(self.whole.clients[client]);
        node.asked.first().map(|(_, request)| trace::request(&self.machine.names, request))
    }

    fn until(&mut self, client: usize, words: Option<&str>) -> Result<(), Violation> {
        while let Some(next) = self.next(client) {
            if words.is_some_and(|words| next.starts_with(words)) {
                break;
            }
            self.serve(client, Fate::Served)?;
        }
        Ok(())
    }

    fn serve(&mut self, client: usize, fate: Fate) -> Result<(), Violation> {
        let node = self.machine.clients[client].node(self.whole.clients[client]);
        let Some(&(ticket, _)) = node.asked.first() else { return Ok(()) };
        self.take(Choice::Serve { client, ticket, fate })
    }

    fn take(&mut self, choice: Choice) -> Result<(), Violation> {
        self.steps.push(self.machine.words(&self.whole, choice));
        self.whole = self.machine.take(&self.whole, choice);
        judge(&self.machine, self.invariants, &mut self.worlds, &self.whole)
            .map_err(|cause| Violation { cause, steps: self.steps.clone() })
    }
}

/// Runs one client alone. Returns the objects and its events.
pub(crate) fn solo(names: &Names, world: &World, program: Program) -> (World, Vec<Event>) {
    let mut client = Client::new("solo", program, names);
    let (mut world, mut state) = (world.clone(), Client::START);
    while let Some((ticket, request)) = client.node(state).asked.first().cloned() {
        let answer = world.serve(&request, names, Habits::default());
        state = client.step(state, ticket, answer);
    }
    (world, client.node(state).events.to_vec())
}

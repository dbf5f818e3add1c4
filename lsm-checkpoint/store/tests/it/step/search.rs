//! A depth-first search through every order of the clients' requests.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;

use super::client::{Client, Event, State};
use super::independent::independent;
use super::names::Names;
use super::store::Ticket;
use super::trace;
use super::world::{Answer, Fate, Habits, Request, World};

/// The state of everything: the objects, the requests in flight, and the clients.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Whole {
    pub(crate) world: World,
    /// Requests whose client has given up on them. They may still land.
    pub(crate) flying: Vec<Request>,
    /// The number of faults that may still happen.
    pub(crate) faults: u8,
    pub(crate) clients: Vec<State>,
}

/// One step of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choice {
    Serve { client: usize, ticket: Ticket, fate: Fate },
    Land { at: usize },
}

/// The invariants of a scenario.
pub(crate) trait Invariants {
    /// Checks the objects alone. The search asks once for each set of objects.
    fn world(&self, names: &Names, world: &World) -> Result<(), String>;
    /// Checks the events of all clients against the objects.
    fn events(&self, names: &Names, world: &World, events: &[&[Event]]) -> Result<(), String>;
    /// Checks the objects after all clients have ended and nothing is in flight.
    fn quiet(&self, names: &Names, world: &World) -> Result<(), String>;
}

/// The limits of a search, and the faults that it may use.
#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    pub(crate) states: usize,
    pub(crate) faults: u8,
    pub(crate) fates: &'static [Fate],
    pub(crate) habits: Habits,
}

/// The clients and the world of a search.
pub(crate) struct Machine {
    pub(crate) names: Names,
    pub(crate) clients: Vec<Client>,
    /// For each client, `true` if it lists or deletes objects of others. If empty, the search leaves out no order.
    pub(crate) collects: Vec<bool>,
    pub(crate) bounds: Bounds,
}

/// The result of a search.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) states: usize,
    /// The number of complete interleavings, as long as it fits.
    pub(crate) interleavings: f64,
    pub(crate) exhausted: bool,
    pub(crate) violation: Option<Violation>,
}

/// A broken invariant and the steps to it.
#[derive(Debug)]
pub(crate) struct Violation {
    pub(crate) cause: String,
    pub(crate) steps: Vec<String>,
}

impl Machine {
    pub(crate) fn start(&self, world: World) -> Whole {
        let clients = vec![Client::START; self.clients.len()];
        Whole { world, flying: Vec::new(), faults: self.bounds.faults, clients }
    }

    /// Returns the possible steps in `whole`: first each request without a fault, then the faults.
    ///
    /// If a request is independent of all other steps, only its own fates are returned.
    pub(crate) fn choices(&self, whole: &Whole) -> Vec<Choice> {
        let mut choices = Vec::new();
        let mut faults = Vec::new();
        for (client, &state) in whole.clients.iter().enumerate() {
            for (ticket, request) in &self.clients[client].node(state).asked {
                let serve = |fate| Choice::Serve { client, ticket: *ticket, fate };
                let is_alone = independent(self, whole, client, request);
                if is_alone {
                    choices.clear();
                    faults.clear();
                }
                choices.push(serve(Fate::Served));
                if whole.faults > 0 {
                    let fates = Fate::faults(request).iter().copied();
                    faults.extend(fates.filter(|fate| self.bounds.fates.contains(fate)).map(serve));
                }
                if is_alone {
                    return [choices, faults].concat();
                }
            }
        }
        choices.extend((0..whole.flying.len()).map(|at| Choice::Land { at }));
        choices.extend(faults);
        choices
    }

    /// Returns the state after one step.
    pub(crate) fn take(&mut self, whole: &Whole, choice: Choice) -> Whole {
        let mut next = whole.clone();
        match choice {
            Choice::Land { at } => {
                let request = next.flying.remove(at);
                next.world.serve(&request, &self.names, self.bounds.habits);
            }
            Choice::Serve { client, ticket, fate } => {
                let request = self.request(whole, client, ticket).clone();
                let answer = self.serve(&mut next, &request, fate);
                let state = next.clients[client];
                next.clients[client] = self.clients[client].step(state, ticket, answer);
            }
        }
        next
    }

    fn serve(&self, next: &mut Whole, request: &Request, fate: Fate) -> Answer {
        if fate != Fate::Served {
            next.faults -= 1;
        }
        match fate {
            Fate::Served => next.world.serve(request, &self.names, self.bounds.habits),
            Fate::Lost => {
                next.world.serve(request, &self.names, self.bounds.habits);
                Answer::Unknown
            }
            Fate::Failed => Answer::Unknown,
            Fate::Later => {
                next.flying.push(request.clone());
                next.flying.sort();
                Answer::Unknown
            }
            Fate::Conflict => Answer::Exists,
        }
    }

    pub(crate) fn request(&self, whole: &Whole, client: usize, ticket: Ticket) -> &Request {
        let asked = &self.clients[client].node(whole.clients[client]).asked;
        &asked.iter().find(|pair| pair.0 == ticket).expect("the request waits").1
    }

    pub(crate) fn events(&self, whole: &Whole) -> Vec<&[Event]> {
        let node = |(client, &state): (usize, &State)| &*self.clients[client].node(state).events;
        whole.clients.iter().enumerate().map(node).collect()
    }

    /// Describes a step.
    pub(crate) fn words(&mut self, whole: &Whole, choice: Choice) -> String {
        match choice {
            Choice::Land { at } => format!("lands: {}", trace::request(&self.names, &whole.flying[at])),
            Choice::Serve { client, ticket, fate } => {
                let request = self.request(whole, client, ticket).clone();
                let name = self.clients[client].name;
                let answer = self.serve(&mut whole.clone(), &request, fate);
                let (asked, fate) = (trace::request(&self.names, &request), trace::fate(fate));
                format!("{name}: {asked}{fate} -> {}", trace::answer(&self.names, &answer))
            }
        }
    }
}

/// A state on the path of the search.
struct Frame {
    whole: Whole,
    hash: u128,
    choices: Vec<Choice>,
    at: usize,
    ways: f64,
}

/// The search itself.
pub(crate) struct Search<'a> {
    pub(crate) machine: Machine,
    pub(crate) invariants: &'a dyn Invariants,
    /// The states that were met, with the number of ways from each to an end.
    met: HashMap<u128, f64>,
    worlds: HashMap<World, Rc<Result<(), String>>>,
}

impl<'a> Search<'a> {
    pub(crate) fn new(machine: Machine, invariants: &'a dyn Invariants) -> Self {
        Self { machine, invariants, met: HashMap::new(), worlds: HashMap::new() }
    }

    /// Visits every state, or as many as the bounds allow. It stops at the first violation.
    pub(crate) fn run(&mut self, world: World) -> Report {
        let first = self.machine.start(world);
        let mut bounded = false;
        let mut interleavings = 0.0;
        let mut violation = self.judge(&first).err();
        let mut path = vec![self.frame(first)];
        while let (Some(frame), None) = (path.last_mut(), &violation) {
            let Some(&choice) = frame.choices.get(frame.at) else {
                let ways = if frame.choices.is_empty() { 1.0 } else { frame.ways };
                self.met.insert(frame.hash, ways);
                path.pop();
                match path.last_mut() {
                    Some(parent) => parent.ways += ways,
                    None => interleavings = ways,
                }
                continue;
            };
            frame.at += 1;
            let next = self.machine.take(&frame.whole, choice);
            let hash = digest(&next);
            if let Some(ways) = self.met.get(&hash) {
                frame.ways += ways;
            } else if self.met.len() >= self.machine.bounds.states {
                bounded = true;
            } else {
                violation = self.judge(&next).err();
                path.push(self.frame(next));
            }
        }
        let violation = violation.map(|cause| self.explain(&path, cause));
        Report {
            states: self.met.len(),
            interleavings,
            exhausted: !bounded && violation.is_none(),
            violation,
        }
    }

    fn frame(&mut self, whole: Whole) -> Frame {
        let hash = digest(&whole);
        self.met.insert(hash, 0.0);
        let choices = self.machine.choices(&whole);
        Frame { whole, hash, choices, at: 0, ways: 0.0 }
    }

    fn judge(&mut self, whole: &Whole) -> Result<(), String> {
        judge(&self.machine, self.invariants, &mut self.worlds, whole)
    }

    fn explain(&mut self, path: &[Frame], cause: String) -> Violation {
        let taken = |frame: &Frame| frame.choices.get(frame.at.wrapping_sub(1)).copied();
        let mut steps = Vec::new();
        for frame in path.iter().take(path.len() - 1) {
            if let Some(choice) = taken(frame) {
                steps.push(self.machine.words(&frame.whole, choice));
            }
        }
        Violation { cause, steps }
    }
}

/// Checks the invariants in one state. `worlds` caches the results for sets of objects.
pub(crate) fn judge(
    machine: &Machine,
    invariants: &dyn Invariants,
    worlds: &mut HashMap<World, Rc<Result<(), String>>>,
    whole: &Whole,
) -> Result<(), String> {
    let events = machine.events(whole);
    for event in events.iter().copied().flatten() {
        if let Event::Broken(cause) = event {
            return Err(cause.clone());
        }
    }
    let known = worlds.get(&whole.world).map(Rc::clone);
    let verdict = known.unwrap_or_else(|| {
        let verdict = Rc::new(invariants.world(&machine.names, &whole.world));
        worlds.insert(whole.world.clone(), Rc::clone(&verdict));
        verdict
    });
    (*verdict).clone()?;
    invariants.events(&machine.names, &whole.world, &events)?;
    let ended = |(client, &state): (usize, &State)| machine.clients[client].node(state).asked.is_empty();
    if whole.flying.is_empty() && whole.clients.iter().enumerate().all(ended) {
        invariants.quiet(&machine.names, &whole.world)?;
    }
    Ok(())
}

/// Hashes to 128 bits, because a collision would hide a state.
pub(crate) fn digest(of: &impl Hash) -> u128 {
    let half = |salt: u64| {
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        of.hash(&mut hasher);
        u128::from(hasher.finish())
    };
    half(1) << 64 | half(2)
}

//! Clients as trees of answers. Each node is one state of the real code.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use super::names::Names;
use super::store::{StepStore, Ticket};
use super::world::{Answer, Request};

/// An event that a client reports to the invariants.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Event {
    /// The commit of this backup returned `Ok`.
    Committed(String),
    /// An operation ended with this error.
    Failed(String),
    /// A check of the client's own failed.
    Broken(String),
    /// The client has reached this point.
    Reached(&'static str),
}

/// The events of one client, in order. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Event>>>);

impl Log {
    pub(crate) fn say(&self, event: Event) {
        self.0.lock().unwrap().push(event);
    }

    fn events(&self) -> Vec<Event> {
        self.0.lock().unwrap().clone()
    }
}

/// A future of the real code.
pub(crate) type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Starts a client from its beginning, on its own store.
pub(crate) type Program = Arc<dyn Fn(StepStore, Log) -> Work>;

/// The number of a node.
pub(crate) type State = u32;

/// A state of a client: its requests, or none if it has ended.
#[derive(Debug)]
pub(crate) struct Node {
    parent: Option<(State, Ticket, Answer)>,
    pub(crate) asked: Vec<(Ticket, Request)>,
    pub(crate) events: Arc<[Event]>,
    children: HashMap<(Ticket, Answer), State>,
}

/// The maximum number of executions that are kept alive, which saves replays.
const ALIVE: usize = 64;

/// The states that one client has reached.
pub(crate) struct Client {
    pub(crate) name: &'static str,
    program: Program,
    names: Names,
    nodes: Vec<Node>,
    alive: VecDeque<(State, Run)>,
    /// The number of polls, which is the cost of the search.
    pub(crate) polls: u64,
}

impl Client {
    pub(crate) fn new(name: &'static str, program: Program, names: &Names) -> Self {
        let mut client =
            Self { name, program, names: names.clone(), nodes: Vec::new(), alive: VecDeque::new(), polls: 0 };
        let run = client.start();
        client.keep(None, run);
        client
    }

    pub(crate) const START: State = 0;

    pub(crate) fn node(&self, state: State) -> &Node {
        &self.nodes[state as usize]
    }

    pub(crate) fn states(&self) -> usize {
        self.nodes.len()
    }

    /// Returns the state after `answer` to the request `ticket` of `state`.
    pub(crate) fn step(&mut self, state: State, ticket: Ticket, answer: Answer) -> State {
        if let Some(&child) = self.node(state).children.get(&(ticket, answer.clone())) {
            return child;
        }
        let mut run = self.revive(state);
        self.polls += 1;
        run.answer(ticket, answer.clone());
        let child = self.keep(Some((state, ticket, answer.clone())), run);
        self.nodes[state as usize].children.insert((ticket, answer), child);
        child
    }

    fn start(&mut self) -> Run {
        self.polls += 1;
        Run::start(&self.program, &self.names)
    }

    fn keep(&mut self, parent: Option<(State, Ticket, Answer)>, run: Run) -> State {
        let state = State::try_from(self.nodes.len()).unwrap();
        let (asked, events) = (run.asked(), run.log.events().into());
        assert!(
            run.work.is_none() || !asked.is_empty(),
            "{} waits for something else than its store",
            self.name
        );
        self.nodes.push(Node { parent, asked, events, children: HashMap::new() });
        if run.work.is_some() {
            self.alive.push_back((state, run));
            if self.alive.len() > ALIVE {
                self.alive.pop_front();
            }
        }
        state
    }

    /// Returns an execution in `state`: a living one, or a new one that is replayed with the same answers.
    fn revive(&mut self, state: State) -> Run {
        if let Some(at) = self.alive.iter().position(|(alive, _)| *alive == state) {
            return self.alive.remove(at).unwrap().1;
        }
        let mut answers = Vec::new();
        let mut at = state;
        while let Some((parent, ticket, answer)) = &self.node(at).parent {
            answers.push((at, *ticket, answer.clone()));
            at = *parent;
        }
        let mut run = self.start();
        for (reached, ticket, answer) in answers.into_iter().rev() {
            self.polls += 1;
            run.answer(ticket, answer);
            let same = run.asked() == self.node(reached).asked;
            assert!(same, "{}: the same answers led to other requests", self.name);
        }
        run
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("name", &self.name).field("nodes", &self.nodes).finish_non_exhaustive()
    }
}

/// Remembers that it was woken.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// One execution of the real code.
struct Run {
    work: Option<Work>,
    store: StepStore,
    log: Log,
}

impl Run {
    fn start(program: &Program, names: &Names) -> Self {
        let (store, log) = (StepStore::new(names), Log::default());
        let mut run = Self { work: Some(program(store.clone(), log.clone())), store, log };
        run.poll();
        run
    }

    fn answer(&mut self, ticket: Ticket, answer: Answer) {
        self.store.answer(ticket, answer);
        self.poll();
    }

    /// Runs to the next request or to the end. A set of futures that wakes itself is polled again.
    fn poll(&mut self) {
        let Some(work) = &mut self.work else { return };
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        let polled = catch_unwind(AssertUnwindSafe(|| {
            loop {
                let polled = work.as_mut().poll(&mut Context::from_waker(&waker));
                if polled.is_ready() || !woken.0.swap(false, Ordering::Relaxed) {
                    return polled;
                }
            }
        }));
        match polled {
            Ok(Poll::Pending) => {}
            Ok(Poll::Ready(())) => self.work = None,
            Err(cause) => {
                let text = cause.downcast_ref::<String>().cloned();
                let text = text.or_else(|| cause.downcast_ref::<&str>().map(|&text| text.to_owned()));
                self.log.say(Event::Broken(format!("panic: {}", text.unwrap_or_default())));
                self.work = None;
            }
        }
    }

    fn asked(&self) -> Vec<(Ticket, Request)> {
        if self.work.is_some() { self.store.asked() } else { Vec::new() }
    }
}

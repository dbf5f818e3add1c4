//! The checkpoint protocol under power cuts: create, restore, remove and sweep. Runs may have a sync by another process
//! added, or one of their own syncs left out.

mod case;
mod check;
mod stepped;

use std::{collections::BTreeMap, sync::Arc};

pub(crate) use case::Case;

use crate::{
    bench::{Bench, Unmountable},
    kind::Kind,
    states::{Amount, crash_states},
};
use stepped::{Plan, stepped};

/// The result of one run with its power cuts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tried {
    pub(crate) recordings: usize,
    pub(crate) states: usize,
    pub(crate) torn: usize,
    /// Bad states by their description.
    pub(crate) bad: BTreeMap<String, usize>,
    /// The number of calls of the run.
    pub(crate) calls: u64,
    /// The files and directories that the run synced, in order.
    pub(crate) syncs: Vec<String>,
}

impl Tried {
    pub(crate) fn add(&mut self, other: Self) {
        self.recordings += other.recordings;
        self.states += other.states;
        self.torn += other.torn;
        for (bad, count) in other.bad {
            *self.bad.entry(bad).or_default() += count;
        }
        self.calls = self.calls.max(other.calls);
        self.syncs = other.syncs;
    }

    pub(crate) fn bad_states(&self) -> usize {
        self.bad.values().sum()
    }
}

/// A sync by another process: the number of the call that it precedes, and a number that selects the synced file or
/// directory.
pub(crate) type Foreign = Option<(u64, u64)>;

/// The run of one case.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) kind: Kind,
    pub(crate) case: Case,
    pub(crate) foreign: Foreign,
    /// The sync to leave out.
    pub(crate) left_out: Option<usize>,
}

/// Runs a case and cuts the power at many instants. Each state must pass the check of its case.
pub(crate) fn attempt(bench: &Bench, run: Run, amount: Amount) -> anyhow::Result<Tried> {
    let mut tried = Tried { recordings: 1, ..Tried::default() };
    let log = bench.record(run.kind, |fs| {
        run.case.prepare(fs.root())?;
        fs.settle()?;
        fs.mark(0);
        let plan = Plan::new(fs.root(), run.foreign, run.left_out);
        run.case.act(fs.root(), Arc::new(stepped(&plan)))?;
        fs.mark(1);
        (tried.calls, tried.syncs) = plan.done();
        Ok(())
    })?;
    for state in crash_states(run.kind, &log, amount, 1) {
        tried.states += 1;
        let promised = state.steps.contains(&1);
        let look = |root: &std::path::Path| Ok(check::check(run.case, root, promised));
        match bench.recover(run.kind, &state.disk, look)? {
            Ok(Ok(())) => {}
            Ok(Err(bad)) => *tried.bad.entry(bad).or_default() += 1,
            Err(Unmountable(reason)) => {
                let untorn = state.untorn.as_ref().map(|disk| bench.recover(run.kind, disk, look));
                match untorn.transpose()? {
                    Some(Ok(_)) => tried.torn += 1,
                    _ => *tried.bad.entry(format!("not mountable: {reason}")).or_default() += 1,
                }
            }
        }
    }
    Ok(tried)
}

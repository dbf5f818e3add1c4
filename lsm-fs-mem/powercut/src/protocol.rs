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
    log::Log,
    states::{Amount, CrashState, crash_states},
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
    /// Makes the calls of a batch one after the other, so that a sync has the same number in each run.
    pub(crate) in_order: bool,
}

/// Runs a case and cuts the power at many instants. Each state must pass the check of its case.
pub(crate) fn attempt(bench: &Bench, run: Run, amount: Amount) -> anyhow::Result<Tried> {
    let mut tried = Tried { recordings: 1, ..Tried::default() };
    let log = record(bench, run, &mut tried)?;
    examine(bench, run, crash_states(run.kind, &log, amount, 1), &mut tried)?;
    Ok(tried)
}

/// Cuts the power, sweeps and repeats the call on a few of the disks, and cuts the power again.
pub(crate) fn attempt_twice(bench: &Bench, run: Run, amount: Amount, disks: usize) -> anyhow::Result<Tried> {
    let mut tried = Tried::default();
    let log = record(bench, run, &mut tried)?;
    let mut first = crash_states(run.kind, &log, amount, 1);
    // A torn superblock may not mount.
    first.retain(|state| state.untorn.is_none());
    let step = first.len().div_ceil(disks).max(1);
    for state in first.into_iter().step_by(step) {
        tried.recordings += 1;
        let kept = state.steps.contains(&1);
        let mut failed = None;
        let log = bench.record_on(run.kind, &state.disk, |fs| {
            fs.mark(0);
            failed = run.case.repeat(fs.root()).err();
            fs.mark(1);
            Ok(())
        })?;
        if let Some(error) = failed {
            *tried.bad.entry(format!("repeated: {error:#}")).or_default() += 1;
            continue;
        }
        let mut second = crash_states(run.kind, &log, amount, 1);
        if kept {
            // The first call had returned, so its promise holds from the start.
            for state in &mut second {
                state.steps.insert(1);
            }
        }
        examine(bench, run, second, &mut tried)?;
    }
    Ok(tried)
}

fn record(bench: &Bench, run: Run, tried: &mut Tried) -> anyhow::Result<Log> {
    bench.record(run.kind, |fs| {
        run.case.prepare(fs.root())?;
        fs.settle()?;
        fs.mark(0);
        let plan = Plan::new(fs.root(), &run);
        run.case.act(fs.root(), Arc::new(stepped(&plan)))?;
        fs.mark(1);
        (tried.calls, tried.syncs) = plan.done();
        Ok(())
    })
}

/// Mounts each state and checks it. After step 1, the call had returned.
fn examine(bench: &Bench, run: Run, states: Vec<CrashState>, tried: &mut Tried) -> anyhow::Result<()> {
    for state in states {
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
    Ok(())
}

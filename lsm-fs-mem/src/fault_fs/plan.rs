//! The faults to inject, the calls so far, and the faults that struck.

use std::collections::BTreeMap;

use lsm_fs::{Op, errno};

use super::{
    Fault, FaultEffect, FaultId, InjectedFault, ShortTransfer,
    fault::{can_strike, needs_space},
};
use lsm_fs::intercept::Call;

#[derive(Debug, Default)]
pub(super) struct Plan {
    faults: Vec<Active>,
    /// The lasting effect of an earlier `Gone` or `Full`.
    lasting: Option<FaultEffect>,
    counts: BTreeMap<Op, u64>,
    injected: Vec<InjectedFault>,
    /// The faults that a sweep could try, collected only if requested.
    candidates: Option<Vec<FaultId>>,
}

/// A fault with the number of calls that have matched it.
#[derive(Debug)]
struct Active {
    fault: Fault,
    seen: u64,
}

impl Plan {
    pub(super) fn inject(&mut self, fault: Fault) {
        self.faults.push(Active { fault, seen: 0 });
    }

    pub(super) fn heal(&mut self) {
        self.faults.clear();
        self.lasting = None;
    }

    pub(super) fn counts(&self) -> &BTreeMap<Op, u64> {
        &self.counts
    }

    pub(super) fn injected(&self) -> &[InjectedFault] {
        &self.injected
    }

    pub(super) fn collect_candidates(&mut self) {
        self.candidates = Some(Vec::new());
    }

    pub(super) fn take_candidates(&mut self) -> Vec<FaultId> {
        self.candidates.take().unwrap_or_default()
    }

    /// Counts the call. Returns the effect of the fault that strikes it, if any.
    pub(super) fn strike(&mut self, call: &Call<'_>) -> Option<FaultEffect> {
        let count = self.counts.entry(call.op).or_default();
        *count += 1;
        let nth = *count;
        if let Some(candidates) = &mut self.candidates {
            let ids = effects_on(call).into_iter().map(|effect| FaultId { op: call.op, nth, effect });
            candidates.extend(ids);
        }
        // Every fault counts every matching call, including those that another fault strikes.
        let mut struck = None;
        for active in self.faults.iter_mut().filter(|active| active.fault.matches(call)) {
            active.seen += 1;
            if struck.is_none() && active.fault.fires_at(active.seen, nth) {
                struck = Some(active.fault.what());
            }
        }
        let effect = self.lasting.filter(|lasting| can_strike(*lasting, call)).or(struck)?;
        if matches!(effect, FaultEffect::Gone | FaultEffect::Full) && self.lasting != Some(FaultEffect::Gone)
        {
            self.lasting = Some(effect);
        }
        self.injected.push(InjectedFault::new(FaultId { op: call.op, nth, effect }, call));
        Some(effect)
    }
}

/// Returns the failures that a sweep tries for this call.
fn effects_on(call: &Call<'_>) -> Vec<FaultEffect> {
    let mut effects = vec![FaultEffect::Before(errno::EIO)];
    if call.changes() {
        effects.push(FaultEffect::After(errno::EIO));
    }
    if needs_space(call) {
        effects.push(FaultEffect::Before(errno::ENOSPC));
    }
    effects.extend(refusals(call.op).iter().copied().map(FaultEffect::Before));
    effects.extend(ShortTransfer::ALL.map(FaultEffect::Short));
    effects.extend([FaultEffect::Interrupted, FaultEffect::Full, FaultEffect::Gone]);
    effects.retain(|effect| can_strike(*effect, call));
    effects
}

/// Returns the errnos that a sweep tries and after which the caller should fall back to another method.
pub(super) fn refusals(op: Op) -> &'static [i32] {
    match op {
        Op::HardLink => &[errno::EXDEV, errno::EMLINK, errno::EPERM],
        Op::ReflinkFile => &[errno::EXDEV, errno::EOPNOTSUPP, errno::EINVAL],
        Op::RenameNoreplace => &[errno::EOPNOTSUPP],
        _ => &[],
    }
}

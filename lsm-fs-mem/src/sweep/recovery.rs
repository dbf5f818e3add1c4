//! The second crash: recovery is a workload like any other, and starts from what the first crash left.

use super::{
    report::{Failure, SweepError},
    run::{Promised, Run, Seen, failed},
};
use crate::{
    crash::{Choices, Crash, Explorer, StateId, fingerprint, recording::Recording},
    hash::Seeded,
    mem_fs::MemFs,
};

impl Run<'_, '_, '_> {
    /// Recovers from states that the first crash left, and crashes each recovery at every moment.
    pub(super) fn crash_recoveries(&mut self, recording: &Recording, seen: &mut Seen) -> Option<Failure> {
        self.sweep.recover.as_ref()?;
        let of = seen.ids.len();
        let first = sample(&seen.ids, self.sweep.budget.recoveries(), self.sweep.seed);
        let (mut states, mut sampled) = (0, 0);
        let mut failure = None;
        for id in &first {
            failure = self.crash_recovery_from(id, recording, (&mut states, &mut sampled));
            if failure.is_some() {
                break;
            }
        }
        seen.report.sampled_points += sampled;
        let (before_states, before_from, before_of) = seen.report.recoveries.unwrap_or_default();
        seen.report.recoveries = Some((before_states + states, before_from + first.len(), before_of + of));
        failure
    }

    fn crash_recovery_from(
        &mut self,
        id: &StateId,
        recording: &Recording,
        (states, sampled): (&mut usize, &mut usize),
    ) -> Option<Failure> {
        let first = id.0.first()?;
        let recovery = match self.record_recovery(id, recording) {
            Ok(recovery) => recovery,
            Err(failure) => return Some(failure),
        };
        let roots = recovery.machine.roots();
        let mut explorer = Explorer::new(&recovery, first.model, None);
        loop {
            if explorer.is_crash_point() {
                let axes = explorer.axes(false);
                let promised = notes(recording, first, &recovery, explorer.point);
                let choices = Choices::new(&axes, self.sweep.budget, self.sweep.seed);
                *sampled += usize::from(!choices.are_all());
                for choice in choices {
                    *states += 1;
                    let tree = axes.replay(&explorer.disk, &choice);
                    let key = (fingerprint(&tree, &roots), promised.hash);
                    if let Err(message) = self.check_once(key, &recovery, &tree, &promised) {
                        let second = explorer.id(choice);
                        return Some(second_failed(id, recording, (&recovery, second), message));
                    }
                }
            }
            if !explorer.step() {
                return None;
            }
        }
    }

    pub(super) fn replay_recovery(&mut self, id: &StateId, recording: &Recording) -> Result<(), SweepError> {
        let failed = |failure| SweepError::Check(Box::new(failure), Box::default());
        let [first, second] = id.0.as_slice() else {
            return Err(SweepError::NoSuchState("there is no third crash".to_owned()));
        };
        if self.sweep.recover.is_none() {
            let what = "it is a second crash, and the sweep has no recovery";
            return Err(SweepError::NoSuchState(what.to_owned()));
        }
        let first_id = StateId(vec![first.clone()]);
        let recovery = self.record_recovery(&first_id, recording).map_err(failed)?;
        recovery.fits(second).map_err(SweepError::NoSuchState)?;
        let explorer = recovery.at(second);
        let tree = explorer.axes(true).replay(&explorer.disk, &second.choice);
        let promised = notes(recording, first, &recovery, second.point);
        (self.check)(&recovery.boot(&tree), &promised.notes).map_err(|message| {
            failed(second_failed(&first_id, recording, (&recovery, second.clone()), message))
        })
    }

    fn record_recovery(&mut self, id: &StateId, recording: &Recording) -> Result<Recording, Failure> {
        let fs: MemFs = recording.image(id);
        fs.record();
        let recovered = match &mut self.sweep.recover {
            Some(recover) => super::guarded(|| recover(&fs)),
            None => Ok(()),
        };
        let refused = |message: String| {
            let crash = id.0.first().cloned();
            let tree = crash.as_ref().map(|crash| {
                let explorer = recording.at(crash);
                explorer.axes(true).replay(&explorer.disk, &crash.choice)
            });
            let crash = crash.unwrap_or_else(|| Explorer::new(recording, id.model(), None).id(Vec::new()));
            failed(recording, crash, &tree.unwrap_or_default(), format!("the recovery failed: {message}"))
        };
        recovered.map_err(refused)?;
        fs.take_recording().ok_or_else(|| refused("it ended its own recording".to_owned()))
    }
}

/// What was promised before the first crash, and by the recovery before the second.
fn notes(recording: &Recording, first: &Crash, recovery: &Recording, point: usize) -> Promised {
    let mut notes = recording.notes_until(first.point);
    notes.extend(recovery.notes_until(point));
    Promised::new(notes)
}

fn second_failed(
    first: &StateId,
    recording: &Recording,
    (recovery, second): (&Recording, Crash),
    message: String,
) -> Failure {
    let explorer = recovery.at(&second);
    let tree = explorer.axes(true).replay(&explorer.disk, &second.choice);
    let mut failure = failed(recovery, second.clone(), &tree, message);
    let before = first.0.first().map(|crash| {
        let explorer = recording.at(crash);
        recording.describe(crash, &explorer.axes(true).replay(&explorer.disk, &crash.choice))
    });
    failure.explanation = format!(
        "the first crash:\n{}the second, during recovery:\n{}",
        before.unwrap_or_default(),
        failure.explanation
    );
    failure.state = first.then(second);
    failure
}

/// At most `limit` of the states, spread over all of them by the seed.
fn sample(ids: &[StateId], limit: usize, seed: u64) -> Vec<StateId> {
    if ids.len() <= limit {
        return ids.to_vec();
    }
    let mut seeded = Seeded::new(seed);
    let chosen = (0..limit).filter_map(|part| {
        let [from, to] = [part, part + 1].map(|part| part * ids.len() / limit);
        let at = from + usize::try_from(seeded.below((to - from) as u64)).unwrap_or_default();
        ids.get(at).cloned()
    });
    chosen.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::profile::{CrashModel, Profile};

    #[test]
    fn samples_reach_from_the_first_states_to_the_last() {
        let model = CrashModel::new(Profile::Adversarial);
        let id = |point| StateId(vec![Crash { model, point, foreign: None, choice: Vec::new() }]);
        for (count, limit) in [(199, 100), (100, 100), (7, 100), (1000, 16), (101, 100)] {
            let ids: Vec<_> = (0..count).map(id).collect();
            for seed in 0..20 {
                let points: Vec<_> = sample(&ids, limit, seed).iter().map(|id| id.0[0].point).collect();
                assert_eq!(points.len(), limit.min(count));
                assert!(points.is_sorted_by(|a, b| a < b), "{points:?}");
                let part = count.div_ceil(limit);
                assert!(points[0] < part && points[points.len() - 1] >= count - part, "{points:?}");
            }
        }
    }
}

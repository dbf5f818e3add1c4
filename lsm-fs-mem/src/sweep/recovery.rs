//! The second crash: recovery is a workload like any other, and starts from what the first crash left.

use super::{
    report::Failure,
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
        let mut states = 0;
        let mut failure = None;
        for id in &first {
            failure = self.crash_recovery_from(id, recording, &mut states);
            if failure.is_some() {
                break;
            }
        }
        let (before_states, before_from, before_of) = seen.report.recoveries.unwrap_or_default();
        seen.report.recoveries = Some((before_states + states, before_from + first.len(), before_of + of));
        failure
    }

    fn crash_recovery_from(
        &mut self,
        id: &StateId,
        recording: &Recording,
        states: &mut usize,
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
                for choice in Choices::new(&axes, self.sweep.budget, self.sweep.seed) {
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

    pub(super) fn replay_recovery(&mut self, id: &StateId, recording: &Recording) -> Result<(), Failure> {
        let [first, second, ..] = id.0.as_slice() else { return Ok(()) };
        let first_id = StateId(vec![first.clone()]);
        let recovery = self.record_recovery(&first_id, recording)?;
        let explorer = recovery.at(second);
        let tree = explorer.axes(true).replay(&explorer.disk, &second.choice);
        let promised = notes(recording, first, &recovery, second.point);
        (self.check)(&recovery.boot(&tree), &promised.notes)
            .map_err(|message| second_failed(&first_id, recording, (&recovery, second.clone()), message))
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
    let stride = ids.len() / limit.max(1);
    let chosen = ids.chunks(stride.max(1)).take(limit).filter_map(|chunk| {
        let at = usize::try_from(seeded.below(chunk.len() as u64)).unwrap_or_default();
        chunk.get(at).cloned()
    });
    chosen.collect()
}

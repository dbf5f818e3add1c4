//! The second crash. Recovery is a workload like any other and starts from the image of the first crash.

use super::{
    report::{Failure, SweepError},
    run::{Promised, Run, Seen, Tally, failed},
    sample::sample,
    settings::guarded,
};
use crate::{
    crash::{Crash, StateId},
    mem_fs::MemFs,
    recording::{Explorer, Recording},
};

impl Run<'_, '_, '_> {
    /// Recovers from states that the first crash left, or from a sample of them, and crashes each recovery at every
    /// moment.
    pub(super) fn crash_recoveries(&mut self, recording: &Recording, seen: &mut Seen) -> Option<Failure> {
        self.settings.recover.as_ref()?;
        let of = seen.ids.len();
        let first = sample(&seen.ids, self.settings.budget.recoveries(), self.settings.seed);
        let mut tally = Tally::default();
        let mut failure = None;
        for id in &first {
            failure = self.crash_recovery_from(id, recording, &mut tally);
            if failure.is_some() {
                break;
            }
        }
        seen.report.sampled_points += tally.sampled_points;
        seen.report.classed_points += tally.classed_points;
        let (all_states, all_from, all_of) = seen.report.recoveries.get_or_insert((0, 0, 0));
        *all_states += tally.states;
        *all_from += first.len();
        *all_of += of;
        failure
    }

    fn crash_recovery_from(
        &mut self,
        id: &StateId,
        recording: &Recording,
        tally: &mut Tally,
    ) -> Option<Failure> {
        let first = &id.first;
        let recovery = match self.record_recovery(id, recording) {
            Ok(recovery) => recovery,
            Err(failure) => return Some(*failure),
        };
        let mut explorer = Explorer::new(&recovery, first.model, None);
        loop {
            let promised = || notes(recording, first, &recovery, explorer.point);
            if let Err((second, message)) = self.crash_follow_up((&recovery, &explorer), promised, tally) {
                return Some(second_failed(id, recording, (&recovery, second), message));
            }
            if !explorer.step() {
                return None;
            }
        }
    }

    pub(super) fn replay_recovery(&mut self, id: &StateId, recording: &Recording) -> Result<(), SweepError> {
        let failed = |failure| SweepError::Check(Box::new(failure), Box::default());
        let (first, [second]) = (&id.first, id.later.as_slice()) else {
            return Err(SweepError::NoSuchState("a recovery is crashed only once".to_owned()));
        };
        if self.settings.recover.is_none() {
            let what = "it is a second crash, and the sweep has no recovery";
            return Err(SweepError::NoSuchState(what.to_owned()));
        }
        let first_id = StateId::of(first.clone());
        let recovery = self.record_recovery(&first_id, recording).map_err(|failure| failed(*failure))?;
        recovery.fits(second).map_err(SweepError::NoSuchState)?;
        let tree = recovery.tree_after(second);
        let promised = notes(recording, first, &recovery, second.point);
        (self.check)(&recovery.boot(&tree), &promised.notes).map_err(|message| {
            failed(second_failed(&first_id, recording, (&recovery, second.clone()), message))
        })
    }

    fn record_recovery(&mut self, id: &StateId, recording: &Recording) -> Result<Recording, Box<Failure>> {
        let fs: MemFs = recording.image(id);
        fs.record();
        let recovered = match &mut self.settings.recover {
            Some(recover) => guarded(|| recover(&fs)),
            None => Ok(()),
        };
        let refused = |message: String| {
            let tree = recording.tree_after(&id.first);
            Box::new(failed(recording, id.first.clone(), &tree, format!("the recovery failed: {message}")))
        };
        recovered.map_err(refused)?;
        fs.take_recording().ok_or_else(|| refused("it ended its own recording".to_owned()))
    }
}

/// Returns the notes made before the first crash, followed by the notes that the recovery made before the second one.
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
    let tree = recovery.tree_after(&second);
    let mut failure = failed(recovery, second.clone(), &tree, message);
    let before = recording.describe(&first.first, &recording.tree_after(&first.first));
    failure.explanation =
        format!("the first crash:\n{before}the second, during recovery:\n{}", failure.explanation);
    failure.state = first.then(second);
    failure
}

//! Kills: a process dies, the next one continues from the page cache, and then the power fails.

use super::{
    notes::Notes,
    report::{Failure, SweepError},
    run::{Promised, Run, Tally, failed},
    sample::sample,
    schedule::Schedule,
    settings::guarded,
};
use crate::{
    crash::{Crash, StateId},
    recording::{Explorer, Recording},
};

impl Run<'_, '_, '_> {
    /// Kills the process of a recording at each moment or a sample of them, runs the next one, and crashes it at every
    /// moment.
    pub(super) fn crash_after_kills(&mut self, recording: &Recording, schedule: Option<&Schedule>) {
        if self.settings.after_kill.is_none() {
            return;
        }
        let points = recording.kill_points();
        let models = self.settings.models.clone();
        let mut explorers: Vec<_> =
            models.iter().map(|model| Explorer::new(recording, *model, None)).collect();
        for report in &mut self.report.profiles {
            report.kills.get_or_insert((0, 0, 0)).2 += points.len();
        }
        for point in sample(&points, self.settings.budget.kills(), self.settings.seed) {
            let history = self.record_next_process(recording, point);
            for (index, explorer) in explorers.iter_mut().enumerate() {
                if self.report.profiles.get(index).is_none_or(|report| report.failed.is_some()) {
                    continue;
                }
                explorer.go_to(point);
                let crashed = match &history {
                    Ok(history) => self.crash_next_process(index, explorer, history),
                    Err(message) => Some(next_failed(recording, explorer, message)),
                };
                if let Some(failure) = crashed {
                    self.fail(index, failure, schedule);
                }
            }
        }
    }

    /// Tries every crash of the next process, starting after its first event. Earlier crashes involve the first process
    /// alone.
    fn crash_next_process(
        &mut self,
        index: usize,
        killed: &Explorer<'_>,
        history: &Recording,
    ) -> Option<Failure> {
        let mut tally = Tally::default();
        let mut explorer = killed.in_history(history);
        let mut found = Ok(());
        while found.is_ok() && explorer.step() {
            let promised = || Promised::new(history.notes_until(explorer.point));
            found = self.crash_follow_up((history, &explorer), promised, &mut tally);
        }
        if let Some(report) = self.report.profiles.get_mut(index) {
            let (states, from, _) = report.kills.get_or_insert((0, 0, 0));
            *states += tally.states;
            *from += 1;
            report.sampled_points += tally.sampled_points;
            report.classed_points += tally.classed_points;
        }
        let (crash, message) = found.err()?;
        let tree = history.tree_after(&crash);
        Some(failed(history, crash, &tree, message))
    }

    /// Runs the next process after a kill. Returns the events of both processes.
    fn record_next_process(&mut self, recording: &Recording, point: usize) -> Result<Recording, String> {
        let fs = recording.killed_at(point);
        fs.record();
        if let Some(after_kill) = &mut self.settings.after_kill {
            guarded(|| after_kill(&fs))?;
        }
        let next = fs.take_recording().ok_or("it ended its own recording")?;
        Ok(recording.followed_by(point, next))
    }

    pub(super) fn replay_kill(
        &mut self,
        id: &StateId,
        killed_after: usize,
        recording: &Recording,
    ) -> Result<(), SweepError> {
        let error = |failure| SweepError::Check(Box::new(failure), Box::default());
        let crash = &id.first;
        self.check_kill(id, killed_after, recording).map_err(SweepError::NoSuchState)?;
        let history = self.record_next_process(recording, killed_after).map_err(|message| {
            let mut explorer = Explorer::new(recording, crash.model, None);
            explorer.go_to(killed_after);
            error(next_failed(recording, &explorer, &message))
        })?;
        history.fits(crash).map_err(SweepError::NoSuchState)?;
        let tree = history.tree_after(crash);
        let notes = Notes(history.notes_until(crash.point));
        (self.check)(&history.boot(&tree), &notes)
            .map_err(|message| error(failed(&history, crash.clone(), &tree, message)))
    }

    /// Refuses the id of a kill that this sweep cannot have.
    fn check_kill(&self, id: &StateId, killed_after: usize, recording: &Recording) -> Result<(), String> {
        if self.settings.after_kill.is_none() {
            return Err("its process was killed, and the sweep has no `after_kill`".to_owned());
        }
        if !id.later.is_empty() {
            return Err("no recovery is crashed after a kill".to_owned());
        }
        if id.first.point < killed_after {
            return Err("it comes before its process is killed".to_owned());
        }
        if killed_after > recording.events() {
            return Err(format!("it was killed after event {killed_after} of {}", recording.events()));
        }
        Ok(())
    }
}

/// Returns the failure of a next process that could not cope with the page cache of a killed one.
fn next_failed(recording: &Recording, killed: &Explorer<'_>, message: &str) -> Failure {
    let everything = killed.axes(true).everything();
    let crash = Crash { killed_after: Some(killed.point), ..killed.id(everything) };
    let tree = recording.tree_after(&crash);
    failed(recording, crash, &tree, format!("the next process failed: {message}"))
}

//! Rows of the table.

use std::{
    fs::File,
    path::Path,
    time::{Duration, Instant},
};

/// One way to do a job. It runs in a new directory and returns its duration.
pub(crate) type Side<'a> = &'a dyn Fn(&Path) -> Duration;

/// A job, its place, and the number of rounds.
pub(crate) struct Row<'a> {
    pub(crate) job: &'a str,
    pub(crate) volume: &'a str,
    pub(crate) root: &'a Path,
    pub(crate) rounds: usize,
}

pub(crate) fn head() {
    println!("| job | volume | ours (min–max) | floor (min–max) | ratio | target |");
    println!("|---|---|---:|---:|---:|---:|");
}

impl Row<'_> {
    /// Runs all sides in turn, and prints our median next to the median of each floor. A floor has a name and a target.
    pub(crate) fn beside(&self, ours: Side<'_>, floors: &[(&str, f64, Side<'_>)]) {
        let sides: Vec<_> = std::iter::once(ours).chain(floors.iter().map(|(_, _, side)| *side)).collect();
        let times = self.times(&sides);
        for ((name, target, _), of_floor) in floors.iter().zip(&times[1..]) {
            let ratio = self.median(&times[0]) / self.median(of_floor);
            let job = format!("{}: ours / {name}", self.job);
            let shown = (self.shown(&times[0]), self.shown(of_floor));
            beside(&job, self.volume, (&shown.0, &shown.1), Some(ratio), &format!("≤ {target}"));
        }
    }

    /// Returns the sorted times of each side.
    pub(crate) fn times(&self, sides: &[Side<'_>]) -> Vec<Vec<Duration>> {
        let mut times = vec![Vec::new(); sides.len()];
        // The first round warms up.
        for round in 0..=self.rounds {
            for turn in 0..sides.len() {
                let side = (round + turn) % sides.len();
                let time = self.once(sides[side]);
                if round > 0 {
                    times[side].push(time);
                }
            }
        }
        times.iter_mut().for_each(|times| times.sort_unstable());
        times
    }

    fn once(&self, side: Side<'_>) -> Duration {
        let dir = tempfile::tempdir_in(self.root).unwrap();
        let time = side(dir.path());
        drop(dir);
        settle(self.root);
        time
    }

    /// Returns the median in milliseconds.
    pub(crate) fn median(&self, times: &[Duration]) -> f64 {
        ms(times[self.rounds / 2])
    }

    /// Formats the median with the minimum and the maximum.
    pub(crate) fn shown(&self, times: &[Duration]) -> String {
        let (min, max) = (ms(times[0]), ms(times[self.rounds - 1]));
        format!("{:.2} ms ({min:.2}–{max:.2})", self.median(times))
    }
}

/// Prints a figure next to its target.
pub(crate) fn figure(job: &str, volume: &str, ours: &str, target: &str) {
    beside(job, volume, (ours, "–"), None, target);
}

/// Prints two figures, and their ratio if it is meaningful.
pub(crate) fn beside(job: &str, volume: &str, (ours, floor): (&str, &str), ratio: Option<f64>, target: &str) {
    let ratio = ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.3}"));
    println!("| {job} | {volume} | {ours} | {floor} | {ratio} | {target} |");
}

/// Writes out the remaining data of the last run, so that the next run does not pay for it.
pub(crate) fn settle(root: &Path) {
    rustix::fs::syncfs(File::open(root).unwrap()).unwrap();
}

pub(crate) fn timed(act: impl FnOnce()) -> Duration {
    let start = Instant::now();
    act();
    start.elapsed()
}

pub(crate) fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

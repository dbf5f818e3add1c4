//! [`Meter`]: shows the progress of a long step, and cancels the step after a signal.

use std::{
    io::{self, IsTerminal, Write},
    ops::ControlFlow,
    sync::{Mutex, OnceLock, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use lsm_checkpoint::Progress;

use crate::{signals::Signals, text};

/// The form in which progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// A bar, on a terminal.
    Bar,
    /// One line per second, if stderr is not a terminal and `--progress` was given.
    Lines,
    /// Nothing.
    Nothing,
}

impl Shown {
    /// Chooses the form: a bar on a terminal, unless `--no-progress` or `--quiet` was given.
    pub(crate) fn choose(wanted: bool, unwanted: bool) -> Self {
        match (io::stderr().is_terminal(), wanted, unwanted) {
            (_, _, true) => Self::Nothing,
            (true, ..) => Self::Bar,
            (false, true, _) => Self::Lines,
            (false, false, _) => Self::Nothing,
        }
    }
}

/// The progress of one step.
#[derive(Debug)]
pub(crate) struct Meter {
    signals: Signals,
    step: String,
    is_bar: bool,
    /// The bar. It is made with the first report, so that a step that fails at once shows none.
    bar: OnceLock<ProgressBar>,
    lines: Option<Mutex<Lines>>,
}

#[derive(Debug)]
struct Lines {
    begun: Instant,
    next: Instant,
    /// `true` once `last` was printed.
    is_shown: bool,
    last: Progress,
}

/// The time between two lines.
const PAUSE: Duration = Duration::from_secs(1);

impl Meter {
    /// Begins a step. Its name precedes the progress.
    pub(crate) fn new(shown: Shown, step: String, signals: Signals) -> Self {
        let begun = Instant::now();
        let lines = Lines { begun, next: begun, is_shown: true, last: Progress::default() };
        let lines = (shown == Shown::Lines).then(|| Mutex::new(lines));
        Self { signals, step, is_bar: shown == Shown::Bar, bar: OnceLock::new(), lines }
    }

    /// Shows a report, and breaks if a signal has arrived.
    pub(crate) fn tell(&self, progress: &Progress) -> ControlFlow<()> {
        if self.is_bar {
            let bar = self.bar.get_or_init(|| bar(&self.step, progress.bytes_total));
            bar.set_length(progress.bytes_total);
            bar.set_position(progress.bytes_done);
        }
        if let Some(lines) = &self.lines {
            lines.lock().unwrap_or_else(PoisonError::into_inner).tell(&self.step, progress);
        }
        self.signals.flow()
    }
}

impl Drop for Meter {
    /// Clears the bar, or prints the last report.
    fn drop(&mut self) {
        if let Some(bar) = self.bar.get() {
            bar.finish_and_clear();
        }
        if let Some(lines) = &self.lines {
            let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
            if !lines.is_shown {
                lines.show(&self.step);
            }
        }
    }
}

fn bar(step: &str, bytes: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(bytes), ProgressDrawTarget::stderr());
    let template =
        "{prefix} {wide_bar} {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left";
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_prefix(step.to_owned());
    bar
}

impl Lines {
    fn tell(&mut self, step: &str, progress: &Progress) {
        self.last = *progress;
        self.is_shown = false;
        let now = Instant::now();
        if now >= self.next {
            self.next = now + PAUSE;
            self.show(step);
        }
    }

    fn show(&mut self, step: &str) {
        self.is_shown = true;
        let Progress { bytes_done, bytes_total, .. } = self.last;
        let rate = per_second(bytes_done, self.begun.elapsed());
        let line = format!(
            "{step}: {} of {}, {}/s, {} left\n",
            text::size(bytes_done),
            text::size(bytes_total),
            text::size(rate),
            time_left(bytes_total.saturating_sub(bytes_done), rate)
        );
        // If stderr is gone, nobody reads the progress.
        let _ = io::stderr().write_all(line.as_bytes());
    }
}

fn per_second(bytes: u64, time: Duration) -> u64 {
    let rate = u128::from(bytes) * 1_000 / time.as_millis().max(1);
    u64::try_from(rate).unwrap_or(u64::MAX)
}

fn time_left(bytes: u64, rate: u64) -> String {
    match bytes.checked_div(rate) {
        Some(seconds) if seconds < 60 => format!("{seconds}s"),
        Some(seconds) if seconds < 3_600 => format!("{}m", seconds / 60),
        Some(seconds) => format!("{}h", seconds / 3_600),
        None => "unknown time".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_times_left_are_bounded() {
        assert_eq!(per_second(1 << 20, Duration::from_secs(2)), 1 << 19);
        assert_eq!(per_second(u64::MAX, Duration::ZERO), u64::MAX);
        for (bytes, rate, text) in [(0, 0, "unknown time"), (59, 1, "59s"), (61, 1, "1m"), (7_200, 1, "2h")] {
            assert_eq!(time_left(bytes, rate), text);
        }
    }

    /// A meter that shows nothing still answers progress reports.
    #[test]
    fn a_meter_without_a_signal_goes_on() {
        let meter = Meter::new(Shown::Nothing, "x".to_owned(), Signals::default());
        assert!(meter.tell(&Progress::default()).is_continue());
    }
}

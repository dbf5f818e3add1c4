//! Collects the results of the steps of CI: counts, times, failures and, above all, every skipped part.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::cmd::{Outcome, Tests};

/// The summary names the commands that took at least this long.
const LONG: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(crate) struct Report {
    steps: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    name: &'static str,
    start: Instant,
    time: Duration,
    passed: u64,
    failed: u64,
    failures: Vec<String>,
    /// The commands and the time of each.
    commands: Vec<(String, Duration)>,
    /// The number of skipped parts, and the reason of each.
    skips: Vec<(u64, String)>,
}

impl Report {
    /// Opens a step, to which the records belong until the next one opens.
    pub(crate) fn begin(&mut self, name: &'static str) {
        eprintln!("\n==> {name}");
        self.steps.push(Step {
            name,
            start: Instant::now(),
            time: Duration::ZERO,
            passed: 0,
            failed: 0,
            failures: Vec::new(),
            commands: Vec::new(),
            skips: Vec::new(),
        });
    }

    /// Closes the step that is open.
    pub(crate) fn end(&mut self) {
        if let Some(step) = self.steps.last_mut() {
            step.time = step.start.elapsed();
            let (mark, seconds) = (step.mark(), step.time.as_secs_f64());
            eprintln!("<== {}: {mark} in {seconds:.1} s", step.name);
        }
    }

    /// Counts a command: the tests that it reports, or one if it reports none.
    pub(crate) fn record(&mut self, outcome: &Outcome) {
        let Some(step) = self.steps.last_mut() else { return };
        step.commands.push((outcome.command.clone(), outcome.time));
        let tests = outcome.tests.unwrap_or(Tests { passed: u64::from(outcome.success), ..Tests::default() });
        step.passed += tests.passed;
        // A command can fail without a failed test, for example if it does not compile. Then it counts as one failure.
        step.failed += if outcome.success { tests.failed } else { tests.failed.max(1) };
        if !outcome.success {
            step.failures.push(format!("{} (after {:.1} s)", outcome.command, outcome.time.as_secs_f64()));
        }
        if tests.ignored > 0 {
            step.skips.push((tests.ignored, format!("{} ignored by {}", tests.ignored, outcome.command)));
        }
    }

    /// Counts something that is not a command and passed.
    pub(crate) fn pass(&mut self) {
        if let Some(step) = self.steps.last_mut() {
            step.passed += 1;
        }
    }

    /// Counts something that is not a command and failed.
    pub(crate) fn fail(&mut self, message: String) {
        eprintln!("    ! {message}");
        if let Some(step) = self.steps.last_mut() {
            step.failed += 1;
            step.failures.push(message);
        }
    }

    /// Notes that a part was skipped.
    pub(crate) fn skip(&mut self, reason: String) {
        eprintln!("    - skipped: {reason}");
        if let Some(step) = self.steps.last_mut() {
            step.skips.push((1, reason));
        }
    }

    /// Returns `true` if nothing failed.
    pub(crate) fn success(&self) -> bool {
        self.steps.iter().all(|step| step.failed == 0)
    }

    /// Lists the steps, the failures and the skipped parts, and ends with the counts.
    pub(crate) fn summary(&self) -> String {
        let mut out = String::new();
        for step in &self.steps {
            let (seconds, mark) = (step.time.as_secs_f64(), step.mark());
            let _ = writeln!(out, "{mark:>7} {:<9} {:>5} passed {seconds:>8.1} s", step.name, step.passed);
            for (command, time) in step.commands.iter().filter(|(_, time)| *time >= LONG) {
                let _ = writeln!(out, "{:>8} {:>23.1} s  {command}", "", time.as_secs_f64());
            }
        }
        let total: Duration = self.steps.iter().map(|step| step.time).sum();
        let _ = writeln!(
            out,
            "{:>7} {:>24.1} s = {:.1} min",
            "total",
            total.as_secs_f64(),
            total.as_secs_f64() / 60.0
        );
        for step in &self.steps {
            for failure in &step.failures {
                let _ = writeln!(out, "failed  {}: {failure}", step.name);
            }
        }
        let (mut passed, mut failed, mut skipped) = (0, 0, 0);
        for step in &self.steps {
            passed += step.passed;
            failed += step.failed;
            for (count, reason) in &step.skips {
                skipped += count;
                let _ = writeln!(out, "skipped {}: {reason}", step.name);
            }
        }
        let _ = write!(out, "{passed} passed, {failed} failed");
        if skipped > 0 {
            let _ = write!(out, ", {skipped} skipped");
        }
        out
    }
}

impl Step {
    fn mark(&self) -> &'static str {
        match (self.failed, self.passed) {
            (0, 0) => "skipped",
            (0, _) => "ok",
            _ => "FAILED",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(success: bool, tests: Option<Tests>) -> Outcome {
        Outcome { command: "cargo test".into(), success, tests, time: Duration::ZERO }
    }

    fn closing_line(report: &Report) -> String {
        report.summary().lines().last().unwrap().to_owned()
    }

    #[test]
    fn counts_tests_by_their_results_and_other_commands_as_one() {
        let mut report = Report::default();
        report.begin("a");
        report.record(&outcome(true, Some(Tests { passed: 5, failed: 0, ignored: 0 })));
        report.record(&outcome(true, None));
        report.pass();
        report.end();
        assert!(report.success());
        assert_eq!(closing_line(&report), "7 passed, 0 failed");
    }

    #[test]
    fn a_test_command_that_dies_before_its_tests_is_a_failure() {
        let mut report = Report::default();
        report.begin("a");
        report.record(&outcome(false, None));
        report.record(&outcome(false, Some(Tests { passed: 3, failed: 0, ignored: 0 })));
        report.record(&outcome(false, Some(Tests { passed: 1, failed: 2, ignored: 0 })));
        assert!(!report.success());
        assert_eq!(closing_line(&report), "4 passed, 4 failed");
    }

    #[test]
    fn the_summary_has_the_time_of_steps_and_of_long_commands() {
        let mut report = Report::default();
        for (name, seconds) in [("short", 9), ("long", 61)] {
            report.begin("test");
            let time = Duration::from_secs(seconds);
            report.record(&Outcome { command: name.into(), time, ..outcome(true, None) });
            report.end();
            report.steps.last_mut().unwrap().time = time;
        }
        let summary = report.summary();
        let lines: Vec<_> =
            summary.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        let expected =
            ["ok test 1 passed 9.0 s", "ok test 1 passed 61.0 s", "61.0 s long", "total 70.0 s = 1.2 min"];
        assert_eq!(lines.get(..4).unwrap(), expected, "{summary}");
    }

    #[test]
    fn lists_every_skip_with_its_reason_before_the_closing_line() {
        let mut report = Report::default();
        report.begin("realfs");
        report.skip("needs root".into());
        report.record(&outcome(true, Some(Tests { passed: 0, failed: 0, ignored: 2 })));
        let summary = report.summary();
        assert!(summary.contains("skipped realfs: needs root"), "{summary}");
        assert_eq!(closing_line(&report), "0 passed, 0 failed, 3 skipped");
    }
}

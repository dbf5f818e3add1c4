//! Compares recorded ratios with the ratios of a run. Times differ from machine to machine, ratios much less.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::bail;

use crate::table::{Row, rows};

/// The factor by which a ratio may exceed the recorded one. Medians of the same code differ by as much on a busy
/// machine.
pub const TOLERANCE: f64 = 0.25;

/// The ratios of Markdown tables, by crate, job and volume.
#[derive(Debug, Default)]
pub struct Ratios(BTreeMap<Key, f64>);

/// Counts and sizes, which have no ratio, divided by their targets. More than 1 is too much.
#[derive(Debug, Default)]
pub struct Limits(BTreeMap<Key, f64>);

/// The better value of each row.
fn best_of(rows: &mut BTreeMap<Key, f64>, second: BTreeMap<Key, f64>) {
    for (key, figure) in second {
        rows.entry(key).and_modify(|best| *best = best.min(figure)).or_insert(figure);
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    section: String,
    job: String,
    volume: String,
}

impl Key {
    pub(crate) fn of(row: &Row<'_>) -> Option<Self> {
        let cell = |column| row.cell(column).map(str::to_owned);
        Some(Self { section: row.section.to_owned(), job: cell("job")?, volume: cell("volume")? })
    }

    pub(crate) fn shown(&self) -> String {
        format!("{}, {}, {}", self.section, self.job, self.volume)
    }

    /// The first word of a job names the part of a bench that printed it.
    fn group(&self) -> (&str, &str) {
        (&self.section, self.job.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default())
    }
}

fn ratio(row: &Row<'_>) -> Option<f64> {
    row.ratio()
}

/// Returns our figure divided by the target, for a row without a ratio. The target is a number, or the word `floor` for
/// the figure beside ours.
fn limit(row: &Row<'_>) -> Option<f64> {
    if row.ratio().is_some() {
        return None;
    }
    let ((ours, beside), target) = (row.sides()?, row.cell("target")?);
    Some(number(ours)? / number(if target.ends_with("floor") { beside } else { target })?)
}

/// The first number of a text.
fn number(text: &str) -> Option<f64> {
    let mut words = text.split([' ', ',']).filter_map(|word| word.parse::<f64>().ok());
    words.next().filter(|number| number.is_finite())
}

/// The rows that have a figure.
fn figures(markdown: &str, figure: fn(&Row<'_>) -> Option<f64>) -> BTreeMap<Key, f64> {
    rows(markdown).iter().filter_map(|row| Some((Key::of(row)?, figure(row)?))).collect()
}

impl Limits {
    /// Reads the limits of a run.
    pub fn of_run(markdown: &str) -> Self {
        Self(figures(markdown, limit))
    }

    /// Adds a second run.
    pub fn best_of(&mut self, second: Self) {
        best_of(&mut self.0, second.0);
    }

    /// The rows that are over their target.
    pub fn exceeded(&self) -> Vec<Finding> {
        let over = self.0.iter().filter(|(_, ratio)| **ratio > 1.0);
        over.map(|(key, ratio)| Finding { key: key.clone(), what: format!("{ratio:.3} of its target") })
            .collect()
    }
}

impl Ratios {
    /// Reads the ratios of a run.
    pub fn of_run(markdown: &str) -> Self {
        Self(figures(markdown, ratio))
    }

    /// Reads the ratios of recorded files.
    pub fn of_record(files: &[String]) -> anyhow::Result<Self> {
        let mut ratios = Self::default();
        for (key, ratio) in files.iter().flat_map(|file| Self::of_run(file).0) {
            if ratios.0.insert(key.clone(), ratio).is_some() {
                bail!("two files record the same row: {}", key.shown());
            }
        }
        Ok(ratios)
    }

    /// Returns `true` if no row has a ratio.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns `true` if a row with a ratio has this text in its job.
    pub fn has_row_of(&self, job: &str) -> bool {
        self.0.keys().any(|key| key.job.contains(job))
    }

    /// Adds a second run.
    pub fn best_of(&mut self, second: Self) {
        best_of(&mut self.0, second.0);
    }
}

/// A problem with a row.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    key: Key,
    what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key.shown(), self.what)
    }
}

/// The jobs that print rows like these.
pub fn jobs(findings: &[Finding]) -> Vec<String> {
    let jobs: BTreeSet<&str> = findings.iter().map(|finding| finding.key.group().1).collect();
    jobs.into_iter().map(str::to_owned).collect()
}

/// Finds the rows of a run that are worse than recorded, and the rows that it lacks. A `partial` run is expected to
/// have only the groups of which it has a row.
pub fn compare(recorded: &Ratios, run: &Ratios, partial: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (key, &before) in &recorded.0 {
        let what = match run.0.get(key) {
            Some(&ratio) if ratio <= before * (1.0 + TOLERANCE) => continue,
            Some(ratio) => format!("{ratio:.3}, recorded {before:.3}"),
            None if partial && !run.0.keys().any(|of_run| of_run.group() == key.group()) => continue,
            None => "recorded, and not in this run".to_owned(),
        };
        findings.push(Finding { key: key.clone(), what });
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = "\
- Command: `cargo xtask bench`

## lsm-a

| job | volume | ours | floor | ratio | target |
|---|---|---:|---:|---:|---:|
| linked 10 tables: ours / floor | ext4 | 1.10 ms (1.00–2.00) | 1.00 ms (1.00–1.00) | 1.100 | ≤ 1.1 |
| linked 10 tables: ours / floor | xfs | 2.00 ms (1.00–2.00) | 1.00 ms (1.00–1.00) | 2.000 | ≤ 1.1 |
| linked: peak memory | xfs | 2.0 MiB | – | – | ≤ 64 MiB |
| linked: flushes | xfs | 6 | 8 | – | ≤ floor |
| linked: calls | xfs | 1.000 linkat, 2.006 in all | – | – | 1 linkat |

| what | ratio |
|---|---|
| without a volume | 3.0 |

## lsm-b

| ratio | volume | job |
|---|---|---|
| 0.5 | memory | copied |
";

    fn record() -> Ratios {
        Ratios::of_record(&[RECORD.to_owned()]).unwrap()
    }

    /// The problems of a whole run, as they are shown.
    fn shown(run: &Ratios) -> Vec<String> {
        compare(&record(), run, false).iter().map(ToString::to_string).collect()
    }

    /// The record's tables, with one of its texts changed.
    fn run(from: &str, to: &str) -> Ratios {
        assert!(RECORD.contains(from), "{from}");
        Ratios::of_run(&RECORD.replacen(from, to, 1))
    }

    #[test]
    fn reads_ratios_by_the_names_of_columns() {
        let found: Vec<_> = record().0.into_iter().map(|(key, ratio)| (key.shown(), ratio)).collect();
        let expected = [
            ("lsm-a, linked 10 tables: ours / floor, ext4", 1.1),
            ("lsm-a, linked 10 tables: ours / floor, xfs", 2.0),
            ("lsm-b, copied, memory", 0.5),
        ];
        assert_eq!(found, expected.map(|(key, ratio)| (key.to_owned(), ratio)));
    }

    #[test]
    fn the_same_and_better_and_slightly_worse_pass() {
        for ratio in ["1.100", "0.200", "1.374"] {
            let run = run("1.100 |", &format!("{ratio} |"));
            assert_eq!(shown(&run), [""; 0], "{ratio}");
        }
    }

    #[test]
    fn worse_than_the_tolerance_is_named() {
        let found = shown(&run("1.100 |", "1.376 |"));
        assert_eq!(found, ["lsm-a, linked 10 tables: ours / floor, ext4: 1.376, recorded 1.100"]);
    }

    #[test]
    fn a_row_that_is_missing_or_has_lost_its_ratio_is_named() {
        let lost = "lsm-a, linked 10 tables: ours / floor, xfs: recorded, and not in this run";
        assert_eq!(shown(&run("| xfs |", "| zfs |")), [lost]);
        assert_eq!(shown(&run("2.000 |", "– |")), [lost]);
        assert_eq!(shown(&run("2.000 |", "NaN |")), [lost]);
    }

    #[test]
    fn counts_and_sizes_are_held_against_their_targets() {
        let exceeded = |from: &str, to: &str| {
            Limits::of_run(&RECORD.replacen(from, to, 1))
                .exceeded()
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        };
        assert_eq!(exceeded("", ""), [""; 0]);
        let memory = "lsm-a, linked: peak memory, xfs: 1.250 of its target";
        assert_eq!(exceeded("| 2.0 MiB", "| 80.0 MiB"), [memory]);
        let flushes = "lsm-a, linked: flushes, xfs: 1.125 of its target";
        assert_eq!(exceeded("| 6 | 8 |", "| 9 | 8 |"), [flushes]);
        assert_eq!(exceeded("| 1.000 linkat, 2.006", "| 1.500 linkat, 2.006").len(), 1);
    }

    #[test]
    fn a_row_is_recorded_once() {
        let refused = Ratios::of_record(&[RECORD, RECORD].map(str::to_owned)).unwrap_err().to_string();
        assert!(refused.contains("linked 10 tables"), "{refused}");
    }

    #[test]
    fn a_job_without_a_row_is_reported() {
        assert!(record().has_row_of("linked") && record().has_row_of("linked 10"));
        assert!(!record().has_row_of("linkd"));
    }

    #[test]
    fn a_row_counts_if_it_is_worse_twice() {
        let mut twice = run("1.100 |", "9.000 |");
        twice.0.retain(|key, _| key.volume != "memory");
        let findings = compare(&record(), &twice, false);
        assert_eq!((findings.len(), jobs(&findings)), (2, vec!["copied".to_owned(), "linked".to_owned()]));
        twice.best_of(run("1.100 |", "8.000 |"));
        assert_eq!(shown(&twice), ["lsm-a, linked 10 tables: ours / floor, ext4: 8.000, recorded 1.100"]);
        twice.best_of(run("", ""));
        assert_eq!(shown(&twice), [""; 0]);
    }

    #[test]
    fn a_partial_run_lacks_rows_of_its_own_groups_only() {
        let linked = "## lsm-a\n| job | volume | ratio |\n|---|---|---|\n\
                      | linked 10 tables: ours / floor | ext4 | 1.1 |";
        let found = compare(&record(), &Ratios::of_run(linked), true);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].to_string().starts_with("lsm-a, linked 10 tables: ours / floor, xfs: recorded, and not")
        );
        assert_eq!(compare(&record(), &Ratios::of_run(linked), false).len(), 2);
    }
}

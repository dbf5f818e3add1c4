//! Compares recorded ratios with the ratios of a run. Times differ from machine to machine, ratios hardly do.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::bail;

use super::document;

/// The factor by which a ratio may exceed the recorded one. Medians of the same code differ by as much on a busy
/// machine.
pub(super) const TOLERANCE: f64 = 0.25;

/// The ratios of Markdown tables, by crate, job and volume.
#[derive(Debug, Default)]
pub(super) struct Ratios(BTreeMap<Key, f64>);

/// Counts and sizes, which have no ratio, divided by their targets. More than 1 is too much.
#[derive(Debug, Default)]
pub(super) struct Limits(BTreeMap<Key, f64>);

/// The better value of each row.
fn best_of(rows: &mut BTreeMap<Key, f64>, second: BTreeMap<Key, f64>) {
    for (key, figure) in second {
        rows.entry(key).and_modify(|best| *best = best.min(figure)).or_insert(figure);
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    /// The heading above the table.
    section: String,
    job: String,
    volume: String,
}

impl Key {
    pub(super) fn shown(&self) -> String {
        format!("{}, {}, {}", self.section, self.job, self.volume)
    }

    /// The first word of a job names the part of a bench that printed it.
    fn group(&self) -> (&str, &str) {
        (&self.section, self.job.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default())
    }
}

/// The positions of the columns of a table.
pub(super) struct Columns {
    job: usize,
    volume: usize,
    ratio: usize,
    pub(super) ours: Option<usize>,
    target: Option<usize>,
}

impl Columns {
    fn of(head: &[&str]) -> Option<Self> {
        let at = |name: &str| head.iter().position(|cell| *cell == name);
        let ours = head.iter().position(|cell| cell.starts_with("ours"));
        Some(Self { job: at("job")?, volume: at("volume")?, ratio: at("ratio")?, ours, target: at("target") })
    }

    pub(super) fn key(&self, section: &str, cells: &[&str]) -> Option<Key> {
        let cell = |at: usize| cells.get(at).map(|cell| (*cell).to_owned());
        Some(Key { section: section.to_owned(), job: cell(self.job)?, volume: cell(self.volume)? })
    }

    /// For a row without a ratio: ours divided by the target, which is a number or the column behind ours.
    fn limit(&self, section: &str, cells: &[&str]) -> Option<(Key, f64)> {
        if self.row(section, cells).is_some() {
            return None;
        }
        let (ours, target) = (cells.get(self.ours?)?, cells.get(self.target?)?);
        let target = if target.ends_with("floor") { cells.get(self.ours? + 1)? } else { target };
        Some((self.key(section, cells)?, number(ours)? / number(target)?))
    }

    fn row(&self, section: &str, cells: &[&str]) -> Option<(Key, f64)> {
        let cell = |at: usize| cells.get(at).copied();
        // A dash stands where there is nothing to compare with.
        let ratio = cell(self.ratio)?.parse::<f64>().ok().filter(|ratio| ratio.is_finite())?;
        Some((self.key(section, cells)?, ratio))
    }
}

/// The first number of a text.
fn number(text: &str) -> Option<f64> {
    let mut words = text.split([' ', ',']).filter_map(|word| word.parse::<f64>().ok());
    words.next().filter(|number| number.is_finite())
}

/// Calls the function for each row of Markdown tables, with the heading above the row.
pub(super) fn for_each_row(markdown: &str, mut row: impl FnMut(&Columns, &str, &[&str])) {
    let (mut section, mut columns) = (String::new(), None);
    for line in markdown.lines() {
        if let Some(heading) = line.strip_prefix("## ") {
            heading.trim().clone_into(&mut section);
        }
        let Some(cells) = document::cells(line) else {
            columns = None;
            continue;
        };
        match &columns {
            None => columns = Some(Columns::of(&cells)),
            Some(Some(columns)) => row(columns, &section, &cells),
            Some(None) => {}
        }
    }
}

impl Limits {
    /// Reads the limits of a run.
    pub(super) fn of_run(markdown: &str) -> Self {
        let mut limits = Self::default();
        for_each_row(markdown, |columns, section, cells| limits.0.extend(columns.limit(section, cells)));
        limits
    }

    /// Adds a second run.
    pub(super) fn best_of(&mut self, second: Self) {
        best_of(&mut self.0, second.0);
    }

    /// The rows that are over their target.
    pub(super) fn exceeded(&self) -> Vec<Finding> {
        let over = self.0.iter().filter(|(_, ratio)| **ratio > 1.0);
        over.map(|(key, ratio)| Finding { key: key.clone(), what: format!("{ratio:.3} of its target") })
            .collect()
    }
}

impl Ratios {
    /// Reads the limits of a run.
    pub(super) fn of_run(markdown: &str) -> Self {
        let mut ratios = Self::default();
        for_each_row(markdown, |columns, section, cells| ratios.0.extend(columns.row(section, cells)));
        ratios
    }

    /// Reads the ratios of a record. The text around its tables is ignored.
    pub(super) fn of_record(markdown: &str) -> anyhow::Result<Self> {
        let mut ratios = Self::default();
        for block in document::blocks(markdown)? {
            for (key, ratio) in Self::of_run(block).0 {
                if ratios.0.insert(key.clone(), ratio).is_some() {
                    bail!("two blocks record the same row: {}", key.shown());
                }
            }
        }
        Ok(ratios)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns `true` if a row with a ratio has this text in its job.
    pub(super) fn has_row_of(&self, job: &str) -> bool {
        self.0.keys().any(|key| key.job.contains(job))
    }

    /// Adds a second run.
    pub(super) fn best_of(&mut self, second: Self) {
        best_of(&mut self.0, second.0);
    }
}

/// A problem with a row.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finding {
    key: Key,
    what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key.shown(), self.what)
    }
}

/// The jobs that print rows like these.
pub(super) fn jobs(findings: &[Finding]) -> Vec<String> {
    let jobs: BTreeSet<&str> = findings.iter().map(|finding| finding.key.group().1).collect();
    jobs.into_iter().map(str::to_owned).collect()
}

/// Finds the rows of a run that are worse than recorded, and the rows that it lacks. A `partial` run is expected to
/// have only the groups of which it has a row.
pub(super) fn compare(recorded: &Ratios, run: &Ratios, partial: bool) -> Vec<Finding> {
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
| job | volume | ratio |
|---|---|---:|
| by hand | ext4 | 0.001 |

<!-- tables -->

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

<!-- /tables -->

## What did not help
";

    fn record() -> Ratios {
        Ratios::of_record(RECORD).unwrap()
    }

    /// The problems of a whole run, as they are shown.
    fn shown(run: &Ratios) -> Vec<String> {
        compare(&record(), run, false).iter().map(ToString::to_string).collect()
    }

    /// The record's tables, with one of its texts changed.
    fn run(from: &str, to: &str) -> Ratios {
        let block = document::blocks(RECORD).unwrap()[0];
        assert!(block.contains(from), "{from}");
        Ratios::of_run(&block.replacen(from, to, 1))
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
            let block = document::blocks(RECORD).unwrap()[0].replacen(from, to, 1);
            Limits::of_run(&block).exceeded().iter().map(ToString::to_string).collect::<Vec<_>>()
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
        let twice = format!("{RECORD}\n{}", RECORD.replace("<!-- tables -->", "<!-- tables: linked -->"));
        let refused = Ratios::of_record(&twice).unwrap_err().to_string();
        assert!(refused.contains("linked 10 tables"), "{refused}");
    }

    #[test]
    fn a_job_without_a_row_is_told() {
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

    #[test]
    fn nothing_is_read_from_a_record_without_tables() {
        assert!(
            Ratios::of_record("| job | volume | ratio |\n|---|---|---|\n| a | b | 1 |").unwrap().is_empty()
        );
    }
}

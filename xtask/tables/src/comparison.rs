//! The ratios of two revisions, computed from the tables of their benches.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::record::Key;
use crate::table::rows;

/// The figures of one run of one bench: ours, and the floor beside it.
#[derive(Clone, Debug, Default)]
pub struct Figures(BTreeMap<Key, [Option<f64>; 2]>);

/// The ratios of all rounds.
#[derive(Debug, Default)]
pub struct Comparison {
    rows: Vec<Row>,
    /// The rows that one revision lacks, with the name of the other.
    only: BTreeSet<(Key, &'static str)>,
}

/// The ratios of one row of the tables.
#[derive(Debug)]
struct Row {
    key: Key,
    /// The working tree's figure divided by the other's, for each round, sorted.
    ours: Vec<f64>,
    /// The working tree's floor divided by the other's, for each round, sorted. Empty if the row has no floor.
    floors: Vec<f64>,
}

impl Figures {
    /// Adds the figures of another bench.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }
}

/// Reads the tables of a run.
pub fn figures_of(markdown: &str) -> Figures {
    let of_row = |row: &crate::Row<'_>| {
        let (ours, floor) = row.sides()?;
        Some((Key::of(row)?, [value(ours), value(floor)]))
    };
    Figures(rows(markdown).iter().filter_map(of_row).collect())
}

/// Returns the first number of a cell: a time in seconds, or a count. A larger number is worse, so a rate becomes the
/// time of one item.
pub fn value(cell: &str) -> Option<f64> {
    let end = cell.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(cell.len());
    let (number, unit) = cell.split_at_checked(end)?;
    let number: f64 = number.parse().ok()?;
    let unit = unit.trim_start();
    let value = match unit.split([' ', ',', ';']).next() {
        Some("s") => number,
        Some("ms") => number / 1e3,
        Some("µs") => number / 1e6,
        Some("ns") => number / 1e9,
        _ if unit.starts_with("a second") => 1.0 / number,
        _ => number,
    };
    Some(value).filter(|value| value.is_finite() && *value > 0.0)
}

impl Comparison {
    /// Compares the figures of the working tree with the figures of the other revision, round by round.
    pub fn of(rounds: &[[Figures; 2]]) -> Self {
        let mut rows: BTreeMap<&Key, [Vec<f64>; 2]> = BTreeMap::new();
        let mut only = BTreeSet::new();
        for [this, other] in rounds {
            for (key, figures) in &this.0 {
                let Some(of_other) = other.0.get(key) else {
                    only.insert((key.clone(), "this tree"));
                    continue;
                };
                let ratios = rows.entry(key).or_default().iter_mut();
                for ((ratios, figure), of_other) in ratios.zip(figures).zip(of_other) {
                    ratios.extend(figure.zip(*of_other).map(|(figure, of_other)| figure / of_other));
                }
            }
            let lacking = other.0.keys().filter(|key| !this.0.contains_key(key));
            only.extend(lacking.map(|key| (key.clone(), "the other revision")));
        }
        let rows = rows.into_iter().filter(|(_, [ours, _])| !ours.is_empty());
        let rows = rows.map(|(key, [ours, floors])| Row {
            key: key.clone(),
            ours: sorted(ours),
            floors: sorted(floors),
        });
        Self { rows: rows.collect(), only }
    }

    /// Returns `true` if both revisions have no row in common.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The ratios as Markdown.
    pub fn table(&self, revision: &str) -> String {
        let mut table =
            format!("| row | this tree / {revision}: median (min–max) | their floors |\n|---|---:|---:|\n");
        for row in &self.rows {
            let _ =
                writeln!(table, "| {} | {} | {} |", row.key.shown(), spread(&row.ours), spread(&row.floors));
        }
        let medians = sorted(self.rows.iter().filter_map(|row| median(&row.ours)).collect());
        let _ = writeln!(table, "| {} rows | {} | |", self.rows.len(), spread(&medians));
        for (key, side) in &self.only {
            let _ = writeln!(table, "\nOnly in {side}: {}", key.shown());
        }
        table
    }

    /// The rows whose median is above the limit.
    pub fn over(&self, limit: f64) -> Vec<String> {
        let over = self.rows.iter().filter(|row| median(&row.ours).is_some_and(|median| median > limit));
        over.map(|row| format!("{}: {}", row.key.shown(), spread(&row.ours))).collect()
    }
}

fn sorted(mut ratios: Vec<f64>) -> Vec<f64> {
    ratios.sort_by(f64::total_cmp);
    ratios
}

fn median(sorted: &[f64]) -> Option<f64> {
    let (low, high) = (sorted.get(sorted.len().checked_sub(1)? / 2)?, sorted.get(sorted.len() / 2)?);
    Some(f64::midpoint(*low, *high))
}

fn spread(sorted: &[f64]) -> String {
    match (median(sorted), sorted.first(), sorted.last()) {
        (Some(median), Some(min), Some(max)) => format!("{median:.3} ({min:.3}–{max:.3})"),
        _ => "–".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_a_time_or_a_count_of_which_more_is_worse() {
        for (cell, expected) in [
            ("2.50 ms (1.00–3.00)", Some(0.0025)),
            ("87.5ms", Some(0.0875)),
            ("1.5s", Some(1.5)),
            ("250 µs a file, 4 M op/s", Some(0.000_25)),
            ("14.50 → 13.72 µs, × 0.92", Some(14.5)),
            ("20000 a second; 7 distinct", Some(0.000_05)),
            ("1.25 (1.20–1.30)", Some(1.25)),
            ("6", Some(6.0)),
            ("1.000 linkat, 2.006 in all", Some(1.0)),
            ("–", None),
            ("0", None),
            ("strace is missing", None),
        ] {
            assert_eq!(value(cell), expected, "{cell}");
        }
    }

    fn figures(linked: &str, floor: &str) -> Figures {
        figures_of(&format!(
            "## lsm-a\n| job | volume | ours | floor | ratio | target |\n|---|---|---|---|---|---|\n\
             | linked | ext4 | {linked} ms | {floor} ms | 1.0 | ≤ 1 |\n| linked: calls | ext4 | 6 | – | – | ≤ 7 |"
        ))
    }

    #[test]
    fn the_ratio_of_a_row_is_the_median_of_its_rounds() {
        let rounds = [
            [figures("2.0", "1.0"), figures("1.0", "1.0")],
            [figures("3.0", "5.0"), figures("2.0", "4.0")],
            [figures("8.0", "1.0"), figures("8.0", "2.0")],
        ];
        let comparison = Comparison::of(&rounds);
        let calls = "| lsm-a, linked: calls, ext4 | 1.000 (1.000–1.000) | – |";
        let linked = "| lsm-a, linked, ext4 | 1.500 (1.000–2.000) | 1.000 (0.500–1.250) |";
        let all = "| 2 rows | 1.250 (1.000–1.500) | |";
        let table = comparison.table("HEAD~1");
        assert_eq!(table.lines().skip(2).collect::<Vec<_>>(), [linked, calls, all], "{table}");
        assert_eq!(comparison.over(1.5), [""; 0]);
        assert_eq!(comparison.over(1.4), ["lsm-a, linked, ext4: 1.500 (1.000–2.000)"]);
    }

    #[test]
    fn a_row_of_one_side_is_named_and_has_no_ratio() {
        for (rounds, side) in [
            ([figures("2.0", "1.0"), Figures::default()], "this tree"),
            ([Figures::default(), figures("2.0", "1.0")], "the other revision"),
        ] {
            let comparison = Comparison::of(&[rounds]);
            assert!(comparison.is_empty());
            let told = format!("Only in {side}: lsm-a, linked: calls, ext4");
            assert!(comparison.table("HEAD").contains(&told), "{told}");
        }
    }
}

//! Rows of the table, in the columns that `cargo xtask bench` reads.

use std::time::Duration;

/// A figure.
pub(crate) enum Cell {
    Times(Vec<Duration>),
    Bytes(u64),
    None,
}

/// A goal of ours.
pub(crate) enum Target {
    /// The largest ratio.
    Ratio(f64),
    /// The most bytes.
    Bytes(u64),
    None,
}

impl Cell {
    /// The median, and a text with the extremes.
    fn summary(self) -> (Option<Duration>, String) {
        match self {
            Self::None => (None, "–".to_owned()),
            Self::Bytes(bytes) => (None, format!("{} MiB", bytes >> 20)),
            Self::Times(mut times) => {
                times.sort_unstable();
                let at = |index: usize| times.get(index).copied().unwrap_or_default();
                let (median, last) = (at(times.len() / 2), at(times.len().saturating_sub(1)));
                let text = format!("{} ms ({}–{})", median.as_millis(), at(0).as_millis(), last.as_millis());
                (Some(median), text)
            }
        }
    }
}

/// Prints a row.
pub(crate) fn row(job: &str, ours: Cell, other: Cell, target: Target) {
    let (ours, a) = ours.summary();
    let (other, b) = other.summary();
    let ratio = match (ours, other) {
        (Some(ours), Some(other)) => format!("{:.3}", ours.as_secs_f64() / other.as_secs_f64()),
        _ => "–".to_owned(),
    };
    let target = match target {
        Target::Ratio(most) => format!("≤ {most}"),
        Target::Bytes(most) => format!("≤ {} MiB", most >> 20),
        Target::None => String::new(),
    };
    println!("| {job} | ext4 | {a} | {b} | {ratio} | {target} |");
}

//! The plots, and the rows of the tables that each line of a plot takes its points from.

use std::collections::BTreeSet;

use xtask_tables::{Row, value};

/// A plot of times against numbers of files.
pub(super) struct Plot {
    pub(super) file: &'static str,
    pub(super) title: &'static str,
    series: &'static [Series],
}

/// A line of a plot before its points are known: one side (ours or the other) of all rows whose jobs differ only in the
/// number of files.
struct Series {
    name: &'static str,
    /// The text of the job before and after the number of files.
    job: (&'static str, &'static str),
    volume: &'static str,
    side: Side,
}

#[derive(Clone, Copy)]
enum Side {
    Ours,
    Other,
}

/// A line of a plot: numbers of files, and seconds.
#[derive(Debug, PartialEq)]
pub(super) struct Line {
    pub(super) name: String,
    /// The position in the list of series. It decides the colour.
    pub(super) place: usize,
    pub(super) points: Vec<(f64, f64)>,
}

const fn series(
    name: &'static str,
    job: (&'static str, &'static str),
    volume: &'static str,
    side: Side,
) -> Series {
    Series { name, job, volume, side }
}

const LINKED: (&str, &str) = ("linked ", " tables: ours / linkat + the same syncs");
const CLONED: (&str, &str) = ("scaled clones of ", " files: ours / clone + fsync each");
const CLONED_RAW: (&str, &str) = ("scaled clones of ", " files: ours / raw calls in as many threads");
const COPIED: (&str, &str) = ("scaled copies of ", " files: ours / copy + fsync each");
const COPIED_RAW: (&str, &str) = ("scaled copies of ", " files: ours / raw calls in as many threads");
const TREE_LINKED: (&str, &str) = ("versus 7.4.0, hard links, ", " tables: ours / theirs");
const TREE_CLONED: (&str, &str) = ("versus 7.4.0, reflinks, ", " tables: ours / theirs");
const TREE_COPIED: (&str, &str) = ("versus 7.4.0, copies, ", " tables: ours / theirs");
const PUSH_RESTIC: (&str, &str) = ("push of ", " files: ours / restic backup");
const PUSH_RCLONE: (&str, &str) = ("push of ", " files: ours / rclone copy");
const FETCH_RESTIC: (&str, &str) = ("fetch of ", " files: ours / restic restore");
const FETCH_RCLONE: (&str, &str) = ("fetch of ", " files: ours / rclone copy");

const LIVE: &str = "lsm-checkpoint, of a live coordinode tree";
const ENGINE: &str = "coordinode 7.4.0 itself, of the same tree";

/// Every plot.
pub(super) const PLOTS: &[Plot] = &[
    Plot {
        file: "link.svg",
        title: "Checkpoint by hard links, ext4",
        series: &[
            series("lsm-checkpoint", LINKED, "ext4", Side::Ours),
            series("raw linkat and the same syncs", LINKED, "ext4", Side::Other),
            series(LIVE, TREE_LINKED, "ext4", Side::Ours),
            series(ENGINE, TREE_LINKED, "ext4", Side::Other),
        ],
    },
    Plot {
        file: "clone.svg",
        title: "Checkpoint by clones (reflinks), XFS",
        series: &[
            series("lsm-checkpoint", CLONED, "xfs", Side::Ours),
            series("raw calls in as many threads", CLONED_RAW, "xfs", Side::Other),
            series(LIVE, TREE_CLONED, "xfs", Side::Ours),
            series(ENGINE, TREE_CLONED, "xfs", Side::Other),
            series("clone and fsync, one by one", CLONED, "xfs", Side::Other),
        ],
    },
    Plot {
        file: "copy.svg",
        title: "Checkpoint by copies, ext4 to ext4",
        series: &[
            series("lsm-checkpoint", COPIED, "ext4 → ext4", Side::Ours),
            series("raw calls in as many threads", COPIED_RAW, "ext4 → ext4", Side::Other),
            series(LIVE, TREE_COPIED, "ext4 → ext4", Side::Ours),
            series(ENGINE, TREE_COPIED, "ext4 → ext4", Side::Other),
            series("copy and fsync, one by one", COPIED, "ext4 → ext4", Side::Other),
        ],
    },
    Plot {
        file: "push.svg",
        title: "Push of a checkpoint to a folder on another volume",
        series: &[
            series("lsm-checkpoint-store", PUSH_RESTIC, "ext4 → ext4", Side::Ours),
            series("restic backup", PUSH_RESTIC, "ext4 → ext4", Side::Other),
            series("rclone copy", PUSH_RCLONE, "ext4 → ext4", Side::Other),
        ],
    },
    Plot {
        file: "fetch.svg",
        title: "Restore of a checkpoint from a folder on another volume",
        series: &[
            series("lsm-checkpoint-store", FETCH_RESTIC, "ext4 → ext4", Side::Ours),
            series("restic restore", FETCH_RESTIC, "ext4 → ext4", Side::Other),
            series("rclone copy", FETCH_RCLONE, "ext4 → ext4", Side::Other),
        ],
    },
];

impl Plot {
    /// The lines for which the tables have two points or more. If they were not all measured on one processor, each
    /// name ends with the processor.
    pub(super) fn lines(&self, rows: &[Row<'_>]) -> Vec<Line> {
        let mut lines = Vec::new();
        for (place, series) in self.series.iter().enumerate() {
            let found: Vec<_> =
                rows.iter().filter_map(|row| Some((series.point(row)?, row.processor))).collect();
            let processors: BTreeSet<&str> = found.iter().map(|(_, processor)| *processor).collect();
            let mut points: Vec<_> = found.iter().map(|(point, _)| *point).collect();
            points.sort_by(|(a, _), (b, _)| a.total_cmp(b));
            if points.len() > 1 {
                lines.push((Line { name: series.name.to_owned(), place, points }, processors));
            }
        }
        let all: BTreeSet<&str> = lines.iter().flat_map(|(_, processors)| processors).copied().collect();
        let named = lines.into_iter().map(|(mut line, processors)| {
            if all.len() > 1 {
                let names: Vec<String> = processors.into_iter().map(short).collect();
                line.name = format!("{} ({})", line.name, names.join(", "));
            }
            line
        });
        named.collect()
    }
}

/// The name of a processor without its trademark signs.
fn short(processor: &str) -> String {
    processor.replace("(R)", "").replace("(TM)", "").replace(" Processor", "")
}

impl Series {
    fn point(&self, row: &Row<'_>) -> Option<(f64, f64)> {
        let (before, after) = self.job;
        let count = row.cell("job")?.strip_prefix(before)?.strip_suffix(after)?.parse().ok()?;
        let (ours, other) = row.sides().filter(|_| row.cell("volume") == Some(self.volume))?;
        let cell = match self.side {
            Side::Ours => ours,
            Side::Other => other,
        };
        Some((count, value(cell)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_rows_of_its_job_and_volume() {
        let head = "| job | volume | ours (min–max) | floor | ratio |\n|---|---|---|---|---|\n";
        let row = |job: &str, volume: &str| format!("| {job} | {volume} | 2.50 ms (2–3) | 1.5 s | 1.0 |\n");
        let linked = |count: &str| format!("linked {count} tables: ours / linkat + the same syncs");
        let text = [
            head.to_owned(),
            row(&linked("1000"), "ext4"),
            row(&linked("100"), "ext4"),
            row(&linked("100"), "xfs"),
            row("linked 10000 tables: pause: ours / linkat alone", "ext4"),
            row("versus 7.4.0, hard links, 20 tables: ours / theirs", "ext4"),
        ];
        let text = text.concat();
        let lines = PLOTS[0].lines(&xtask_tables::rows(&text));
        let [ours, floor] = &lines[..] else { panic!("{lines:?}") };
        assert_eq!(ours.points, [(100.0, 0.0025), (1000.0, 0.0025)]);
        assert_eq!((floor.place, &floor.points[..]), (1, &[(100.0, 1.5), (1000.0, 1.5)][..]));
        assert_eq!(ours.name, "lsm-checkpoint");
    }

    #[test]
    fn lines_from_two_processors_name_them() {
        let table = |processor: &str, before: &str, after: &str| {
            let row = |count: u32| format!("| {before}{count}{after} | ext4 | 2 ms | 1 ms | 2.0 |\n");
            let head = "| job | volume | ours | floor | ratio |\n|---|---|---|---|---|\n";
            format!("- Machine: {processor}, 2 cores\n\n{head}{}{}\n", row(20), row(200))
        };
        let linked = table("Intel(R) Xeon(R) Processor @ 2.00GHz", LINKED.0, LINKED.1);
        let of_tree = table("AMD EPYC", TREE_LINKED.0, TREE_LINKED.1);
        let lines = PLOTS[0].lines(&xtask_tables::rows(&(linked + &of_tree)));
        let names: Vec<&str> = lines.iter().map(|line| line.name.as_str()).collect();
        let [ours, _, live, _] = names[..] else { panic!("{names:?}") };
        assert_eq!(ours, "lsm-checkpoint (Intel Xeon @ 2.00GHz)");
        assert_eq!(live, format!("{LIVE} (AMD EPYC)"));
    }
}

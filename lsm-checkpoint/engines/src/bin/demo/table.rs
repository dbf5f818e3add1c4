//! The table: a line for each checkpoint.

use std::time::Duration;

use lsm_checkpoint::{CheckpointInfo, Method, Totals};

/// What is said of a tree that holds what it must.
pub(crate) const RIGHT: &str = "every key right";

/// What a line says.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) info: CheckpointInfo,
    pub(crate) capture: Duration,
    pub(crate) total: Duration,
    pub(crate) longest_write: Duration,
    /// Keys that were compared, and the number of the last operation that the checkpoint holds; or what is wrong.
    pub(crate) verdict: Result<(u64, u64), String>,
}

pub(crate) fn head() -> String {
    let line = format!(
        "{:<11} {:>6} {:>12} {:>12} {:>12} {:>9} {:>9} {:>9} {:>11} {:>8}  {}",
        "checkpoint",
        "files",
        "linked",
        "cloned",
        "copied",
        "captured",
        "total",
        "max write",
        "holds up to",
        "keys",
        "verdict"
    );
    let units = format!(
        "{:<11} {:>6} {:>12} {:>12} {:>12} {:>9} {:>9} {:>9} {:>11} {:>8}",
        "", "", "files, MiB", "files, MiB", "files, MiB", "ms", "ms", "ms", "operation", "compared"
    );
    format!("{line}\n{units}")
}

impl Row {
    pub(crate) fn line(&self) -> String {
        let linked = [Method::HardLink, Method::BaseLink].map(|method| self.info.by_method(method));
        let linked = Totals {
            files: linked.iter().map(|totals| totals.files).sum(),
            bytes: linked.iter().map(|totals| totals.bytes).sum(),
        };
        let (keys, holds, verdict) = match &self.verdict {
            Ok((keys, holds)) => (grouped(*keys), grouped(*holds), RIGHT),
            Err(what) => ("-".to_owned(), "-".to_owned(), what.as_str()),
        };
        format!(
            "{:<11} {:>6} {:>12} {:>12} {:>12} {:>9} {:>9} {:>9} {:>11} {:>8}  {}",
            self.name,
            self.info.sst_files + self.info.blob_files + self.info.other_files,
            share(linked),
            share(self.info.by_method(Method::Reflink)),
            share(self.info.by_method(Method::Copy)),
            millis(self.capture),
            millis(self.total),
            millis(self.longest_write),
            holds,
            keys,
            verdict,
        )
    }
}

/// What the columns mean.
pub(crate) const LEGEND: &str = "\
captured   from the call to the captured version: mostly the flush of the memtable. Writers go on.
max write  the longest that a single write took while the checkpoint was made.
holds up to  the checkpoint is the outcome of exactly so many operations, found by comparing every key: no fewer than
           were acknowledged before the call, no more than had begun when its version was captured.";

fn share(totals: Totals) -> String {
    if totals.files == 0 {
        return "-".to_owned();
    }
    #[expect(clippy::cast_precision_loss, reason = "two digits are shown")]
    let mebibytes = totals.bytes as f64 / f64::from(1 << 20);
    format!("{}, {mebibytes:.2}", totals.files)
}

fn millis(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e3)
}

/// With a comma in front of every three digits.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

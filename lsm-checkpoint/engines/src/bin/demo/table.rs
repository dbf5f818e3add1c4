//! The table: a line for each checkpoint.

use std::time::Duration;

use lsm_checkpoint::{CheckpointInfo, Method};

/// The text for a tree with the expected contents.
pub(crate) const RIGHT: &str = "every key right";

/// The contents of a line.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) info: CheckpointInfo,
    pub(crate) capture: Duration,
    pub(crate) total: Duration,
    pub(crate) longest_write: Duration,
    /// The number of compared keys and the last operation in the checkpoint, or the defect.
    pub(crate) result: Result<(u64, u64), String>,
}

pub(crate) fn head() -> String {
    line(["", "", "captured", "in all", "max write", "holds up to"], "")
        + "\n"
        + &line(["checkpoint", "data files", "ms", "ms", "ms", "operation"], "result")
}

/// Formats a line. It fits into 100 columns.
fn line([name, files, captured, total, longest, holds]: [&str; 6], result: &str) -> String {
    let line = format!("{name:<13}  {files:<22}{captured:>9}{total:>9}{longest:>11}{holds:>13}  {result}");
    line.trim_end().to_owned()
}

impl Row {
    pub(crate) fn line(&self) -> String {
        let (holds, result) = match &self.result {
            Ok((keys, holds)) => (grouped(*holds), format!("{} keys right", grouped(*keys))),
            Err(what) => ("-".to_owned(), what.clone()),
        };
        let times = [self.capture, self.total, self.longest_write].map(millis);
        let [captured, total, longest] = times.each_ref().map(String::as_str);
        line([&self.name, &files(&self.info), captured, total, longest, &holds], &result)
    }
}

/// The meaning of the columns.
pub(crate) const LEGEND: &str = "\
checkpoint   by policy: links; clones, or else links; nothing that is shared with the source
captured     until the version is captured, mostly by a flush of the memtable; writers go on. A
             database is not flushed, and the time ends at the first file
in all       until the call returns, and the checkpoint is durable under its name
max write    the longest single write meanwhile
holds up to  the number of operations whose outcome the checkpoint holds, found by comparing every
             key: at least those acknowledged before the call, at most those begun when its version
             was captured";

/// Lists the number of linked, cloned and copied files, without new ones such as the manifest. If there is only one
/// method, the size is shown, too: a line has no room for more.
fn files(info: &CheckpointInfo) -> String {
    let methods = [
        ("linked", info.by_method(Method::HardLink)),
        ("cloned", info.by_method(Method::Reflink)),
        ("copied", info.by_method(Method::Copy)),
    ];
    let used: Vec<_> = methods.into_iter().filter(|(_, totals)| totals.files > 0).collect();
    match used[..] {
        [] => "none".to_owned(),
        [(method, totals)] => {
            #[expect(clippy::cast_precision_loss, reason = "one digit is shown")]
            let mebibytes = totals.bytes as f64 / f64::from(1 << 20);
            format!("{} {method}, {mebibytes:.1} MiB", totals.files)
        }
        _ => {
            let parts: Vec<_> =
                used.iter().map(|(method, totals)| format!("{} {method}", totals.files)).collect();
            parts.join(", ")
        }
    }
}

fn millis(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1e3)
}

/// Formats a number with a comma before every three digits.
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

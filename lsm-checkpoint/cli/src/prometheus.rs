//! Metrics in Prometheus's text format, for the textfile collector of `node_exporter`.

use std::{fmt::Write, path::Path};

use jiff::Timestamp;

/// The result of a check for one source.
#[derive(Debug)]
pub(crate) struct Finding {
    pub(crate) identity: String,
    pub(crate) newest: Option<Timestamp>,
    pub(crate) complete: u64,
    pub(crate) is_young: bool,
}

/// Formats the metrics of a check.
pub(crate) fn text(dir: &Path, findings: &[Finding], now: Timestamp) -> String {
    let directory = format!("directory=\"{}\"", escaped(&dir.to_string_lossy()));
    let label = |finding: &Finding| format!("{directory},identity=\"{}\"", escaped(&finding.identity));
    let mut text = String::new();
    let mut metric = |name: &str, help: &str, samples: Vec<(String, i64)>| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "# HELP lsm_checkpoint_{name} {help}\n# TYPE lsm_checkpoint_{name} gauge");
        for (label, value) in samples {
            let _ = writeln!(text, "lsm_checkpoint_{name}{{{label}}} {value}");
        }
    };
    metric(
        "newest_timestamp_seconds",
        "Time of the newest sound checkpoint.",
        findings.iter().filter_map(|found| Some((label(found), found.newest?.as_second()))).collect(),
    );
    metric(
        "young",
        "1 if that checkpoint is young enough, otherwise 0.",
        findings.iter().map(|found| (label(found), i64::from(found.is_young))).collect(),
    );
    metric(
        "complete",
        "Number of complete checkpoints of a source.",
        findings
            .iter()
            .map(|found| (label(found), i64::try_from(found.complete).unwrap_or(i64::MAX)))
            .collect(),
    );
    metric("check_timestamp_seconds", "Time of the last check.", vec![(directory.clone(), now.as_second())]);
    text
}

/// Escapes the value of a label.
fn escaped(value: &str) -> String {
    value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_samples_are_complete() {
        let finding = |identity: &str, newest| Finding {
            identity: identity.to_owned(),
            newest,
            complete: 2,
            is_young: newest.is_some(),
        };
        let findings = [finding("a\"\\\nb", Some(Timestamp::UNIX_EPOCH)), finding("none", None)];
        let expected = r#"# HELP lsm_checkpoint_newest_timestamp_seconds Time of the newest sound checkpoint.
# TYPE lsm_checkpoint_newest_timestamp_seconds gauge
lsm_checkpoint_newest_timestamp_seconds{directory="/b",identity="a\"\\\nb"} 0
# HELP lsm_checkpoint_young 1 if that checkpoint is young enough, otherwise 0.
# TYPE lsm_checkpoint_young gauge
lsm_checkpoint_young{directory="/b",identity="a\"\\\nb"} 1
lsm_checkpoint_young{directory="/b",identity="none"} 0
# HELP lsm_checkpoint_complete Number of complete checkpoints of a source.
# TYPE lsm_checkpoint_complete gauge
lsm_checkpoint_complete{directory="/b",identity="a\"\\\nb"} 2
lsm_checkpoint_complete{directory="/b",identity="none"} 2
# HELP lsm_checkpoint_check_timestamp_seconds Time of the last check.
# TYPE lsm_checkpoint_check_timestamp_seconds gauge
lsm_checkpoint_check_timestamp_seconds{directory="/b"} 0
"#;
        assert_eq!(text(Path::new("/b"), &findings, Timestamp::UNIX_EPOCH), expected);
    }
}

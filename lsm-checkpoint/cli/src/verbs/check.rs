//! `check`: monitors the age of the newest sound checkpoint.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use clap::Args;
use jiff::SignedDuration;
use lsm_fs::{FsExt, StdFs, SyncMode};

use crate::{
    around::no_checkpoints,
    exit::Exit,
    failure::Failure,
    groups::{Group, Member, groups, newest},
    prometheus::{self, Finding},
    record::{Record, of_path},
    session::{Result, Session},
    table::{Column, Columns},
    text,
};

/// Check that the newest sound checkpoint of each source is young enough.
///
/// Exits with 2 if a source has no such checkpoint, or if the directory has no checkpoints. A checkpoint is sound if
/// `verify --quick` finds no problem. A checkpoint whose time is more than a minute in the future does not count.
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// The directory that holds the checkpoints.
    dir: PathBuf,
    /// The maximum age of the newest checkpoint, such as 26h. The units are s, m (minutes), h, d, w.
    #[arg(long, value_name = "AGE", value_parser = text::parse_age)]
    max_age: Duration,
    /// Fail if this source has no checkpoints. Can be given several times.
    #[arg(long, value_name = "IDENTITY")]
    identity: Vec<String>,
    /// Write the results to a file for the textfile collector of Prometheus. The file is replaced atomically.
    #[arg(long, value_name = "FILE")]
    prometheus: Option<PathBuf>,
}

impl CheckArgs {
    pub(crate) fn run(&self, session: &Session) -> Result {
        let groups = groups(session, &self.dir)?;
        let mut table = Columns::new([
            Column::text("IDENTITY"),
            Column::text("NEWEST"),
            Column::text("TIME"),
            Column::text("AGE"),
            Column::text("RESULT"),
        ]);
        let mut findings = Vec::new();
        for group in &groups {
            let newest = newest(session, group)?;
            findings.push(self.finding(session, &mut table, group, newest));
        }
        let is_absent = |identity: &&String| !groups.iter().any(|group| group.identity == **identity);
        // An identity that is given twice must not become two series of the metrics.
        let expected: BTreeSet<&String> = self.identity.iter().collect();
        for identity in expected.into_iter().filter(is_absent) {
            let group = Group { identity: identity.clone(), complete: Vec::new(), unsound: Vec::new() };
            findings.push(self.finding(session, &mut table, &group, None));
        }
        if findings.is_empty() {
            no_checkpoints(session, &self.dir)?;
        } else {
            session.out.lines(&table.show());
        }
        if let Some(file) = &self.prometheus {
            let metrics = prometheus::text(&self.dir, &findings, session.now);
            // The error names a temporary file, which means nothing to the user.
            let cannot = |error: lsm_fs::Error| {
                let cause = error.io_error().to_string();
                let failure = Failure::from(error);
                Failure { message: format!("{}: cannot write it: {cause}", text::path(file)), ..failure }
            };
            let written = StdFs.rewrite_atomic(file, metrics.as_bytes(), SyncMode::Normal);
            let _ = written.map_err(cannot)?;
        }
        self.verdict(&findings)
    }

    fn finding(
        &self,
        session: &Session,
        table: &mut Columns,
        group: &Group,
        newest: Option<&Member>,
    ) -> Finding {
        let age = newest.map(|member| session.now.duration_since(member.created));
        let max_age = SignedDuration::try_from(self.max_age).unwrap_or(SignedDuration::MAX);
        let is_young = age.is_some_and(|age| age <= max_age);
        let state = match newest {
            Some(_) if is_young => "young",
            Some(_) => "old",
            None => "none",
        };
        let result = match state {
            "young" => "young enough",
            "old" => "TOO OLD",
            _ => "NONE SOUND",
        };
        let cell = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        table.row([
            group.shown(),
            cell(newest.map(|member| text::name(&member.name))),
            cell(newest.map(|member| session.time(member.created))),
            cell(newest.map(|member| session.age(member.created))),
            result.to_owned(),
        ]);
        session.out.record(
            &Record::new("check")
                .path("directory", &self.dir)
                .with("identity", group.identity.as_str())
                .with("newest", newest.map(|member| of_path(&member.name)))
                .time("created", newest.map(|member| member.created))
                .number("age_seconds", age.and_then(|age| u64::try_from(age.as_secs().max(0)).ok()))
                .number("max_age_seconds", self.max_age.as_secs())
                .with("state", state)
                .with("ok", is_young),
        );
        Finding {
            identity: group.identity.clone(),
            newest: newest.map(|member| member.created),
            complete: group.complete.len() as u64,
            is_young,
        }
    }

    fn verdict(&self, findings: &[Finding]) -> Result {
        let failing = findings.iter().filter(|finding| !finding.is_young).count() as u64;
        if failing == 0 && !findings.is_empty() {
            return Ok(Exit::Done);
        }
        let problem = match failing {
            0 => "no checkpoints".to_owned(),
            number => {
                format!("{} without a sound checkpoint that is young enough", text::count(number, "source"))
            }
        };
        let word = text::word(&self.dir);
        Err(Failure::new(Exit::Unsound, "nothing_young", format!("{}: {problem}", text::path(&self.dir)))
            .hint(format!(
                "look at `lsm-checkpoint list {word}`, and at the log of the job that makes the checkpoints"
            )))
    }
}

//! `store doctor`.

use clap::Args;
use jiff::Timestamp;
use lsm_checkpoint_store::{CheckReport, Error, RegisteredWriter, Status, WriterId, blocking::Repository};

use super::{
    audit::show,
    open::{ClientArgs, Opened, ask},
};
use crate::{
    record::Record,
    session::{Result, Session},
    text,
};

/// Examine a repository: the rights of these credentials, the clocks, unfinished pushes and uploads, and garbage. Then
/// run `store check`.
///
/// Nothing is changed. A concern does not change the exit code: it needs a decision. The exit code is the one of
/// `store check`.
#[derive(Args, Debug)]
pub(super) struct DoctorArgs {
    /// The repository.
    url: String,
}

/// The age in seconds at which a push has probably died.
const OLD: i64 = 24 * 3_600;

/// A writer that does not exist. Its fence changes nothing, and needs the rights of a push.
const NOBODY: WriterId = WriterId([0; 16]);

/// The result of one check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Ok,
    /// The operator has to decide something.
    Concern,
    /// The command cannot find it out.
    Unknown,
}

/// A subject, the outcome and a sentence about it.
type Finding = (&'static str, Outcome, String);

impl DoctorArgs {
    pub(super) fn run(&self, session: &Session, client: &ClientArgs) -> Result {
        let opened = client.open(session, &self.url)?;
        let status = ask(session, &opened.repository, Repository::status)?;
        let mut findings = vec![state(&opened, &status)];
        findings.extend(rights(session, &opened.repository, &status)?);
        findings.push(clocks(session, &opened.repository, &status)?);
        findings.extend(pushes(session, &self.url, &status));
        findings.push(uploads(&self.url));
        let report = ask(session, &opened.repository, Repository::check)?;
        findings.push(garbage(session, &report, &status));
        for finding in &findings {
            print(session, finding);
        }
        Ok(show(session, &self.url, &report))
    }
}

fn print(session: &Session, (subject, outcome, message): &Finding) {
    let (shown, word) = match outcome {
        Outcome::Ok => ("ok", "ok"),
        Outcome::Concern => ("CONCERN", "concern"),
        Outcome::Unknown => ("unknown", "unknown"),
    };
    session.out.line(format!("{subject}: {shown}: {message}"));
    let record = Record::new("finding").with("subject", *subject);
    session.out.record(&record.with("result", word).with("message", message.as_str()));
}

/// The newest state was read, so none of the states that this client has seen is lost.
fn state(opened: &Opened, status: &Status) -> Finding {
    let number = format!("the newest state is {}", status.state);
    if opened.has_state() {
        return ("state", Outcome::Ok, format!("{number}, and this client has seen no later one"));
    }
    let message = format!("{number}; without a state directory, a rollback of the repository goes unnoticed");
    ("state", Outcome::Concern, message)
}

/// Tries the rights of a push, and whether the store refuses to overwrite an object.
fn rights(session: &Session, repository: &Repository, status: &Status) -> Result<Vec<Finding>> {
    let try_it = |all: &Repository| match all.fence(NOBODY) {
        Ok(_) => Ok(true),
        Err(Error::Denied { .. }) => Ok(false),
        Err(error) => Err(error),
    };
    // A state with such a writer is forged, and a fence would change it.
    if status.writers.iter().any(|writer| writer.id == NOBODY) {
        let message = format!("writer {NOBODY} is no writer of a push: somebody has forged the newest state");
        return Ok(vec![("rights", Outcome::Concern, message)]);
    }
    if ask(session, repository, try_it)? {
        let may = "list, read and create objects; a delete, which only collect needs, was not tried";
        let refuses = "the store refuses to create an object that exists; only `init` probes racing creates";
        return Ok(vec![
            ("rights", Outcome::Ok, format!("these credentials may {may}")),
            ("overwrites", Outcome::Ok, refuses.to_owned()),
        ]);
    }
    let may = "list and read objects, but not create them";
    let suffices = "this suffices for list, restore, check and verify";
    Ok(vec![
        ("rights", Outcome::Concern, format!("these credentials may {may}; {suffices}")),
        (
            "overwrites",
            Outcome::Unknown,
            "without the right to create objects, this cannot be tried".to_owned(),
        ),
    ])
}

/// Looks for times in the future. Some are by the clocks of other machines, and the time at which a collect saw a
/// forgotten backup is by the store's.
fn clocks(session: &Session, repository: &Repository, status: &Status) -> Result<Finding> {
    let backups = ask(session, repository, Repository::list)?;
    let checkpoints =
        backups.iter().map(|backup| (format!("checkpoint of backup {}", backup.id), backup.created));
    let pushes = backups.iter().map(|backup| (format!("push of backup {}", backup.id), backup.pushed));
    let writers =
        status.writers.iter().map(|writer| (format!("start of writer {}", writer.id), writer.started));
    let seen = status.forgotten.iter().filter_map(|forgotten| {
        let id = forgotten.backup.id;
        Some((format!("grace of backup {id}, by the store's clock"), forgotten.seen?))
    });
    let times = checkpoints.chain(pushes).chain(writers).chain(seen);
    let times = times.map(|(what, time)| (what, text::since_epoch(time)));
    let future: Vec<(String, Timestamp)> = times.filter(|(_, time)| session.is_in_future(*time)).collect();
    Ok(match future.iter().max_by_key(|(_, time)| *time) {
        None => ("clocks", Outcome::Ok, "no time in the newest state is in the future".to_owned()),
        Some((what, time)) => {
            let number = text::count(future.len() as u64, "time");
            let message = format!("{number} in the future, such as the {what}: {}", session.age(*time));
            ("clocks", Outcome::Concern, format!("{message}; check the clocks of this and of that machine"))
        }
    })
}

/// Names the pushes that have probably died.
fn pushes(session: &Session, url: &str, status: &Status) -> Vec<Finding> {
    let started = |writer: &RegisteredWriter| text::since_epoch(writer.started);
    let old =
        status.writers.iter().filter(|&writer| session.now.duration_since(started(writer)).as_secs() > OLD);
    let findings: Vec<Finding> = old
        .map(|writer| {
            let (id, age) = (writer.id, session.age(started(writer)));
            let cure = format!(
                "if its process has died, run `lsm-checkpoint store fence {} {id}`",
                text::plain(url)
            );
            ("pushes", Outcome::Concern, format!("writer {id} has been at work for {age}; {cure}"))
        })
        .collect();
    if findings.is_empty() {
        return vec![("pushes", Outcome::Ok, "no unfinished push is older than a day".to_owned())];
    }
    findings
}

/// Parts of an upload that was cut off cost storage, and no list of objects shows them.
fn uploads(url: &str) -> Finding {
    let url = text::plain(url);
    let (scheme, rest) = url.split_once("://").unwrap_or(("file", &*url));
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    match scheme {
        "s3" | "s3a" => {
            let prefix = if prefix.is_empty() { String::new() } else { format!(" --prefix {prefix}") };
            let list = format!("aws s3api list-multipart-uploads --bucket {bucket}{prefix}");
            let cure = "the bucket needs a lifecycle rule with AbortIncompleteMultipartUpload";
            ("uploads", Outcome::Unknown, format!("`{list}` lists unfinished uploads; {cure}"))
        }
        "gs" => {
            let list =
                format!("gcloud storage buckets describe gs://{bucket} --format='default(lifecycle_config)'");
            let cure = "a rule with AbortIncompleteMultipartUpload removes the parts of unfinished uploads";
            ("uploads", Outcome::Unknown, format!("`{list}` shows the lifecycle rules; {cure}"))
        }
        "az" | "abfs" => {
            let message = "Azure itself removes the blocks of unfinished uploads after a week";
            ("uploads", Outcome::Ok, message.to_owned())
        }
        _ => ("uploads", Outcome::Ok, "collect removes the files of unfinished uploads".to_owned()),
    }
}

fn garbage(session: &Session, report: &CheckReport, status: &Status) -> Finding {
    let (number, size) = (text::count(report.other_objects, "object"), session.size(report.other_bytes));
    let message = format!("{number} with {size} that no backup needs");
    match (report.other_objects, status.writers.len() as u64) {
        (0, _) => ("garbage", Outcome::Ok, "a backup needs every object".to_owned()),
        (_, 0) => ("garbage", Outcome::Concern, format!("{message}; collect deletes them")),
        (_, writers) => {
            let writers = text::count(writers, "writer");
            ("garbage", Outcome::Ok, format!("{message}; {writers} may still need them"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uploads_are_looked_for_where_they_can_be() {
        let (_, outcome, message) = uploads("s3://backups/db/one");
        assert_eq!(outcome, Outcome::Unknown);
        assert!(message.contains("--bucket backups --prefix db/one`"), "{message}");
        assert!(uploads("s3://backups").2.contains("--bucket backups`"));
        assert!(uploads("gs://backups").2.contains("gs://backups "));
        assert_eq!(uploads("az://c/p").1, Outcome::Ok);
        assert_eq!(uploads("file:///mnt/store").1, Outcome::Ok);
        assert_eq!(uploads("/mnt/store").1, Outcome::Ok);
    }
}

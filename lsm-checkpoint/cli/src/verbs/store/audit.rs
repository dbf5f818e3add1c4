//! `store check` and `store verify`.

use std::path::PathBuf;

use clap::Args;
use lsm_checkpoint_store::{CheckOptions, CheckReport, VerifyOptions, blocking::Repository};
use lsm_fs::{FsExt, StdFs, SyncMode};

use super::{
    open::{ClientArgs, ask},
    pick::{digits, find},
    push::with_meter,
};
use crate::{
    exit::Exit,
    record::Record,
    session::{Result, Session},
    text,
};

/// Check that every object of every backup exists and has its length. No file is read.
#[derive(Args, Debug)]
pub(super) struct CheckArgs {
    /// The repository.
    url: String,
    /// Write the names of damaged objects to this file, for `store push --distrust`.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
}

impl CheckArgs {
    pub(super) fn run(&self, session: &Session, client: &ClientArgs) -> Result {
        let opened = client.open(session, &self.url)?;
        let options = CheckOptions::new();
        let report = with_meter(session, "check", |tell| {
            Ok(opened.repository.check_with(&options.progress(tell))?)
        })?;
        save(&report, self.save.as_ref())?;
        Ok(show(session, &self.url, &report))
    }
}

/// Read the files of backups, and compare their SHA-256. A file that backups share is read once.
#[derive(Args, Debug)]
pub(super) struct VerifyArgs {
    /// The repository.
    url: String,
    /// Only these backups, named by the first digits of their identifiers [default: all].
    #[arg(value_parser = digits)]
    ids: Vec<String>,
    /// Read only part N of M of the objects, such as 3/30. Parts 1/30 to 30/30 together cover all.
    #[arg(long, value_name = "N/M", value_parser = parse_part)]
    part: Option<(u32, u32)>,
    /// Write the names of damaged objects to this file, for `store push --distrust`.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
}

fn parse_part(text: &str) -> std::result::Result<(u32, u32), String> {
    let numbers = text.split_once('/').and_then(|(n, m)| Some((n.parse().ok()?, m.parse().ok()?)));
    let part = numbers.filter(|&(n, m): &(u32, u32)| n >= 1 && n <= m);
    part.ok_or_else(|| "not a part such as 3/30, which is one of 1/30 to 30/30".to_owned())
}

impl VerifyArgs {
    pub(super) fn run(&self, session: &Session, client: &ClientArgs) -> Result {
        let opened = client.open(session, &self.url)?;
        let mut options = VerifyOptions::new();
        if !self.ids.is_empty() {
            let backups = ask(session, &opened.repository, Repository::list)?;
            let find = |digits: &String| find(&self.url, &backups, digits).map(|backup| backup.id);
            let ids: Vec<_> = self.ids.iter().map(find).collect::<Result<_>>()?;
            options = options.backups(ids);
        }
        if let Some((part, parts)) = self.part {
            options = options.part(part, parts);
        }
        let report =
            with_meter(session, "verify", |tell| Ok(opened.repository.verify(&options.progress(tell))?))?;
        save(&report, self.save.as_ref())?;
        Ok(show(session, &self.url, &report))
    }
}

/// Writes the names of damaged objects, one per line.
fn save(report: &CheckReport, file: Option<&PathBuf>) -> Result<()> {
    let Some(file) = file else { return Ok(()) };
    let text: String = report.damaged.iter().map(|damaged| format!("{}\n", damaged.key)).collect();
    let _ = StdFs.rewrite_atomic(file, text.as_bytes(), SyncMode::Normal)?;
    Ok(())
}

/// Prints a report.
pub(super) fn show(session: &Session, url: &str, report: &CheckReport) -> Exit {
    for damaged in &report.damaged {
        let backups: Vec<_> = damaged.backups.iter().map(ToString::to_string).collect();
        session.out.line(format!("{}: {}; needed by {}", damaged.key, damaged.what, backups.join(", ")));
        session.out.record(
            &Record::new("damaged")
                .with("object", damaged.key.to_string())
                .with("message", damaged.what.to_string())
                .with("backups", backups),
        );
    }
    let verdict = match report.damaged.len() as u64 {
        0 => "sound".to_owned(),
        number => format!("NOT SOUND, {}", text::count(number, "damaged object")),
    };
    session.out.line(format!(
        "{}: {verdict} ({}, {} with {}, {} read)",
        text::plain(url),
        text::count(report.backups, "backup"),
        text::count(report.objects, "object"),
        session.size(report.bytes),
        session.size(report.read_bytes),
    ));
    if report.strangers > 0 {
        session.out.note(format!("{} that no repository makes", text::count(report.strangers, "object")));
    }
    session.out.record(
        &Record::new("audit")
            .with("url", url)
            .with("sound", report.is_sound())
            .number("backups", report.backups)
            .number("objects", report.objects)
            .number("bytes", report.bytes)
            .number("read_bytes", report.read_bytes)
            .number("damaged", report.damaged.len() as u64)
            .number("other_objects", report.other_objects)
            .number("other_bytes", report.other_bytes)
            .number("strangers", report.strangers),
    );
    if report.is_sound() {
        return Exit::Done;
    }
    session
        .out
        .line("  next: save the names with `--save FILE`, then push the sources with `--distrust FILE`");
    Exit::Unsound
}

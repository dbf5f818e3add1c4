//! `store collect`.

use std::time::Duration;

use clap::Args;
use lsm_checkpoint_store::{CollectOptions, CollectReport, blocking::Repository};

use super::{open::ClientArgs, push::with_meter};
use crate::{
    exit::Exit,
    record::Record,
    session::{Result, Session},
    text::{self, parse_age},
};

/// Delete everything that no backup needs: objects of dropped backups and of fenced pushes, and old states.
///
/// It may run at any time, beside pushes, restores and other collectors. It never deletes an object that a backup
/// needs.
#[derive(Args, Debug)]
pub(super) struct CollectArgs {
    /// The repository.
    url: String,
    #[command(flatten)]
    limits: LimitArgs,
}

/// The ages at which a collect drops forgotten backups and fences idle pushes.
#[derive(Args, Debug)]
pub(super) struct LimitArgs {
    /// Drop backups that an earlier collect saw forgotten this long ago. Until then `store undo` brings them back.
    #[arg(long, value_name = "AGE", value_parser = parse_age, default_value = "7d")]
    grace: Duration,
    /// Fence pushes that have sent nothing for this long. By default they stay until `store fence`.
    #[arg(long, value_name = "AGE", value_parser = parse_age)]
    fence_idle: Option<Duration>,
}

impl CollectArgs {
    pub(super) fn run(&self, session: &Session, client: &ClientArgs) -> Result {
        let opened = client.open(session, &self.url)?;
        collect(session, &opened.repository, &self.limits)
    }
}

/// Collects, and prints the result.
pub(super) fn collect(session: &Session, repository: &Repository, limits: &LimitArgs) -> Result {
    let report = with_meter(session, "collect", |tell| {
        let options = CollectOptions::new().grace(limits.grace).fence_idle(limits.fence_idle);
        Ok(repository.collect(&options.progress(tell))?)
    })?;
    show(session, &report);
    Ok(Exit::Done)
}

fn show(session: &Session, report: &CollectReport) {
    for writer in &report.fenced_writers {
        session.out.line(format!("writer {writer}: idle, fenced"));
    }
    session.out.line(format!(
        "collected: {} dropped, {} deleted with {}, {} deleted",
        text::count(report.dropped_backups, "backup"),
        text::count(report.deleted_objects, "object"),
        session.size(report.deleted_bytes),
        text::count(report.deleted_states, "state"),
    ));
    let leftovers = report.deleted_probes + report.deleted_staging_files;
    if leftovers > 0 {
        session.out.line(format!("{} of killed commands deleted", text::count(leftovers, "leftover")));
    }
    if report.strangers > 0 {
        let names: Vec<_> = report.stranger_names.iter().map(|name| text::plain(name).into_owned()).collect();
        session.out.note(format!(
            "left alone: {} that no repository makes, such as {}",
            text::count(report.strangers, "object"),
            names.first().map_or("", String::as_str)
        ));
    }
    let fenced: Vec<_> = report.fenced_writers.iter().map(ToString::to_string).collect();
    session.out.record(
        &Record::new("collected")
            .number("dropped_backups", report.dropped_backups)
            .number("deleted_objects", report.deleted_objects)
            .number("deleted_bytes", report.deleted_bytes)
            .number("deleted_states", report.deleted_states)
            .number("deleted_probes", report.deleted_probes)
            .number("deleted_staging_files", report.deleted_staging_files)
            .number("spared_objects", report.spared_objects)
            .number("strangers", report.strangers)
            .with("fenced_writers", fenced),
    );
}

//! `store prune`: forgets old backups by retention rules.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use lsm_checkpoint_store::{Backup, BackupId, VerifyOptions, blocking::Repository};

use super::{
    collect::{LimitArgs, collect},
    look::{record_of, short},
    open::{ClientArgs, ask},
    push::with_meter,
};
use crate::{
    exit::Exit,
    failure::Failure,
    retention::{Rules, retention},
    session::{Result, Session},
    table::{Column, Columns},
    text,
    verbs::{prune::Verification, rules::RuleArgs},
};

/// Forget old backups, and collect. A backup stays if at least one rule keeps it.
///
/// The rules work as in restic's `forget`, in local time. They apply to each source separately. A damaged backup does
/// not count for a rule and is not forgotten. If a source has no sound backup, nothing is forgotten at all.
#[derive(Args, Debug)]
pub(super) struct PruneArgs {
    /// The repository.
    url: String,
    #[command(flatten)]
    rules: RuleArgs,
    /// Verify the newest kept backup of each source this way before anything is forgotten.
    #[arg(long, value_enum, default_value_t = Verification::Quick)]
    verify: Verification,
    #[command(flatten)]
    limits: LimitArgs,
    /// Forget, and do not collect.
    #[arg(long)]
    no_collect: bool,
    /// Show the decisions, and forget nothing.
    #[arg(long)]
    dry_run: bool,
}

/// A backup and the reasons to keep it.
type Decision = (Backup, Vec<String>);

impl PruneArgs {
    pub(super) fn run(&self, session: &Session, client: &ClientArgs) -> Result {
        let rules = self.rules.rules()?;
        let opened = client.open(session, &self.url)?;
        let repository = &opened.repository;
        let mut damaged: BTreeSet<BackupId> = BTreeSet::new();
        for object in ask(session, repository, Repository::check)?.damaged {
            damaged.extend(object.backups);
        }
        let mut sources: BTreeMap<String, Vec<Backup>> = BTreeMap::new();
        for backup in ask(session, repository, Repository::list)? {
            sources.entry(backup.source.clone()).or_default().push(backup);
        }
        let mut decisions = Vec::new();
        for backups in sources.values_mut() {
            backups.sort_by_key(|backup| std::cmp::Reverse((backup.created, backup.pushed, backup.id)));
            decisions.extend(self.decide(session, repository, (backups, &mut damaged), &rules)?);
        }
        show(session, &decisions, &damaged, self.dry_run);
        let unwanted = decisions.iter().filter(|(_, reasons)| reasons.is_empty());
        let unwanted: Vec<_> = unwanted.map(|(backup, _)| backup.id).collect();
        if self.dry_run {
            return Ok(Exit::Done);
        }
        if !unwanted.is_empty() {
            repository.forget(&unwanted)?;
        }
        if self.no_collect { Ok(Exit::Done) } else { collect(session, repository, &self.limits) }
    }

    /// Decides on the backups of a source, sorted newest first. Adds the backups that prove to be damaged to `damaged`.
    fn decide(
        &self,
        session: &Session,
        repository: &Repository,
        (backups, damaged): (&[Backup], &mut BTreeSet<BackupId>),
        rules: &Rules,
    ) -> Result<Vec<Decision>> {
        loop {
            session.signals.check()?;
            let sound: Vec<_> = backups.iter().filter(|backup| !damaged.contains(&backup.id)).collect();
            let times: Vec<_> = sound.iter().map(|backup| text::since_epoch(backup.created)).collect();
            let reasons = retention(&times, rules, session.now, &session.zone);
            let decisions: Vec<Decision> = sound.into_iter().cloned().zip(reasons).collect();
            let Some((newest, _)) = decisions.iter().find(|(_, reasons)| !reasons.is_empty()) else {
                return Err(self.none_sound(backups));
            };
            let loses_none = decisions.iter().all(|(_, reasons)| !reasons.is_empty());
            if loses_none || self.verify == Verification::Quick || is_sound(session, repository, newest)? {
                return Ok(decisions);
            }
            session.out.note(format!("{}: damaged, so it does not count", newest.id));
            damaged.insert(newest.id);
        }
    }

    fn none_sound(&self, backups: &[Backup]) -> Failure {
        let source = backups.first().map_or("", |backup| backup.source.as_str());
        let number = text::count(backups.len() as u64, "backup");
        let message =
            format!("{}: none of {number} of {} is sound", text::plain(&self.url), text::plain(source));
        Failure::new(Exit::Unsound, "no_sound_checkpoint", message)
            .hint("nothing was forgotten; push a new checkpoint, and see `lsm-checkpoint store check`")
    }
}

fn is_sound(session: &Session, repository: &Repository, backup: &Backup) -> Result<bool> {
    let report = with_meter(session, "verify", |tell| {
        Ok(repository.verify(&VerifyOptions::new().backups([backup.id]).progress(tell))?)
    })?;
    Ok(report.is_sound())
}

fn show(session: &Session, decisions: &[Decision], damaged: &BTreeSet<BackupId>, dry_run: bool) {
    let mut table = Columns::new([
        Column::text("ID"),
        Column::text("TIME"),
        Column::text("SOURCE").gives_way(1),
        Column::number("BYTES"),
        Column::text("ACTION"),
        Column::text("REASON"),
    ]);
    let (mut kept, mut forgotten) = (0_u64, 0_u64);
    for (backup, reasons) in decisions {
        let action = if reasons.is_empty() { "forget" } else { "keep" };
        *if reasons.is_empty() { &mut forgotten } else { &mut kept } += 1;
        table.row([
            short(&backup.id.to_string()),
            session.time(text::since_epoch(backup.created)),
            text::plain(&backup.source).into_owned(),
            session.size(backup.bytes),
            action.to_owned(),
            reasons.join(", "),
        ]);
        let record = record_of("backup_retention", backup);
        session.out.record(&record.with("action", action).with("reasons", reasons.clone()));
    }
    if kept + forgotten > 0 {
        session.out.lines(&table.show());
    }
    let (damaged, would) = (damaged.len(), if dry_run { " (dry run)" } else { "" });
    session.out.line(format!("keep {kept}, forget {forgotten}, leave {damaged} damaged{would}"));
}

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
/// not count for a rule and is not forgotten. If a source has no sound backup, nothing is forgotten at all. In a
/// repository without backups, nothing is collected.
#[derive(Args, Debug)]
pub(super) struct PruneArgs {
    /// The repository.
    url: String,
    #[command(flatten)]
    rules: RuleArgs,
    /// Also prune backups without an identity. They form one group, even if they are of different sources.
    #[arg(long)]
    unnamed: bool,
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

/// The backups of one source.
#[derive(Debug, Default)]
struct Group {
    /// The backups that are not known to be damaged, newest first.
    sound: Vec<Backup>,
    damaged: Vec<Backup>,
    /// The decisions about the sound ones.
    decisions: Vec<Decision>,
}

impl Group {
    fn len(&self) -> u64 {
        (self.sound.len() + self.damaged.len()) as u64
    }

    fn loses_some(&self) -> bool {
        self.decisions.iter().any(|(_, reasons)| reasons.is_empty())
    }
}

impl PruneArgs {
    pub(super) fn run(&self, session: &Session, client: &ClientArgs) -> Result {
        let rules = self.rules.rules()?;
        let opened = client.open(session, &self.url)?;
        let pruning = Pruning { args: self, session, repository: &opened.repository, rules };
        let mut groups = pruning.groups()?;
        if groups.is_empty() {
            // A repository that has lost its backups may be the work of a thief or of a mistake. A collect would make
            // it final.
            session.out.line(format!("{}: no backups", text::plain(&self.url)));
            session.out.note("nothing was collected; `lsm-checkpoint store collect` deletes all objects");
            return Ok(Exit::Done);
        }
        if !self.unnamed
            && let Some(unnamed) = groups.remove("")
        {
            let number = text::count(unnamed.len(), "backup");
            session.out.note(format!("{number} without an identity left alone; prune them with --unnamed"));
        }
        pruning.decide_all(&mut groups)?;
        show(session, &groups, self.dry_run);
        if self.dry_run { Ok(Exit::Done) } else { pruning.carry_out(&groups) }
    }
}

/// A prune under way.
struct Pruning<'a> {
    args: &'a PruneArgs,
    session: &'a Session,
    repository: &'a Repository,
    rules: Rules,
}

impl Pruning<'_> {
    /// Groups the backups by source, and sets those aside that lack an object.
    fn groups(&self) -> Result<BTreeMap<String, Group>> {
        let damaged = ask(self.session, self.repository, Repository::check)?.damaged;
        let damaged: BTreeSet<BackupId> = damaged.into_iter().flat_map(|object| object.backups).collect();
        let mut groups: BTreeMap<String, Group> = BTreeMap::new();
        for backup in ask(self.session, self.repository, Repository::list)? {
            let group = groups.entry(backup.source.clone()).or_default();
            if damaged.contains(&backup.id) { &mut group.damaged } else { &mut group.sound }.push(backup);
        }
        for group in groups.values_mut() {
            for backups in [&mut group.sound, &mut group.damaged] {
                backups.sort_by_key(|backup| std::cmp::Reverse((backup.created, backup.pushed, backup.id)));
            }
        }
        Ok(groups)
    }

    /// Decides about all groups before anything is read, and again after a full verification, which is needed only if
    /// something is forgotten. It then reads a backup of every source: a source that loses nothing now may be lost
    /// already.
    fn decide_all(&self, groups: &mut BTreeMap<String, Group>) -> Result<()> {
        for (source, group) in groups.iter_mut() {
            self.decide(source, group, Verification::Quick)?;
        }
        if self.args.verify == Verification::Full && groups.values().any(Group::loses_some) {
            for (source, group) in groups {
                self.decide(source, group, Verification::Full)?;
            }
        }
        Ok(())
    }

    /// Decides about a group. A full verification reads the newest backup that it keeps. If that one is damaged, it is
    /// set aside, and the rules are applied again to the others.
    fn decide(&self, source: &str, group: &mut Group, verification: Verification) -> Result<()> {
        let session = self.session;
        loop {
            session.signals.check()?;
            let times: Vec<_> = group.sound.iter().map(|backup| text::since_epoch(backup.created)).collect();
            let reasons = retention(&times, &self.rules, session.now, &session.zone);
            group.decisions = group.sound.iter().cloned().zip(reasons).collect();
            let Some(at) = group.decisions.iter().position(|(_, reasons)| !reasons.is_empty()) else {
                return Err(self.none_sound(source, group));
            };
            let newest = group.sound.remove(at);
            if verification == Verification::Quick || self.is_sound(&newest)? {
                group.sound.insert(at, newest);
                return Ok(());
            }
            session.out.note(format!("{}: damaged, so it does not count", newest.id));
            group.damaged.push(newest);
        }
    }

    fn none_sound(&self, source: &str, group: &Group) -> Failure {
        let (url, number) = (text::plain(&self.args.url), text::count(group.len(), "backup"));
        let message = format!("{url}: none of {number} of {} is sound", shown(source));
        Failure::new(Exit::Unsound, "no_sound_checkpoint", message)
            .hint("nothing was forgotten; push a new checkpoint, and see `lsm-checkpoint store check`")
    }

    fn is_sound(&self, backup: &Backup) -> Result<bool> {
        let report = with_meter(self.session, "verify", |tell| {
            Ok(self.repository.verify(&VerifyOptions::new().backups([backup.id]).progress(tell))?)
        })?;
        Ok(report.is_sound())
    }

    fn carry_out(&self, groups: &BTreeMap<String, Group>) -> Result {
        let decisions = groups.values().flat_map(|group| &group.decisions);
        let unwanted = decisions.filter(|(_, reasons)| reasons.is_empty());
        let unwanted: Vec<_> = unwanted.map(|(backup, _)| backup.id).collect();
        if !unwanted.is_empty() {
            self.repository.forget(&unwanted)?;
        }
        if self.args.no_collect {
            return Ok(Exit::Done);
        }
        collect(self.session, self.repository, &self.args.limits)
    }
}

/// Formats the identity of a source for people.
fn shown(source: &str) -> String {
    if source.is_empty() { "(none)".to_owned() } else { text::plain(source).into_owned() }
}

const COLUMNS: [Column; 6] = [
    Column::text("ID"),
    Column::text("TIME"),
    Column::text("SOURCE").gives_way(1),
    Column::number("BYTES"),
    Column::text("ACTION"),
    Column::text("REASON"),
];

fn show(session: &Session, groups: &BTreeMap<String, Group>, dry_run: bool) {
    let mut table = Columns::new(COLUMNS);
    let (mut kept, mut forgotten, mut damaged) = (0_u64, 0_u64, 0_u64);
    for group in groups.values() {
        for (backup, reasons) in &group.decisions {
            let action = if reasons.is_empty() { "forget" } else { "keep" };
            *if reasons.is_empty() { &mut forgotten } else { &mut kept } += 1;
            add(session, &mut table, backup, action, reasons);
        }
        for backup in &group.damaged {
            damaged += 1;
            add(session, &mut table, backup, "leave", &["damaged".to_owned()]);
        }
    }
    if kept + forgotten + damaged > 0 {
        session.out.lines(&table.show());
    }
    let would = if dry_run { " (dry run)" } else { "" };
    session.out.line(format!("keep {kept}, forget {forgotten}, leave {damaged} damaged{would}"));
}

fn add(session: &Session, table: &mut Columns, backup: &Backup, action: &str, reasons: &[String]) {
    table.row([
        short(&backup.id.to_string()),
        session.time(text::since_epoch(backup.created)),
        shown(&backup.source),
        session.size(backup.bytes),
        action.to_owned(),
        reasons.join(", "),
    ]);
    let record = record_of("backup_retention", backup);
    session.out.record(&record.with("action", action).with("reasons", reasons.to_vec()));
}

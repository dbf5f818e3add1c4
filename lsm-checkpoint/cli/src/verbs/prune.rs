//! `prune`: removes old checkpoints by retention rules.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{
    remove::remove,
    rules::RuleArgs,
    verify::{Depth, examine},
};
use crate::{
    around::no_checkpoints,
    exit::Exit,
    groups::{Group, Member, groups, none_sound},
    record::Record,
    retention::{Rules, retention},
    session::{Result, Session},
    table::{Column, Columns},
    text,
};

/// Remove old checkpoints. A checkpoint stays if at least one rule keeps it.
///
/// The rules work as in restic's `forget`, in local time. They apply to each source separately. An unsound checkpoint
/// does not count for a rule and is not removed. If a source has no sound checkpoint, nothing is removed at all.
#[derive(Args, Debug)]
pub(crate) struct PruneArgs {
    /// The directory that holds the checkpoints.
    dir: PathBuf,
    #[command(flatten)]
    rules: RuleArgs,
    /// Also prune checkpoints without an identity. They form one group, even if they are of different sources.
    #[arg(long)]
    unnamed: bool,
    /// Verify the newest kept checkpoint of each source this way before anything is removed.
    #[arg(long, value_enum, default_value_t = Verification::Quick)]
    verify: Verification,
    /// Show the decisions, and remove nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Verification {
    /// Names and lengths, and the manifests of a checkpoint.
    Quick,
    /// Every byte.
    Full,
}

/// A checkpoint and the reasons to keep it.
type Decision = (Member, Vec<String>);

/// A group and the decisions about it.
struct Plan {
    group: Group,
    /// The sound checkpoints, newest first.
    decisions: Vec<Decision>,
}

impl Plan {
    fn loses_some(&self) -> bool {
        self.decisions.iter().any(|(_, reasons)| reasons.is_empty())
    }
}

impl PruneArgs {
    pub(crate) fn run(&self, session: &Session) -> Result {
        let rules = self.rules.rules()?;
        let groups = groups(session, &self.dir)?;
        if groups.is_empty() {
            no_checkpoints(session, &self.dir)?;
            return Ok(Exit::Done);
        }
        let mut plans = Vec::new();
        for mut group in groups {
            if group.identity.is_empty() && !self.unnamed {
                let number = text::count((group.complete.len() + group.unsound.len()) as u64, "checkpoint");
                session
                    .out
                    .note(format!("{number} without an identity left alone; prune them with --unnamed"));
                continue;
            }
            group.verify_all(session)?;
            let decisions = self.decide(session, &mut group, &rules, Verification::Quick)?;
            plans.push(Plan { group, decisions });
        }
        if self.verify == Verification::Full && plans.iter().any(Plan::loses_some) {
            for plan in &mut plans {
                plan.decisions = self.decide(session, &mut plan.group, &rules, Verification::Full)?;
            }
        }
        show(session, &plans, self.dry_run);
        if self.dry_run { Ok(Exit::Done) } else { carry_out(session, &plans) }
    }

    /// Decides on a group that was verified quickly. A full verification reads the newest checkpoint that it keeps. If
    /// that one is unsound, it is set aside, and the rules are applied again to the others.
    fn decide(
        &self,
        session: &Session,
        group: &mut Group,
        rules: &Rules,
        verification: Verification,
    ) -> Result<Vec<Decision>> {
        loop {
            let times: Vec<_> = group.complete.iter().map(|member| member.created).collect();
            let reasons = retention(&times, rules, session.now, &session.zone);
            let decisions: Vec<_> = group.complete.iter().cloned().zip(reasons).collect();
            let Some((newest, _)) = decisions.iter().find(|(_, reasons)| !reasons.is_empty()) else {
                return Err(none_sound(&self.dir, group).hint(
                    "nothing was removed; find the damage with `lsm-checkpoint verify`, and make a new one",
                ));
            };
            if verification == Verification::Quick
                || examine(session, &newest.path, Depth::Full, 2)?.is_sound()
            {
                return Ok(decisions);
            }
            session.out.note(format!("{}: not sound, so it does not count", text::path(&newest.path)));
            let is_newest = |member: &Member| member.path == newest.path;
            let at = group.complete.iter().position(is_newest).unwrap_or_default();
            let unsound = group.complete.remove(at);
            group.unsound.push(unsound);
        }
    }
}

const COLUMNS: [Column; 6] = [
    Column::text("NAME"),
    Column::text("TIME"),
    Column::text("IDENTITY").gives_way(2),
    Column::number("EXCLUSIVE").gives_way(1),
    Column::text("ACTION"),
    Column::text("REASON"),
];

fn show(session: &Session, plans: &[Plan], dry_run: bool) {
    let mut table = Columns::new(COLUMNS);
    let (mut kept, mut removed, mut unsound) = (0_u64, 0_u64, 0_u64);
    for Plan { group, decisions } in plans {
        for (member, reasons) in decisions {
            let action = if reasons.is_empty() { "remove" } else { "keep" };
            *if reasons.is_empty() { &mut removed } else { &mut kept } += 1;
            add(session, &mut table, group, member, action, reasons);
        }
        for member in &group.unsound {
            unsound += 1;
            add(session, &mut table, group, member, "leave", &["not sound".to_owned()]);
        }
    }
    if kept + removed + unsound > 0 {
        session.out.lines(&table.show());
    }
    let would = if dry_run { " (dry run)" } else { "" };
    session.out.line(format!("keep {kept}, remove {removed}, leave {unsound} unsound{would}"));
}

fn add(
    session: &Session,
    table: &mut Columns,
    group: &Group,
    member: &Member,
    action: &str,
    reasons: &[String],
) {
    table.row([
        text::name(&member.name),
        session.time(member.created),
        group.shown(),
        session.size(member.exclusive_bytes),
        action.to_owned(),
        reasons.join(", "),
    ]);
    session.out.record(
        &Record::new("retention")
            .path("checkpoint", &member.path)
            .with("identity", group.identity.as_str())
            .time("created", member.created)
            .number("exclusive_bytes", member.exclusive_bytes)
            .with("action", action)
            .with("reasons", reasons.to_vec()),
    );
}

/// Removes the oldest of each source first, so that an interrupted run has kept the younger ones.
fn carry_out(session: &Session, plans: &[Plan]) -> Result {
    let mut exit = Exit::Done;
    let decisions = plans.iter().flat_map(|plan| plan.decisions.iter().rev());
    for (member, _) in decisions.filter(|(_, reasons)| reasons.is_empty()) {
        session.signals.check()?;
        let result = remove(session, &member.path, false);
        exit = exit.max(result.unwrap_or_else(|failure| {
            session.out.failure(&failure, None);
            failure.exit
        }));
    }
    Ok(exit)
}

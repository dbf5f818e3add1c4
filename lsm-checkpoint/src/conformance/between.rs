//! Actions of the engine between any two steps of a checkpoint.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::{
    CheckResult, Failure, Subject,
    case::{Case, engine, not_repeated},
    ensure, list,
    live::{LiveTree, contents},
    sandbox::Sandbox,
    snapshot,
    steps::{Act, When},
};
use crate::{Checkpoint, Policy};

list! { "between":
    compaction_at_any_step_spoils_nothing
    compaction_beside_copies_spoils_nothing
    writes_at_any_step_spoil_nothing
    a_checkpoint_lets_go_of_its_files
    a_flush_spares_older_readers
}

/// The number of steps of each checkpoint that a quick run tries.
const QUICK: u64 = 24;

/// Creates a tree with tables, and with writes that only the checkpoint's own flush brings into a table.
fn busy(subject: &Subject) -> Result<Case<'_>, Failure> {
    let case = Case::filled(subject)?;
    case.live.put().map_err(engine("write"))?;
    case.live.put_long().map_err(engine("write"))?;
    Ok(case)
}

/// Lets the engine act at each step in turn, and at all of them together.
fn at_steps(subject: &Subject, policy: Policy, act: Act) -> CheckResult {
    let options = Checkpoint::new().policy(policy);
    let run = |when| -> Result<u64, Failure> {
        let case = busy(subject)?;
        let target = match policy {
            Policy::Independent => case.sandbox.far_target("between"),
            _ => case.sandbox.target("between"),
        };
        let stepped = case.step(&options, &target, when, act);
        let (steps, acted) = (stepped.steps, stepped.acted.clone());
        if let (When::At(step), None) = (when, &acted) {
            return Err(not_repeated("step", step));
        }
        let taken = case.taken(stepped, target)?;
        let checked = case.examine(&taken).and_then(|_| {
            case.live.check("after a checkpoint")?;
            case.deletions_go_on()
        });
        checked.map_err(|failure| match acted {
            Some(step) => failure.because(&format!("while the engine acts {step}")),
            None => failure,
        })?;
        Ok(steps)
    };
    let steps = run(When::Never)?;
    let sample = subject.sample(steps, QUICK);
    for &step in &sample {
        run(When::At(step))?;
    }
    run(When::Always)?;
    let tried = sample.len();
    Ok((tried as u64 != steps).then(|| format!("{tried} of {steps} steps, and all of them at once")))
}

fn compaction_at_any_step_spoils_nothing(subject: &Subject) -> CheckResult {
    at_steps(subject, Policy::PreferLink, LiveTree::churn)
}

fn compaction_beside_copies_spoils_nothing(subject: &Subject) -> CheckResult {
    at_steps(subject, Policy::Independent, LiveTree::churn)
}

fn writes_at_any_step_spoil_nothing(subject: &Subject) -> CheckResult {
    at_steps(subject, Policy::PreferLink, |live| {
        live.put()?;
        live.put_long()
    })
}

/// Returns the engine's files, relative to its directory.
fn files(sandbox: &Sandbox<'_>) -> Result<BTreeSet<PathBuf>, Failure> {
    let data = sandbox.data();
    let files = snapshot::walk(&**sandbox.fs(), &data)?;
    Ok(files.iter().filter_map(|file| file.strip_prefix(&data).ok()).map(Path::to_path_buf).collect())
}

/// Compacts, and returns the engine's files afterwards.
fn files_after_compaction(case: Case<'_>) -> Result<BTreeSet<PathBuf>, Failure> {
    case.live.churn().map_err(engine("compact"))?;
    // A guard of the pause may end with the tree, so check for it while the tree is open.
    case.deletions_go_on()?;
    if !case.live.tree().unlinks_in_background() {
        return files(&case.sandbox);
    }
    let (sandbox, _) = case.close();
    files(&sandbox)
}

/// Compares the same work without and with a checkpoint: the same files must be deleted.
fn a_checkpoint_lets_go_of_its_files(subject: &Subject) -> CheckResult {
    let alone = busy(subject)?;
    let before = files(&alone.sandbox)?;
    let after = files_after_compaction(alone)?;
    let deleted: Vec<_> = before.difference(&after).collect();
    if deleted.is_empty() {
        return Err(Failure::NotApplicable("Tree::compact deletes no file".into()));
    }
    let case = busy(subject)?;
    case.take(&Checkpoint::new(), case.sandbox.target("held"))?;
    let left = files_after_compaction(case)?;
    match deleted.into_iter().find(|file| left.contains(*file)) {
        None => Ok(None),
        Some(kept) => Err(Failure::Violated(format!(
            "{} still exists after a checkpoint and a compaction, but is deleted by a compaction alone; dropping a \
             snapshot must release its files, and an adapter must not keep a guard of the pause",
            kept.display()
        ))),
    }
}

fn a_flush_spares_older_readers(subject: &Subject) -> CheckResult {
    let case = Case::filled(subject)?;
    let tree = case.live.tree();
    let Some(reader) = tree.reader() else {
        return Err(Failure::NotApplicable(
            "Tree::reader returns None: the engine has no readers that keep seeing an old state".into(),
        ));
    };
    let before = contents(tree, "before a checkpoint")?;
    for _ in 0..8 {
        case.live.put().map_err(engine("write"))?;
    }
    case.live.delete().map_err(engine("delete"))?;
    case.take(&Checkpoint::new(), case.sandbox.target("read"))?;
    tree.compact().map_err(engine("compact"))?;
    let after = reader().map_err(engine("read the tree as it was"))?;
    ensure!(
        before == after,
        "a reader that is older than the checkpoint has lost records; CheckpointSource::flush must not advance the \
         watermark below which garbage collection drops old values"
    );
    Ok(None)
}

//! Promises about a finished checkpoint: it never changes, it can be restored and used as a base without its source,
//! and the engine does not open it by mistake.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_fs::SyncMode;

use super::{
    CheckResult, Failure, Subject,
    case::{Case, TakenCheckpoint, engine, own, read},
    ensure, list,
    live::LiveTree,
};
use crate::{Checkpoint, CheckpointDir, FileKind, Policy, remove};

list! { "lasting":
    a_linked_checkpoint_never_changes
    a_restored_tree_needs_nothing_of_its_source
    a_restored_tree_lives_on
    a_linked_copy_leaves_its_checkpoint_as_it_is
    an_increment_needs_nothing_of_its_base
    a_checkpoint_is_not_opened_in_place
}

type Bytes = BTreeMap<PathBuf, Vec<u8>>;

/// Checks that the checkpoint still has the same bytes.
fn unchanged(case: &Case<'_>, taken: &TakenCheckpoint, before: &Bytes, cause: &str) -> Result<(), Failure> {
    let after = case.bytes(&taken.path)?;
    let changed = before.iter().find(|(path, bytes)| after.get(*path) != Some(bytes));
    let Some((path, _)) = changed else { return Ok(()) };
    Err(Failure::Violated(format!(
        "{} of a finished checkpoint has changed {cause}; the engine must not write to a file that a snapshot lists \
         as SourceFile::immutable, or truncate it before it unlinks it; list a file that grows as SourceFile::prefix",
        path.display()
    )))
}

fn a_linked_checkpoint_never_changes(subject: &Subject) -> CheckResult {
    let case = Case::filled(subject)?;
    let taken = case.take(&Checkpoint::new(), case.sandbox.target("lasting"))?;
    let before = case.bytes(&taken.path)?;
    case.live.put().map_err(engine("write"))?;
    unchanged(&case, &taken, &before, "with the next write")?;
    case.live.tree().flush().map_err(engine("flush"))?;
    unchanged(&case, &taken, &before, "with the next flush")?;
    case.live.churn().map_err(engine("compact"))?;
    unchanged(&case, &taken, &before, "with the next compaction")?;
    let (sandbox, history) = case.close();
    let case = Case::open(subject, sandbox, history)?;
    unchanged(&case, &taken, &before, "when the tree was opened again")?;
    case.live.churn().map_err(engine("compact"))?;
    unchanged(&case, &taken, &before, "with a compaction after that")?;
    Ok(None)
}

fn a_restored_tree_needs_nothing_of_its_source(subject: &Subject) -> CheckResult {
    let case = Case::filled(subject)?;
    let taken = case.take(&Checkpoint::new(), case.sandbox.target("moved"))?;
    let source = case.sandbox.db();
    let copy = case.sandbox.copy("moved-copy");
    case.restore(&taken, &copy)?;
    let catalog =
        CheckpointDir::open(Arc::clone(case.sandbox.fs()), &taken.path).map_err(own("open a checkpoint"))?;
    let spelled = source.to_string_lossy().into_owned();
    for file in catalog.catalog().files.iter().filter(|file| file.kind == FileKind::Metadata) {
        let path = taken.path.join(catalog.catalog().path_of(file));
        let bytes = read(&**case.sandbox.fs(), &path)?;
        ensure!(
            !bytes.windows(spelled.len()).any(|part| part == spelled.as_bytes()),
            "{} contains the path of the source, {spelled}; a manifest must name files relative to its own directory, \
             or a restored tree reads and deletes the files of the source",
            file.name
        );
    }
    let (sandbox, history) = case.close();
    let data = sandbox.data();
    sandbox.fs().rename(&data, &sandbox.copy("gone"))?;
    sandbox.fs().create_dir(&data)?;
    remove(&**sandbox.fs(), &taken.path, SyncMode::Normal).map_err(own("remove a checkpoint"))?;
    // A new tree takes the place of the source, so the copy cannot be read through it.
    let case = Case::open(subject, sandbox, history)?;
    case.compare(&taken, &copy).map_err(|failure| failure.because("without its source"))?;
    Ok(None)
}

/// Opens a restored tree, works in it, and opens it again.
fn live_on(case: &Case<'_>, taken: &TakenCheckpoint, copy: &Path) -> Result<(), Failure> {
    let held = case.compare(taken, copy)?;
    let mut history = case.live.history().prefix(held);
    for _ in 0..2 {
        let tree = case.sandbox.open(copy).map_err(engine("open a restored tree again"))?;
        let live = LiveTree::new(tree, history, case.subject.long_value);
        live.check("in a restored copy")?;
        live.put().map_err(engine("write to a restored tree"))?;
        live.churn().map_err(engine("compact a restored tree"))?;
        live.check("in a restored copy, after a compaction")?;
        history = live.history().clone();
    }
    Ok(())
}

fn a_restored_tree_lives_on(subject: &Subject) -> CheckResult {
    let case = Case::filled(subject)?;
    let taken = case.take(&Checkpoint::new(), case.sandbox.target("lives"))?;
    let copy = case.sandbox.copy("lives-copy");
    case.restore(&taken, &copy)?;
    live_on(&case, &taken, &copy)?;
    case.live.check("after a restored copy was written to")?;
    case.verify(&taken.path)?;
    Ok(None)
}

fn a_linked_copy_leaves_its_checkpoint_as_it_is(subject: &Subject) -> CheckResult {
    let case = Case::filled(subject)?;
    let taken = case.take(&Checkpoint::new(), case.sandbox.target("shared"))?;
    let before = case.bytes(&taken.path)?;
    let copy = case.sandbox.copy("shared-copy");
    let dir =
        CheckpointDir::open(Arc::clone(case.sandbox.fs()), &taken.path).map_err(own("open a checkpoint"))?;
    let restored = Checkpoint::new().restore(&dir, &**case.sandbox.fs(), &copy);
    restored.map_err(own("restore a checkpoint by links"))?;
    live_on(&case, &taken, &copy)?;
    unchanged(&case, &taken, &before, "when the engine worked in a copy that shares its files")?;
    Ok(None)
}

fn an_increment_needs_nothing_of_its_base(subject: &Subject) -> CheckResult {
    let case = Case::filled(subject)?;
    let independent = Checkpoint::new().policy(Policy::Independent);
    let base = case.sandbox.far_target("base");
    case.take(&independent, base.clone())?;
    case.live.put().map_err(engine("write"))?;
    case.live.put_long().map_err(engine("write"))?;
    let first = case.take(&independent.base(&base), case.sandbox.far_target("first"))?;
    case.live.churn().map_err(engine("compact"))?;
    let second = case.take(&independent.base(&first.path), case.sandbox.far_target("second"))?;
    for taken in [&first, &second] {
        case.examine(taken)?;
    }
    let fs = &**case.sandbox.fs();
    for gone in [&base, &first.path] {
        remove(fs, gone, SyncMode::Normal).map_err(own("remove a base"))?;
    }
    case.examine(&second)?;
    Ok(None)
}

fn a_checkpoint_is_not_opened_in_place(subject: &Subject) -> CheckResult {
    let case = Case::filled(subject)?;
    let taken = case.take(&Checkpoint::new(), case.sandbox.target("in-place"))?;
    let before = case.bytes(&taken.path)?;
    ensure!(
        case.sandbox.open(&taken.path).is_err(),
        "the engine opens a checkpoint in place, which changes it sooner or later; call is_checkpoint before anything \
         is opened, and refuse a checkpoint"
    );
    unchanged(&case, &taken, &before, "because the engine was told to open it")?;
    case.verify(&taken.path)?;
    Ok(None)
}

//! A finished checkpoint never changes. It can be restored without its source, and serve as a base. The engine does not
//! open it by mistake.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_fs::SyncMode;

use super::{
    Failure, Subject, Verdict,
    case::{Case, Taken, engine, own, read},
    ensure, list,
    live::Live,
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
fn unchanged(case: &Case<'_>, taken: &Taken, before: &Bytes, cause: &str) -> Result<(), Failure> {
    let after = case.bytes(&taken.path)?;
    let changed = before.iter().find(|(path, bytes)| after.get(*path) != Some(bytes));
    let Some((path, _)) = changed else { return Ok(()) };
    Err(Failure::Violated(format!(
        "{} of a finished checkpoint has changed {cause}; the engine may not write to a file that a snapshot gives as \
         SourceFile::immutable, nor cut it before it unlinks it: give one that grows as SourceFile::prefix",
        path.display()
    )))
}

fn a_linked_checkpoint_never_changes(subject: &Subject) -> Verdict {
    let case = Case::filled(subject)?;
    let taken = case.take(&Checkpoint::new(), case.ground.target("lasting"))?;
    let before = case.bytes(&taken.path)?;
    case.live.put().map_err(engine("write"))?;
    unchanged(&case, &taken, &before, "with the next write")?;
    case.live.tree().flush().map_err(engine("flush"))?;
    unchanged(&case, &taken, &before, "with the next flush")?;
    case.live.churn().map_err(engine("compact"))?;
    unchanged(&case, &taken, &before, "with the next compaction")?;
    let (ground, history) = case.close();
    let case = Case::open(subject, ground, history)?;
    unchanged(&case, &taken, &before, "when the tree was opened again")?;
    case.live.churn().map_err(engine("compact"))?;
    unchanged(&case, &taken, &before, "with a compaction after that")?;
    Ok(None)
}

fn a_restored_tree_needs_nothing_of_its_source(subject: &Subject) -> Verdict {
    let case = Case::filled(subject)?;
    let taken = case.take(&Checkpoint::new(), case.ground.target("moved"))?;
    let source = case.ground.db();
    let copy = case.ground.copy("moved-copy");
    case.restore(&taken, &copy)?;
    let catalog =
        CheckpointDir::open(Arc::clone(case.ground.fs()), &taken.path).map_err(own("open a checkpoint"))?;
    let spelled = source.to_string_lossy().into_owned();
    for file in catalog.catalog().files.iter().filter(|file| file.kind == FileKind::Metadata) {
        let path = taken.path.join(catalog.catalog().path_of(file));
        let bytes = read(&**case.ground.fs(), &path)?;
        ensure!(
            !bytes.windows(spelled.len()).any(|part| part == spelled.as_bytes()),
            "{} holds the path of the source, {spelled}; a manifest must name files relative to its own directory, or \
             a restored tree reads and deletes those of the source",
            file.name
        );
    }
    let (ground, history) = case.close();
    let data = ground.data();
    ground.fs().rename(&data, &ground.copy("gone"))?;
    ground.fs().create_dir(&data)?;
    remove(&**ground.fs(), &taken.path, SyncMode::Normal).map_err(own("remove a checkpoint"))?;
    // A new tree takes the place of the source, so the copy cannot be read through it.
    let case = Case::open(subject, ground, history)?;
    case.compare(&taken, &copy).map_err(|failure| failure.because("without its source"))?;
    Ok(None)
}

/// Opens a restored tree, works in it, and opens it again.
fn live_on(case: &Case<'_>, taken: &Taken, copy: &Path) -> Result<(), Failure> {
    let held = case.compare(taken, copy)?;
    let mut history = case.live.history().prefix(held);
    for _ in 0..2 {
        let tree = case.ground.open(copy).map_err(engine("open a restored tree again"))?;
        let live = Live::new(tree, history, case.subject.long_value);
        live.check("in a restored copy")?;
        live.put().map_err(engine("write to a restored tree"))?;
        live.churn().map_err(engine("compact a restored tree"))?;
        live.check("in a restored copy, after a compaction")?;
        history = live.history().clone();
    }
    Ok(())
}

fn a_restored_tree_lives_on(subject: &Subject) -> Verdict {
    let case = Case::filled(subject)?;
    let taken = case.take(&Checkpoint::new(), case.ground.target("lives"))?;
    let copy = case.ground.copy("lives-copy");
    case.restore(&taken, &copy)?;
    live_on(&case, &taken, &copy)?;
    case.live.check("after a restored copy was written to")?;
    case.verify(&taken.path)?;
    Ok(None)
}

fn a_linked_copy_leaves_its_checkpoint_as_it_is(subject: &Subject) -> Verdict {
    let case = Case::filled(subject)?;
    let taken = case.take(&Checkpoint::new(), case.ground.target("shared"))?;
    let before = case.bytes(&taken.path)?;
    let copy = case.ground.copy("shared-copy");
    let dir =
        CheckpointDir::open(Arc::clone(case.ground.fs()), &taken.path).map_err(own("open a checkpoint"))?;
    let restored = Checkpoint::new().restore(&dir, &**case.ground.fs(), &copy);
    restored.map_err(own("restore a checkpoint by links"))?;
    live_on(&case, &taken, &copy)?;
    unchanged(&case, &taken, &before, "when the engine worked in a copy that shares its files")?;
    Ok(None)
}

fn an_increment_needs_nothing_of_its_base(subject: &Subject) -> Verdict {
    let case = Case::filled(subject)?;
    let independent = Checkpoint::new().policy(Policy::Independent);
    let base = case.ground.far_target("base");
    case.take(&independent, base.clone())?;
    case.live.put().map_err(engine("write"))?;
    case.live.put_long().map_err(engine("write"))?;
    let first = case.take(&independent.base(&base), case.ground.far_target("first"))?;
    case.live.churn().map_err(engine("compact"))?;
    let second = case.take(&independent.base(&first.path), case.ground.far_target("second"))?;
    for taken in [&first, &second] {
        case.examine(taken)?;
    }
    let fs = &**case.ground.fs();
    for gone in [&base, &first.path] {
        remove(fs, gone, SyncMode::Normal).map_err(own("remove a base"))?;
    }
    case.examine(&second)?;
    Ok(None)
}

fn a_checkpoint_is_not_opened_in_place(subject: &Subject) -> Verdict {
    let case = Case::filled(subject)?;
    let taken = case.take(&Checkpoint::new(), case.ground.target("in-place"))?;
    let before = case.bytes(&taken.path)?;
    ensure!(
        case.ground.open(&taken.path).is_err(),
        "the engine opens a checkpoint in place, and changes it then or with the next flush; ask is_checkpoint before \
         anything is opened, and refuse"
    );
    unchanged(&case, &taken, &before, "because the engine was told to open it")?;
    case.verify(&taken.path)?;
    Ok(None)
}

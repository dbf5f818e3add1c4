//! Checkpoints of a tree in each state: linked and copied, restored, opened, compared.

use super::{
    CheckResult, Subject,
    case::{Case, engine},
    list,
    live::LiveTree,
};
use crate::{BoxError, Checkpoint, Policy};

list! { "states":
    an_empty_tree_is_taken
    writes_in_memory_are_taken
    tables_are_taken
    long_values_are_taken
    deletions_are_taken
    a_compacted_tree_is_taken
    a_tree_that_was_opened_again_is_taken
}

/// Brings a new tree into a state and takes checkpoints of it.
fn state(subject: &Subject, bring: fn(&LiveTree) -> Result<(), BoxError>) -> CheckResult {
    let case = Case::new(subject)?;
    bring(&case.live).map_err(engine("write, flush or compact"))?;
    links_and_copies(&case)
}

fn links_and_copies(case: &Case<'_>) -> CheckResult {
    let linked = case.take(&Checkpoint::new(), case.sandbox.target("linked"))?;
    let independent = Checkpoint::new().policy(Policy::Independent);
    let copied = case.take(&independent, case.sandbox.far_target("copied"))?;
    for taken in [linked, copied] {
        case.examine(&taken)?;
    }
    case.live.check("after a checkpoint")?;
    case.deletions_go_on()?;
    Ok(None)
}

fn an_empty_tree_is_taken(subject: &Subject) -> CheckResult {
    state(subject, |_| Ok(()))
}

fn writes_in_memory_are_taken(subject: &Subject) -> CheckResult {
    state(subject, |live| {
        live.put()?;
        live.put()
    })
}

fn tables_are_taken(subject: &Subject) -> CheckResult {
    state(subject, |live| {
        for _ in 0..3 {
            live.put()?;
            live.tree().flush()?;
        }
        live.put()
    })
}

fn long_values_are_taken(subject: &Subject) -> CheckResult {
    state(subject, |live| {
        live.put_long()?;
        live.tree().flush()?;
        live.put_long()
    })
}

fn deletions_are_taken(subject: &Subject) -> CheckResult {
    state(subject, |live| {
        live.put()?;
        live.put_long()?;
        live.tree().flush()?;
        live.delete()?;
        live.tree().flush()?;
        // Only deletions are in memory now.
        live.delete()
    })
}

fn a_compacted_tree_is_taken(subject: &Subject) -> CheckResult {
    state(subject, |live| {
        live.fill()?;
        live.tree().compact()
    })
}

fn a_tree_that_was_opened_again_is_taken(subject: &Subject) -> CheckResult {
    let (sandbox, history) = Case::filled(subject)?.close();
    let case = Case::open(subject, sandbox, history)?;
    case.live.check("after it was closed and opened again")?;
    case.live.put().map_err(engine("write"))?;
    links_and_copies(&case)
}

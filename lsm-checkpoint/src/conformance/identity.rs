//! The identity of a database, and the sequence number of its last write.

use super::{
    CheckResult, Failure, Subject,
    case::{Case, engine},
    ensure, list,
    live::LiveTree,
    steps::When,
};
use crate::{Checkpoint, layout};

list! { "identity":
    the_identity_never_changes
    two_databases_have_two_identities
    an_empty_tree_has_no_number
    the_number_belongs_to_the_last_write
    a_copy_claims_no_write_that_it_lacks
}

fn identity(case: &Case<'_>) -> String {
    case.live.tree().source().identity()
}

fn the_identity_never_changes(subject: &Subject) -> CheckResult {
    let case = Case::new(subject)?;
    let first = identity(&case);
    ensure!(
        layout::is_identity(&first),
        "the identity is {first:?}, but must be 1 to 255 bytes of text on one line; return an id that the database \
         stores"
    );
    let same = |now: &str, moment: &str| {
        ensure!(
            now == first,
            "the identity was {first:?} and is {now:?} {moment}; generate an id with the database and store it there, \
             because old checkpoints are deleted by their identity"
        );
        Ok(())
    };
    same(&identity(&case), "at the next call")?;
    case.live.fill().map_err(engine("write and flush"))?;
    case.live.churn().map_err(engine("compact"))?;
    same(&identity(&case), "after a compaction")?;
    let (sandbox, history) = case.close();
    same(&identity(&Case::open(subject, sandbox, history)?), "after the tree was opened again")?;
    Ok(None)
}

fn two_databases_have_two_identities(subject: &Subject) -> CheckResult {
    let case = Case::new(subject)?;
    let other =
        case.sandbox.open(&case.sandbox.data().join("other")).map_err(engine("open a second tree"))?;
    let (one, two) = (identity(&case), other.source().identity());
    ensure!(
        one != two,
        "two databases have the identity {one:?}; generate a unique id, or checkpoints of one database are deleted as \
         old checkpoints of the other"
    );
    Ok(None)
}

/// Writes once, to find out if the engine counts its writes.
fn counted(case: &Case<'_>) -> Result<(), Failure> {
    case.live.put().map_err(engine("write"))?;
    match case.live.history().last_number() {
        Some(_) => Ok(()),
        None => Err(Failure::NotApplicable(
            "Tree::put returns no number: the engine does not count its writes".into(),
        )),
    }
}

fn an_empty_tree_has_no_number(subject: &Subject) -> CheckResult {
    let case = Case::new(subject)?;
    let number = case.live.tree().source().visible_seqno();
    counted(&case)?;
    ensure!(
        number.is_none(),
        "visible_seqno of a tree without a write is {number:?}, but must be None; if the counter holds the next \
         number, return counter.checked_sub(1)"
    );
    Ok(None)
}

fn the_number_belongs_to_the_last_write(subject: &Subject) -> CheckResult {
    let case = Case::new(subject)?;
    counted(&case)?;
    let same = |moment: &str| {
        let (said, last) = (case.live.tree().source().visible_seqno(), case.live.history().last_number());
        ensure!(
            said == last,
            "visible_seqno is {said:?} {moment}, but the last write has the number {last:?}; a replay starts after \
             this number, so a number that is too high loses a write"
        );
        Ok(())
    };
    same("after a write")?;
    case.live.fill().map_err(engine("write and flush"))?;
    same("after a flush")?;
    case.live.churn().map_err(engine("compact"))?;
    same("after a compaction")?;
    case.live.delete().map_err(engine("delete"))?;
    same("after a deletion")?;
    let seqno = case.take(&Checkpoint::new(), case.sandbox.target("numbered"))?.seqno;
    let last = case.live.history().last_number();
    ensure!(
        seqno == last,
        "the checkpoint claims to hold the writes up to {seqno:?}, but the last write has the number {last:?}; \
         visible_seqno must not depend on flush"
    );
    Ok(None)
}

fn a_copy_claims_no_write_that_it_lacks(subject: &Subject) -> CheckResult {
    let case = Case::filled(subject)?;
    counted(&case)?;
    let target = case.sandbox.target("claims");
    let stepped = case.step(&Checkpoint::new(), &target, When::Always, LiveTree::churn);
    let taken = case.taken(stepped, target)?;
    let held = case.examine(&taken)?;
    let last = case.live.history().prefix(held).last_number();
    ensure!(
        taken.seqno <= last,
        "the checkpoint claims to hold the writes up to {:?}, but its last write is {last:?}; visible_seqno must \
         return the number of a write that readers see",
        taken.seqno
    );
    let copy = case.sandbox.copy("claims-copy");
    case.restore(&taken, &copy)?;
    let restored = LiveTree::new(
        case.sandbox.open(&copy).map_err(engine("open a restored checkpoint"))?,
        case.live.history().prefix(held),
        subject.long_value,
    );
    let claimed = restored.tree().source().visible_seqno();
    ensure!(
        claimed <= last,
        "a restored checkpoint holds the writes up to {last:?}, but its visible_seqno is {claimed:?}: its manifest \
         has a number of a later moment; take the number together with the version, under the lock of the capture"
    );
    restored.put().map_err(engine("write to a restored checkpoint"))?;
    let next = restored.history().last_number();
    ensure!(
        next > last,
        "the first write to a restored checkpoint has the number {next:?}, but an earlier write has {last:?}; the \
         manifest must hold the counter as it was at the capture"
    );
    Ok(None)
}

//! A failure of the target's filesystem, or a death of the process, at each call in turn.

use std::{path::Path, sync::Arc};

use lsm_fs::{Fs, FsExt, errno};
use lsm_fs_mem::{Fault, FaultFs};

use super::{
    CheckResult, Failure, Subject,
    case::{Case, TakenCheckpoint, engine, not_repeated, own},
    ensure, list,
    live::chain,
};
use crate::{Checkpoint, Error, run_checkpoint};

list! { "faults":
    a_failure_at_any_call_leaves_nothing_half_done
    a_checkpoint_cut_off_at_any_call_can_be_taken_again
}

/// The number of calls that a quick run lets fail in each way.
const QUICK: u64 = 16;

/// Takes a checkpoint on a target's filesystem with a fault. Returns the result, the number of calls, and a description
/// of the fault if it struck.
fn create(case: &Case<'_>, target: &Path, fault: Option<Fault>) -> (Result<(), Error>, u64, Option<String>) {
    let faulty = FaultFs::new(Arc::clone(case.sandbox.fs()));
    if let Some(fault) = fault {
        faulty.inject(fault);
    }
    let source = case.live.tree().source();
    let result = run_checkpoint(&*source, &faulty, target).map(drop);
    let struck = faulty.injected().first().map(ToString::to_string);
    (result, faulty.counts().values().sum(), struck)
}

/// Creates a tree with unflushed writes.
fn unflushed(subject: &Subject) -> Result<Case<'_>, Failure> {
    let case = Case::filled(subject)?;
    case.live.put().map_err(engine("write"))?;
    Ok(case)
}

/// Injects faults into a sample of the calls, each on a new tree.
fn at_calls(subject: &Subject, strike: fn(Fault) -> Vec<Fault>, check: CheckAfterFault) -> CheckResult {
    let probe = unflushed(subject)?;
    let (result, calls, _) = create(&probe, &probe.sandbox.target("struck"), None);
    result.map_err(own("take a checkpoint"))?;
    let sample = subject.sample(calls, QUICK);
    for &call in &sample {
        for fault in strike(Fault::on_any().nth(call)) {
            let case = unflushed(subject)?;
            let target = case.sandbox.target("struck");
            let (result, _, struck) = create(&case, &target, Some(fault));
            let Some(struck) = struck else { return Err(not_repeated("call", call)) };
            check(case, &target, result).map_err(|failure| {
                failure.because(&format!("the target's filesystem failed with {struck}"))
            })?;
        }
    }
    let tried = sample.len();
    Ok((tried as u64 != calls).then(|| format!("{tried} of {calls} calls")))
}

/// Checks a tree and its target after a fault.
type CheckAfterFault = fn(Case<'_>, &Path, Result<(), Error>) -> Result<(), Failure>;

/// Checks that the target exists after `Ok`, and is absent after most errors.
fn check_target(case: &Case<'_>, target: &Path, result: &Result<(), Error>) -> Result<(), Failure> {
    match result {
        Ok(()) => examine(case, target).map_err(|failure| {
            failure.because(
                "create returned Ok although its target failed; write_manifest must return every error of \
                          its target",
            )
        }),
        Err(Error::LeftBehind { .. } | Error::PublishedNotDurable { .. }) => Ok(()),
        Err(error) => {
            ensure!(
                !case.sandbox.fs().exists(target)?,
                "create failed with {}, but the target exists; write_manifest must return every error of its target",
                chain(error)
            );
            Ok(())
        }
    }
}

/// Examines a checkpoint that should hold all writes.
fn examine(case: &Case<'_>, target: &Path) -> Result<(), Failure> {
    let copy = case.sandbox.copy("struck-copy");
    let len = case.live.history().len();
    let taken = TakenCheckpoint { path: target.to_path_buf(), seqno: None, holds: len..=len };
    case.restore(&taken, &copy)?;
    case.compare(&taken, &copy)?;
    Ok(case.sandbox.fs().remove_dir_all(&copy)?)
}

/// Takes the checkpoint again, on an intact filesystem.
fn again(case: &Case<'_>, target: &Path) -> Result<(), Failure> {
    let source = case.live.tree().source();
    match Checkpoint::new().create(&*source, &**case.sandbox.fs(), target) {
        Ok(_) => examine(case, target),
        // The fault struck after the publication.
        Err(Error::TargetExists { .. }) => case.verify(target),
        Err(error) => Err(Failure::Violated(format!(
            "the next checkpoint failed with {}; a failed attempt must leave the engine as it was",
            chain(&error)
        ))),
    }
}

fn a_failure_at_any_call_leaves_nothing_half_done(subject: &Subject) -> CheckResult {
    let strike = |fault: Fault| vec![fault.clone().before(errno::EIO), fault.after(errno::EIO)];
    at_calls(subject, strike, |case, target, result| {
        check_target(&case, target, &result)?;
        case.deletions_go_on()?;
        case.live.check("after a checkpoint that failed")?;
        again(&case, target)?;
        case.live.churn().map_err(engine("compact after a checkpoint that failed"))?;
        case.deletions_go_on()
    })
}

/// From one call on, all calls fail, as if the process had died. Then the tree is closed and opened again.
fn a_checkpoint_cut_off_at_any_call_can_be_taken_again(subject: &Subject) -> CheckResult {
    at_calls(
        subject,
        |fault| vec![fault.gone()],
        |case, target, _| {
            let subject = case.subject;
            case.live.tree().flush().map_err(engine("flush after a checkpoint that was cut off"))?;
            let (sandbox, history) = case.close();
            let case = Case::open(subject, sandbox, history)?;
            case.live.check("after a checkpoint that was cut off")?;
            again(&case, target)
        },
    )
}

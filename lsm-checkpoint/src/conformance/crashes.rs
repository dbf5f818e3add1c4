//! Power cuts and kills of the engine's process at every moment, for engines on an `Fs`.

use std::sync::Arc;

use lsm_fs::{Fs, FsExt};
use lsm_fs_mem::{Budget, CrashSweep, Fault, FaultFs, MemFs, Notes, Survives, SweepError};

use super::{
    CheckResult, Failure, Subject,
    case::{Case, TakenCheckpoint, engine, not_repeated, own},
    ensure,
    history::History,
    list,
    live::{LiveTree, chain, contents},
    sandbox::Sandbox,
    subject::Depth,
};
use crate::{BoxError, Error, run_checkpoint};

list! { "crashes":
    a_crash_at_any_moment_leaves_all_or_nothing
    a_kill_at_any_call_is_survived_and_so_is_a_crash_after_it
}

/// The number of kills in a quick run.
const QUICK: u64 = 160;

const OK: &str = "the checkpoint is durable";

/// A durable tree, and the writes that one process makes to it.
struct Scene<'s> {
    subject: &'s Subject,
    start: MemFs,
    /// Ends with the write of the process.
    history: History,
}

impl<'s> Scene<'s> {
    fn new(subject: &'s Subject) -> Result<Self, Failure> {
        let case = Case::new(subject)?;
        case.sandbox.mem()?;
        case.live.fill().map_err(engine("write and flush"))?;
        let (sandbox, history) = case.close();
        let start = sandbox.mem()?.clone();
        start.settle();
        let scene = Self { subject, start, history };
        // Records the write that the process will make.
        let live = scene.live(&(Arc::new(scene.start.fork()) as Arc<dyn Fs>), scene.history.clone());
        let live = live.map_err(engine("open a tree again"))?;
        live.put().map_err(engine("write"))?;
        let history = live.history().clone();
        Ok(Self { history, ..scene })
    }

    fn live(&self, fs: &Arc<dyn Fs>, history: History) -> Result<LiveTree, BoxError> {
        let sandbox = Sandbox::on(self.subject, &self.start);
        Ok(LiveTree::new(sandbox.open_on(fs, &sandbox.db())?, history, self.subject.long_value))
    }

    /// Returns the number of writes that were durable before the process began.
    fn settled(&self) -> usize {
        self.history.len() - 1
    }

    /// Runs the process, which opens the tree, writes, and takes a checkpoint.
    fn process(&self, fs: &Arc<dyn Fs>) -> Result<(), BoxError> {
        let sandbox = Sandbox::on(self.subject, &self.start);
        let live = self.live(fs, self.history.prefix(self.settled()))?;
        live.put()?;
        run_checkpoint(&*live.tree().source(), &**fs, &sandbox.target("taken"))?;
        Ok(())
    }

    /// Runs the next process. Checks that the tree opens and holds the expected writes, and returns their number.
    fn reopen(&self, image: &MemFs) -> Result<(Case<'s>, usize), Failure> {
        let sandbox = Sandbox::on(self.subject, image);
        let tree = sandbox.open(&sandbox.db()).map_err(|error| {
            Failure::Violated(format!("the engine cannot open its own tree: {}", chain(&*error)))
        })?;
        let found = contents(&*tree, "after the next start")?;
        let bounds = self.settled()..=self.history.len();
        let held = self
            .history
            .find(&found, bounds)
            .map_err(|wrong| Failure::Violated(format!("the engine has lost its own writes: {wrong}")))?;
        let live = Arc::new(LiveTree::new(tree, self.history.prefix(held), self.subject.long_value));
        Ok((Case { subject: self.subject, sandbox, live }, held))
    }

    /// Checks that the target is absent or holds the whole history. Returns `true` if it exists.
    fn check_target(&self, case: &Case<'_>, writes: usize) -> Result<bool, Failure> {
        let path = case.sandbox.target("taken");
        if !case.sandbox.fs().exists(&path)? {
            return Ok(false);
        }
        let (copy, taken) =
            (case.sandbox.copy("copy"), TakenCheckpoint { path, seqno: None, holds: writes..=writes });
        case.verify(&taken.path)?;
        case.restore(&taken, &copy)?;
        let tree = case.sandbox.open(&copy).map_err(engine("open a restored checkpoint"))?;
        let found = contents(&*tree, "of a restored checkpoint")?;
        let held = self.history.find(&found, taken.holds);
        held.map_err(|wrong| Failure::Violated(format!("a checkpoint has the wrong contents: {wrong}")))?;
        Ok(true)
    }

    /// Checks the state after a crash.
    fn check(&self, image: &MemFs, is_promised: bool) -> Result<(), Failure> {
        let (case, _) = self.reopen(image)?;
        let is_there = self.check_target(&case, self.history.len())?;
        ensure!(is_there || !is_promised, "create has returned Ok, but the checkpoint is gone");
        Ok(())
    }
}

/// The rule that is usually broken if a state is wrong.
const RULE: &str = "a file may enter a version only after its own sync and the sync of its directory have returned \
                    Ok, because a checkpoint links the file without syncing it";

/// The power cuts that are tried after a kill and a restart. Many more states are possible.
const POWER_CUTS: [Survives; 6] = [
    Survives::Forced,
    Survives::Everything,
    Survives::Seeded(1),
    Survives::Seeded(2),
    Survives::Seeded(3),
    Survives::Seeded(4),
];

/// The rule for the process after a killed one.
const CACHED: &str = "after a kill, a restart and a power cut: writes of a killed process may be in the page cache \
                      only, so the next process must sync everything that it builds on";

fn a_crash_at_any_moment_leaves_all_or_nothing(subject: &Subject) -> CheckResult {
    let scene = Scene::new(subject)?;
    let sweep = CrashSweep::new().start_from(&scene.start);
    let sweep = if subject.depth == Depth::Quick { sweep.budget(Budget::Quick) } else { sweep };
    let swept = sweep.run(
        |fs: &MemFs| -> Result<(), BoxError> {
            scene.process(&(Arc::new(fs.clone()) as Arc<dyn Fs>))?;
            fs.note(OK);
            Ok(())
        },
        |image: &MemFs, notes: &Notes| {
            scene.check(image, notes.contains(OK)).map_err(|failure| match failure {
                Failure::Violated(wrong) | Failure::NotApplicable(wrong) => wrong,
            })
        },
    );
    match swept {
        Ok(report) if report.is_exhaustive() => Ok(None),
        Ok(report) => {
            Ok(Some(format!("{} crash states, {} of them different", report.states(), report.checks)))
        }
        Err(SweepError::Check(failure, _)) => Err(Failure::Violated(format!(
            "after a crash: {}; {RULE}\n{}",
            failure.message, failure.explanation
        ))),
        Err(error) => Err(Failure::Violated(format!("the crash sweep could not run: {error}"))),
    }
}

fn a_kill_at_any_call_is_survived_and_so_is_a_crash_after_it(subject: &Subject) -> CheckResult {
    let scene = Scene::new(subject)?;
    let probe = FaultFs::new(scene.start.fork());
    scene
        .process(&(Arc::new(probe.clone()) as Arc<dyn Fs>))
        .map_err(engine("open a tree, write and take a checkpoint"))?;
    let calls = probe.counts().values().sum();
    let sample = subject.sample(calls, QUICK);
    for &call in &sample {
        let killed = FaultFs::new(scene.start.fork());
        killed.inject(Fault::on_any().nth(call).gone());
        // Ignore the error. The engine derives it from a device that is gone, but a killed process would report
        // nothing.
        let _ = scene.process(&(Arc::new(killed.clone()) as Arc<dyn Fs>));
        let injected = killed.injected();
        let Some(struck) = injected.first() else { return Err(not_repeated("call", call)) };
        start_again(&scene, killed.inner())
            .map_err(|failure| failure.because(&format!("a process was killed at {struck}")))?;
    }
    let tried = sample.len();
    Ok((tried as u64 != calls).then(|| format!("{tried} kills at {calls} calls")))
}

/// Starts the next process, which finds the page cache of the killed one. The power fails before the process takes its
/// checkpoint, or after that.
fn start_again(scene: &Scene<'_>, mem: &MemFs) -> Result<(), Failure> {
    let (case, held) = scene.reopen(mem)?;
    for survives in POWER_CUTS {
        let image = mem.fork().crash(survives);
        let (case, _) = scene.reopen(&image).map_err(|failure| failure.because(CACHED))?;
        scene.check_target(&case, scene.history.len()).map_err(|failure| failure.because(CACHED))?;
    }
    let source = case.live.tree().source();
    let target = case.sandbox.target("taken");
    let (writes, is_promised) = match run_checkpoint(&*source, mem, &target) {
        Ok(_) => (held, true),
        // The killed process had published the checkpoint without returning.
        Err(Error::TargetExists { .. }) => (scene.history.len(), false),
        Err(error) => return Err(own("take a checkpoint after a kill")(error)),
    };
    drop(source);
    drop(case);
    for survives in POWER_CUTS {
        let image = mem.fork().crash(survives);
        let (case, _) = scene.reopen(&image).map_err(|failure| failure.because(CACHED))?;
        let is_there = scene.check_target(&case, writes).map_err(|failure| failure.because(CACHED))?;
        ensure!(is_there || !is_promised, "{CACHED}; the checkpoint is gone");
    }
    Ok(())
}

//! The machine loses its power, or the process of the engine is killed, at each moment: for engines on an `Fs`.

use std::sync::Arc;

use lsm_fs::{Fs, FsExt};
use lsm_fs_mem::{Budget, CrashSweep, Fault, FaultFs, MemFs, Notes, Survives, SweepError};

use super::{
    Failure, Subject, Verdict,
    case::{Case, Taken, engine, not_repeated, own},
    ensure,
    ground::Ground,
    history::History,
    list,
    live::{Live, chain, contents},
    subject::Depth,
};
use crate::{BoxError, Error, run_checkpoint};

list! { "crashes":
    a_crash_at_any_moment_leaves_all_or_nothing
    a_kill_at_any_call_is_survived_and_so_is_a_crash_after_it
}

/// Kills that a quick run tries.
const QUICK: u64 = 160;

const OK: &str = "the checkpoint is durable";

/// A tree on a durable filesystem, and the writes that one process makes to it.
struct Scene<'s> {
    subject: &'s Subject,
    start: MemFs,
    /// With the write of the process, which is the last.
    history: History,
}

impl<'s> Scene<'s> {
    fn new(subject: &'s Subject) -> Result<Self, Failure> {
        let case = Case::new(subject)?;
        case.ground.mem()?;
        case.live.fill().map_err(engine("write and flush"))?;
        let (ground, history) = case.close();
        let start = ground.mem()?.clone();
        start.settle();
        let scene = Self { subject, start, history };
        // What the process is going to write.
        let live = scene.live(&(Arc::new(scene.start.fork()) as Arc<dyn Fs>), scene.history.clone());
        let live = live.map_err(engine("open a tree again"))?;
        live.put().map_err(engine("write"))?;
        let history = live.history().clone();
        Ok(Self { history, ..scene })
    }

    fn live(&self, fs: &Arc<dyn Fs>, history: History) -> Result<Live, BoxError> {
        let ground = Ground::on(self.subject, &self.start);
        Ok(Live::new(ground.open_on(fs, &ground.db())?, history, self.subject.long_value))
    }

    /// The writes that were durable before the process began.
    fn settled(&self) -> usize {
        self.history.len() - 1
    }

    /// Runs the process: it opens the tree, writes, and takes a checkpoint.
    fn process(&self, fs: &Arc<dyn Fs>) -> Result<(), BoxError> {
        let ground = Ground::on(self.subject, &self.start);
        let live = self.live(fs, self.history.prefix(self.settled()))?;
        live.put()?;
        run_checkpoint(&*live.tree().source(), &**fs, &ground.target("taken"))?;
        Ok(())
    }

    /// The next process: the tree opens, and holds what it must. Returns how many writes that is.
    fn reopen(&self, image: &MemFs) -> Result<(Case<'s>, usize), Failure> {
        let ground = Ground::on(self.subject, image);
        let tree = ground.open(&ground.db()).map_err(|error| {
            Failure::Violated(format!("the engine cannot open its own tree: {}", chain(&*error)))
        })?;
        let found = contents(&*tree, "after the next start")?;
        let bounds = self.settled()..=self.history.len();
        let held = self
            .history
            .find(&found, bounds)
            .map_err(|wrong| Failure::Violated(format!("the engine has lost its own writes: {wrong}")))?;
        let live = Arc::new(Live::new(tree, self.history.prefix(held), self.subject.long_value));
        Ok((Case { subject: self.subject, ground, live }, held))
    }

    /// The target is absent, or it has the whole history.
    fn check_target(&self, case: &Case<'_>, writes: usize) -> Result<bool, Failure> {
        let path = case.ground.target("taken");
        if !case.ground.fs().exists(&path)? {
            return Ok(false);
        }
        let (copy, taken) = (case.ground.copy("copy"), Taken { path, seqno: None, holds: writes..=writes });
        case.verify(&taken.path)?;
        case.restore(&taken, &copy)?;
        let tree = case.ground.open(&copy).map_err(engine("open a restored checkpoint"))?;
        let found = contents(&*tree, "of a restored checkpoint")?;
        let held = self.history.find(&found, taken.holds);
        held.map_err(|wrong| Failure::Violated(format!("a checkpoint is wrong: {wrong}")))?;
        Ok(true)
    }

    /// The state after a crash.
    fn check(&self, image: &MemFs, is_promised: bool) -> Result<(), Failure> {
        let (case, _) = self.reopen(image)?;
        let is_there = self.check_target(&case, self.history.len())?;
        ensure!(is_there || !is_promised, "create has returned Ok, and the checkpoint is gone");
        Ok(())
    }
}

/// The rule that such a state breaks, most of the time.
const RULE: &str = "a file may be installed in a version only after its own sync and that of its directory have \
                    returned Ok: a checkpoint links what is there, and does not sync it";

/// The states after a kill and a new start that are tried, of many.
const POWER_CUTS: [Survives; 6] = [
    Survives::Forced,
    Survives::Everything,
    Survives::Seeded(1),
    Survives::Seeded(2),
    Survives::Seeded(3),
    Survives::Seeded(4),
];

/// The same rule for a process that was killed.
const CACHED: &str = "started again, then the power failed; the writes of a killed process are in the page cache and \
                      not durable, so the next process must sync what it builds upon";

fn a_crash_at_any_moment_leaves_all_or_nothing(subject: &Subject) -> Verdict {
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
        Err(error) => Err(Failure::Violated(format!("the sweep of crashes has shown nothing: {error}"))),
    }
}

fn a_kill_at_any_call_is_survived_and_so_is_a_crash_after_it(subject: &Subject) -> Verdict {
    let scene = Scene::new(subject)?;
    let probe = FaultFs::new(scene.start.fork());
    scene
        .process(&(Arc::new(probe.clone()) as Arc<dyn Fs>))
        .map_err(engine("open a tree, write and be captured"))?;
    let calls = probe.counts().values().sum();
    let sample = subject.sample(calls, QUICK);
    for &call in &sample {
        let killed = FaultFs::new(scene.start.fork());
        killed.inject(Fault::on_any().nth(call).gone());
        // It fails with whatever the engine makes of a dead device; nobody is there to read it.
        let _ = scene.process(&(Arc::new(killed.clone()) as Arc<dyn Fs>));
        let injected = killed.injected();
        let Some(struck) = injected.first() else { return Err(not_repeated("call", call)) };
        start_again(&scene, killed.inner())
            .map_err(|failure| failure.because(&format!("a process was killed at {struck}")))?;
    }
    let tried = sample.len();
    Ok((tried as u64 != calls).then(|| format!("{tried} kills at {calls} calls")))
}

/// The next process finds what the killed one left in the page cache. The power fails before it takes the checkpoint,
/// or after that.
fn start_again(scene: &Scene<'_>, mem: &MemFs) -> Result<(), Failure> {
    let (case, held) = scene.reopen(mem)?;
    for survives in POWER_CUTS {
        let image = mem.fork().crash(survives);
        let (case, _) = scene.reopen(&image).map_err(|failure| failure.because(CACHED))?;
        scene.check_target(&case, scene.history.len()).map_err(|failure| failure.because(CACHED))?;
    }
    let source = case.live.tree().source();
    let target = case.ground.target("taken");
    let (writes, is_promised) = match run_checkpoint(&*source, mem, &target) {
        Ok(_) => (held, true),
        // The killed process had published it, and told nobody.
        Err(Error::TargetExists { .. }) => (scene.history.len(), false),
        Err(error) => return Err(own("take a checkpoint after a kill")(error)),
    };
    drop(source);
    drop(case);
    for survives in POWER_CUTS {
        let image = mem.fork().crash(survives);
        let (case, _) = scene.reopen(&image).map_err(|failure| failure.because(CACHED))?;
        let is_there = scene.check_target(&case, writes).map_err(|failure| failure.because(CACHED))?;
        ensure!(is_there || !is_promised, "{CACHED}: its checkpoint is gone");
    }
    Ok(())
}

//! Calibration: what a real disk leaves must be admitted by its profile and by `Adversarial`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use lsm_fs_mem::{MemFs, Profile, Recording};

use crate::{
    bench::{Bench, Unmountable},
    calls::call,
    kind::Kind,
    notation::{attempt, parse},
    states::{Amount, crash_states},
    tree::render,
    workload::Workload,
};

/// The states that a disk left after power cuts during one workload.
pub(crate) struct Observed {
    pub(crate) kind: Kind,
    pub(crate) workload: Workload,
    /// The trees, each with the numbers of calls that had returned.
    pub(crate) trees: BTreeMap<String, BTreeSet<usize>>,
    pub(crate) mounted: usize,
    /// States that do not mount because of a torn superblock. They mount without tearing.
    pub(crate) torn: usize,
    /// Faults of the file system or of the laboratory: not mountable, not readable.
    pub(crate) faults: Vec<String>,
}

/// Runs a workload and cuts the power at many instants. Returns `None` if the file system refuses a call.
pub(crate) fn observe(
    bench: &Bench,
    kind: Kind,
    workload: &Workload,
    amount: Amount,
) -> anyhow::Result<Option<Observed>> {
    let mut refused = None;
    let log = bench.record(kind, |fs| {
        for text in workload.start.split(';').map(str::trim).filter(|call| !call.is_empty()) {
            call(fs, text)?;
        }
        fs.settle()?;
        fs.mark(0);
        for (done, text) in workload.calls.iter().enumerate() {
            if let Err(error) = call(fs, text) {
                refused = Some(error);
                break;
            }
            fs.mark(done + 1);
        }
        Ok(())
    })?;
    if let Some(error) = refused {
        let code = error.downcast_ref::<rustix::io::Errno>();
        let is_missing = matches!(code, Some(&rustix::io::Errno::OPNOTSUPP | &rustix::io::Errno::INVAL));
        return if is_missing { Ok(None) } else { Err(error) };
    }
    let mut observed = Observed {
        kind,
        workload: workload.clone(),
        trees: BTreeMap::new(),
        mounted: 0,
        torn: 0,
        faults: Vec::new(),
    };
    for state in crash_states(kind, &log, amount, 1) {
        observed.mounted += 1;
        match bench.recover(kind, &state.disk, |root| Ok(render(root)))? {
            Ok(Ok(tree)) => observed.trees.entry(tree).or_default().extend(&state.steps),
            Ok(Err(error)) => observed.faults.push(format!("{}: {error:#}", state.name)),
            Err(Unmountable(reason)) => {
                let whole = state.whole.as_ref().map(|disk| bench.recover(kind, disk, |root| Ok(render(root))));
                match whole.transpose()? {
                    Some(Ok(_)) => observed.torn += 1,
                    _ => observed.faults.push(format!("{}: {reason}", state.name)),
                }
            }
        }
    }
    Ok(Some(observed))
}

/// A state that a disk left, and that the model refuses.
pub(crate) struct Miss {
    pub(crate) profile: Profile,
    pub(crate) step: usize,
    pub(crate) tree: String,
    pub(crate) reason: String,
}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} after call {}: {}: {}", self.profile, self.step, self.tree, self.reason)
    }
}

/// Returns the states that the model refuses. A state is looked for at each step at which it was seen.
pub(crate) fn misses(observed: &Observed) -> Vec<Miss> {
    let model = Model::run(&observed.workload);
    let mut misses = Vec::new();
    for (tree, steps) in &observed.trees {
        for profile in [observed.kind.profile(), Profile::Adversarial] {
            let missed = steps.iter().find_map(|step| Some((*step, model.refusal(profile, *step, tree)?)));
            misses.extend(missed.map(|(step, reason)| Miss { profile, step, tree: tree.clone(), reason }));
        }
    }
    misses
}

/// A workload as the model sees it.
struct Model {
    recording: Recording,
    /// The number of events up to each note.
    notes: Vec<usize>,
}

impl Model {
    fn run(workload: &Workload) -> Self {
        let fs = MemFs::new();
        let make = |text: &str| attempt(&fs, text).unwrap_or_else(|error| panic!("{text}: {error}"));
        workload.start.split(';').map(str::trim).filter(|call| !call.is_empty()).for_each(make);
        fs.settle();
        fs.record();
        fs.note("0");
        for text in &workload.calls {
            make(text);
            fs.note("done");
        }
        let recording = fs.take_recording().unwrap_or_else(|| unreachable!("it was started"));
        let notes = recording.notes().map(|(events, _)| events).collect();
        Self { recording, notes }
    }

    /// Returns the reason why a crash during the call after this step cannot leave the tree.
    fn refusal(&self, profile: Profile, step: usize, tree: &str) -> Option<String> {
        let end = self.notes.get(step + 1).copied().unwrap_or(self.recording.events());
        let admitted = self.recording.admits(profile, self.notes[step]..=end, &parse(tree));
        admitted.err().map(|refusal| refusal.reason)
    }
}

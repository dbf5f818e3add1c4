//! Calibration: each tree that a real disk leaves must be admitted by its profile and by `Adversarial`.

use std::collections::BTreeMap;

use lsm_fs_mem::Profile;

use crate::{
    bench::{Bench, Unmountable},
    calls::call,
    kind::Kind,
    observed::{Miss, Observed},
    states::{Amount, crash_states},
    tree::render,
    workload::Workload,
};

/// The power cuts of one workload.
pub(crate) struct Cuts {
    pub(crate) kind: Kind,
    /// Set if the workload was generated from a seed.
    pub(crate) is_random: bool,
    pub(crate) observed: Observed,
    /// The trees that the model refuses.
    pub(crate) misses: Vec<Miss>,
    pub(crate) mounted: usize,
    /// States that do not mount because of a torn superblock. They mount without tearing.
    pub(crate) torn: usize,
    /// Faults of the file system or of the test, such as a disk that cannot be mounted or read.
    pub(crate) faults: Vec<String>,
}

/// Runs a workload and cuts the power at many instants. Returns `None` if the file system refuses a call.
pub(crate) fn observe(
    bench: &Bench,
    kind: Kind,
    workload: &Workload,
    amount: Amount,
) -> anyhow::Result<Option<Cuts>> {
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
    let Workload { start, calls } = workload.clone();
    let observed = Observed { start, calls, trees: BTreeMap::new() };
    let mut cuts = Cuts {
        kind,
        is_random: false,
        observed,
        misses: Vec::new(),
        mounted: 0,
        torn: 0,
        faults: Vec::new(),
    };
    for state in crash_states(kind, &log, amount, 1) {
        cuts.mounted += 1;
        match bench.recover(kind, &state.disk, |root| Ok(render(root)))? {
            Ok(Ok(tree)) => cuts.observed.trees.entry(tree).or_default().extend(&state.steps),
            Ok(Err(error)) => cuts.faults.push(format!("{}: {error:#}", state.name)),
            Err(Unmountable(reason)) => {
                let untorn =
                    state.untorn.as_ref().map(|disk| bench.recover(kind, disk, |root| Ok(render(root))));
                match untorn.transpose()? {
                    Some(Ok(_)) => cuts.torn += 1,
                    _ => cuts.faults.push(format!("{}: {reason}", state.name)),
                }
            }
        }
    }
    cuts.misses = cuts.observed.misses(&[kind.profile(), Profile::Adversarial]);
    Ok(Some(cuts))
}

//! A filesystem that counts its calls, syncs a foreign file before one of them, and leaves out one of its syncs.

use std::{
    fs,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use lsm_fs::{
    Op, Result, StdFs,
    intercept::{Call, InterceptFs, Interceptor, Outcome},
};

use super::{Foreign, Run};

#[derive(Debug, Default)]
struct CallCounts {
    calls: u64,
    syncs: Vec<String>,
}

/// The interventions in a run, and a count of the calls so far.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    root: PathBuf,
    foreign: Foreign,
    left_out: Option<usize>,
    in_order: bool,
    done: Arc<Mutex<CallCounts>>,
}

impl Plan {
    pub(super) fn new(root: &Path, run: &Run) -> Self {
        let Run { foreign, left_out, in_order, .. } = *run;
        Self { root: root.to_owned(), foreign, left_out, in_order, done: Arc::default() }
    }

    fn lock(&self) -> MutexGuard<'_, CallCounts> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the number of calls, and the names of the synced files and directories.
    pub(super) fn done(&self) -> (u64, Vec<String>) {
        let done = self.lock();
        (done.calls, done.syncs.clone())
    }

    /// Syncs one of the existing files and directories.
    fn sync_foreign(&self, which: u64) {
        let mut all = vec![self.root.clone()];
        let mut at = 0;
        while let Some(dir) = all.get(at).cloned() {
            let mut below: Vec<PathBuf> =
                fs::read_dir(&dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
            below.sort();
            all.extend(below);
            at += 1;
        }
        let path = &all[(which % all.len() as u64) as usize];
        let _ = fs::File::open(path).and_then(|file| file.sync_all());
    }
}

pub(super) fn stepped(plan: &Plan) -> InterceptFs<StdFs, Plan> {
    InterceptFs::new(StdFs, plan.clone())
}

impl Interceptor for Plan {
    type File = ();

    fn concurrency(&self, of_backend: NonZeroUsize) -> NonZeroUsize {
        if self.in_order { NonZeroUsize::MIN } else { of_backend }
    }

    fn around<R: Outcome>(
        &self,
        _: Option<&()>,
        call: &Call<'_>,
        run: impl FnOnce() -> Result<R>,
    ) -> Result<R> {
        let (number, sync) = {
            let mut done = self.lock();
            done.calls += 1;
            let is_sync = matches!(call.op, Op::SyncAll | Op::SyncData | Op::SyncDirectory);
            if is_sync {
                let path = call.path.strip_prefix(&self.root).unwrap_or(call.path);
                done.syncs.push(path.display().to_string());
            }
            (done.calls - 1, is_sync.then(|| done.syncs.len() - 1))
        };
        if let Some((_, which)) = self.foreign.filter(|(before, _)| *before == number) {
            self.sync_foreign(which);
        }
        if sync.is_some()
            && sync == self.left_out
            && let Some(claimed) = R::claimed()
        {
            return Ok(claimed);
        }
        run()
    }
}

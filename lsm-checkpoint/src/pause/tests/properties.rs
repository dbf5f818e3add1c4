//! For all histories, the pause holds and deletes like a model made of flags.

use std::collections::BTreeSet;

use proptest::{collection::vec, prelude::*};

use super::*;
use crate::PauseGuard;

const FILES: [&str; 4] = ["/a", "/b", "/c", "/d"];

/// A file is named by its position in [`FILES`], a guard by a number modulo the number of live guards.
#[derive(Clone, Debug)]
enum Step {
    Acquire,
    /// The engine requests the deletion of the file.
    Delete(usize),
    Narrow(usize, Vec<usize>),
    Release(usize, usize),
    ReleaseNth(usize, usize),
    Drop(usize),
    Resume(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let file = || 0..FILES.len();
    let guard = || 0..3_usize;
    prop_oneof![
        3 => Just(Step::Acquire),
        6 => file().prop_map(Step::Delete),
        3 => (guard(), vec(file(), 0..6)).prop_map(|(guard, files)| Step::Narrow(guard, files)),
        3 => (guard(), file()).prop_map(|(guard, file)| Step::Release(guard, file)),
        3 => (guard(), 0..6_usize).prop_map(|(guard, nth)| Step::ReleaseNth(guard, nth)),
        1 => guard().prop_map(Step::Drop),
        1 => guard().prop_map(Step::Resume),
    ]
}

/// A guard: files, each with a flag that tells if it is held. Before the guard is narrowed, it lists every file.
#[derive(Debug)]
struct Hold {
    listed: Vec<(usize, bool)>,
    is_narrowed: bool,
    deferred: u64,
}

impl Hold {
    fn new() -> Self {
        Self { listed: (0..FILES.len()).map(|file| (file, true)).collect(), is_narrowed: false, deferred: 0 }
    }

    fn holds(&self, file: usize) -> bool {
        self.listed.contains(&(file, true))
    }
}

#[derive(Debug, Default)]
struct Model {
    guards: Vec<Hold>,
    waiting: BTreeSet<usize>,
    gone: BTreeSet<usize>,
}

impl Model {
    /// Returns `true` if the deletion is deferred.
    fn delete(&mut self, file: usize) -> bool {
        let mut holders: Vec<_> = self.guards.iter_mut().filter(|guard| guard.holds(file)).collect();
        if holders.is_empty() {
            self.gone.insert(file);
            return false;
        }
        if self.waiting.insert(file) {
            holders.iter_mut().for_each(|guard| guard.deferred += 1);
        }
        true
    }

    /// Carries out the deletions that no guard holds back.
    fn settle(&mut self) {
        let free = |file: &usize| !self.guards.iter().any(|guard| guard.holds(*file));
        let freed: Vec<usize> = self.waiting.iter().copied().filter(free).collect();
        self.waiting.retain(|file| !freed.contains(file));
        self.gone.extend(freed);
    }

    fn step(&mut self, step: &Step) {
        let count = self.guards.len().max(1);
        let guard = |guards: &mut Vec<Hold>, at: usize, change: &dyn Fn(&mut Hold)| {
            guards.get_mut(at % count).into_iter().for_each(change);
        };
        match step {
            Step::Acquire => self.guards.push(Hold::new()),
            Step::Delete(_) => {}
            Step::Narrow(at, files) => guard(&mut self.guards, *at, &|hold| {
                hold.listed = files.iter().map(|&file| (file, hold.holds(file))).collect();
                hold.is_narrowed = true;
            }),
            Step::Release(at, file) => guard(&mut self.guards, *at, &|hold| {
                hold.listed
                    .iter_mut()
                    .filter(|(listed, _)| listed == file)
                    .for_each(|(_, held)| *held = false);
            }),
            Step::ReleaseNth(at, nth) => guard(&mut self.guards, *at, &|hold| {
                // Before narrowing there is no list, and no position.
                if let (true, Some((_, held))) = (hold.is_narrowed, hold.listed.get_mut(*nth)) {
                    *held = false;
                }
            }),
            Step::Drop(at) | Step::Resume(at) => {
                if !self.guards.is_empty() {
                    self.guards.remove(at % count);
                }
            }
        }
        self.settle();
    }
}

/// Performs a step on the real pause. `guards` are in the order of the model.
fn act(step: &Step, pause: &Arc<DeletionPause>, guards: &mut Vec<PauseGuard>) {
    let count = guards.len().max(1);
    match step {
        Step::Acquire => guards.push(pause.acquire()),
        Step::Delete(_) => {}
        Step::Narrow(at, files) => {
            guards
                .get(at % count)
                .into_iter()
                .for_each(|guard| guard.narrow(files.iter().map(|&f| FILES[f])));
        }
        Step::Release(at, file) => {
            guards.get(at % count).into_iter().for_each(|guard| guard.release(Path::new(FILES[*file])));
        }
        Step::ReleaseNth(at, nth) => {
            guards.get(at % count).into_iter().for_each(|guard| guard.release_nth(*nth));
        }
        Step::Drop(at) if !guards.is_empty() => drop(guards.remove(at % count)),
        Step::Resume(at) if !guards.is_empty() => {
            let report = guards.remove(at % count).resume();
            assert!(report.failed.is_empty(), "{report:?}");
        }
        Step::Drop(_) | Step::Resume(_) => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_pause_behaves_like_the_model(steps in vec(step(), 1..40)) {
        let mem = MemFs::new();
        for path in FILES {
            mem.write_new(Path::new(path), b"rows", SyncMode::Normal).unwrap();
        }
        let fs: Arc<dyn Fs> = Arc::new(mem.clone());
        let (pause, mut guards, mut model) = (Arc::new(DeletionPause::new()), Vec::new(), Model::default());
        for (at, step) in steps.iter().enumerate() {
            model.step(step);
            act(step, &pause, &mut guards);
            if let Step::Delete(file) = *step {
                let path = Path::new(FILES[file]);
                let asked = pause.try_enqueue(&fs, path);
                let waits = model.delete(file);
                prop_assert_eq!(asked == Enqueue::Deferred, waits, "step {}: {:?}", at, step);
                if !waits {
                    let _ = mem.remove_file(path);
                }
            }
            let gone: BTreeSet<usize> =
                (0..FILES.len()).filter(|&file| !mem.exists(Path::new(FILES[file])).unwrap()).collect();
            prop_assert_eq!(&gone, &model.gone, "step {}: {:?}", at, step);
            prop_assert_eq!(pause.deferred(), model.waiting.len(), "step {}: {:?}", at, step);
            prop_assert_eq!(pause.is_paused(), !model.guards.is_empty());
            let deferred: Vec<u64> = guards.iter().map(|guard| guard.stats().deferred_files).collect();
            prop_assert_eq!(deferred, model.guards.iter().map(|guard| guard.deferred).collect::<Vec<_>>());
        }
        drop(guards);
        prop_assert!(!pause.is_paused() && pause.deferred() == 0 && pause.take_failed().is_empty());
    }
}

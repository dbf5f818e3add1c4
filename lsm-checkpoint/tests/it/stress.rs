//! Checkpoints of a live tree: in memory step by step, on the host with threads.

use std::{
    cell::RefCell,
    ops::ControlFlow,
    path::Path,
    sync::{Arc, Mutex},
};

use lsm_checkpoint::{
    BoxError, Capture, Checkpoint, CheckpointDir, CheckpointSource, DeletionPause, Policy, SourceRoot,
    restore,
};
use lsm_fs::{Fs, FsExt, StdFs};
use lsm_fs_mem::{MemFs, MemFsOptions, VolumeOptions};

use crate::tree::{
    Deletion, Options, Oracle, Tree, Workload,
    stress::{check, stress},
};

fn each_deletion(run: impl Fn(Options)) {
    for deletion in [Deletion::Eager, Deletion::Pinned] {
        run(Options { deletion, ..Options::default() });
    }
}

/// A tree that is written to, flushed and compacted at every opportunity during a checkpoint.
struct Busy<'a> {
    tree: &'a Tree,
    oracle: &'a Oracle,
    work: RefCell<Workload>,
}

impl Busy<'_> {
    fn go_on(&self) -> Result<(), BoxError> {
        self.work.borrow_mut().write(self.tree, self.oracle, 15);
        self.tree.flush()?;
        self.tree.compact(9)
    }
}

impl CheckpointSource for Busy<'_> {
    fn roots(&self) -> Vec<SourceRoot> {
        self.tree.roots()
    }

    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        self.tree.deletion_pause()
    }

    fn identity(&self) -> String {
        "a test".to_owned()
    }

    fn visible_seqno(&self) -> Option<u64> {
        CheckpointSource::visible_seqno(self.tree)
    }

    fn flush(&self) -> Result<(), BoxError> {
        self.work.borrow_mut().write(self.tree, self.oracle, 15);
        self.tree.flush()?;
        self.go_on()?;
        self.work.borrow_mut().write(self.tree, self.oracle, 15);
        Ok(())
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        let capture = CheckpointSource::capture(self.tree)?;
        // Every captured file leaves the version.
        self.go_on()?;
        Ok(capture)
    }
}

fn step_by_step(fs: &MemFs, options: Options, to: &str, policy: Policy) {
    let shared: Arc<dyn Fs> = Arc::new(fs.clone());
    let tree = Tree::open(&shared, Path::new("/db"), options).unwrap();
    let (oracle, work) = (Oracle::default(), RefCell::new(Workload::new(11, 60)));
    let busy = Busy { tree: &tree, oracle: &oracle, work };
    let mut deferred = 0;
    for n in 0..12 {
        let target = Path::new(to).join(n.to_string());
        let visible = tree.visible_seqno();
        let steps = Mutex::new(0);
        let progress = |_: &lsm_checkpoint::Progress| {
            *steps.lock().unwrap() += 1;
            ControlFlow::Continue(())
        };
        let options_ = Checkpoint::new().policy(policy).progress(&progress);
        let info = options_.create(&busy, &*shared, &target).unwrap();
        assert!(info.seqno.unwrap_or_default() >= visible && *steps.lock().unwrap() > 1);
        deferred += info.pause.map_or(0, |pause| pause.deferred_files);
        check(&shared, &target, &oracle, options, info.seqno.unwrap_or_default()).unwrap();
        tree.check().unwrap();
        oracle.check(&tree, visible).unwrap();
    }
    assert_eq!(deferred > 0, options.deletion == Deletion::Eager);
    assert_eq!(tree.pause.deferred(), 0);
    // Later work changes none of the checkpoints.
    for n in 0..12 {
        check(&shared, &Path::new(to).join(n.to_string()), &oracle, options, 0).unwrap();
    }
}

#[test]
fn a_tree_that_goes_on_in_memory() {
    each_deletion(|options| {
        for policy in [Policy::LinkOnly, Policy::PreferReflink] {
            let fs = MemFs::new();
            fs.create_dir(Path::new("/backup")).unwrap();
            step_by_step(&fs, options, "/backup", policy);
        }
        let volumes = MemFsOptions::new().volume("/backup", VolumeOptions::new()).build().unwrap();
        step_by_step(&volumes, options, "/backup", Policy::PreferLink);
    });
}

#[test]
fn threads_on_the_host() {
    each_deletion(|options| {
        let dir = tempfile::tempdir().unwrap();
        let fs: Arc<dyn Fs> = Arc::new(StdFs);
        println!("{:?}: {}", options.deletion, stress(&fs, dir.path(), options, 20).unwrap());
    });
}

/// A restored tree can be written to, and its checkpoint does not change.
#[test]
fn a_restored_tree_lives_on() {
    each_deletion(|options| {
        let fs: Arc<dyn Fs> = Arc::new(MemFs::new());
        let tree = Tree::open(&fs, Path::new("/db"), options).unwrap();
        let (oracle, mut work) = (Oracle::default(), Workload::new(4, 40));
        work.write(&tree, &oracle, 90);
        Checkpoint::new().create(&*tree, &*fs, Path::new("/checkpoint")).unwrap();
        let checkpoint = CheckpointDir::open(Arc::clone(&fs), "/checkpoint").unwrap();
        restore(&checkpoint, &*fs, Path::new("/restored")).unwrap();
        let restored = Tree::open(&fs, Path::new("/restored"), options).unwrap();
        oracle.check(&restored, 90).unwrap();
        let own = Oracle::default();
        Workload::new(5, 40).write(&restored, &own, 60);
        restored.flush().unwrap();
        restored.compact(9).unwrap();
        restored.check().unwrap();
        check(&fs, Path::new("/checkpoint"), &oracle, options, 90).unwrap();
        tree.check().unwrap();
        assert!(!fs.exists(Path::new("/restored/CHECKPOINT")).unwrap());
    });
}

//! Checkpoints of the reference engine at work: in memory step by step, on the host with threads.

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

use crate::bed::{
    Deletion, Engine, Oracle, Workload, check_files, each_deletion, open, seqno,
    stress::{check, stress},
};

/// An engine that is written to, flushed and compacted at every opportunity during a checkpoint.
struct Busy<'a> {
    engine: &'a Engine,
    source: Box<dyn CheckpointSource + 'a>,
    oracle: &'a Oracle,
    work: RefCell<Workload>,
}

impl Busy<'_> {
    fn write(&self) -> Result<(), BoxError> {
        self.work.borrow_mut().write(self.engine, self.oracle, 15)
    }

    fn go_on(&self) -> Result<(), BoxError> {
        self.write()?;
        self.engine.flush()?;
        self.engine.compact()
    }
}

impl CheckpointSource for Busy<'_> {
    fn roots(&self) -> Vec<SourceRoot> {
        self.source.roots()
    }

    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        self.source.deletion_pause()
    }

    fn identity(&self) -> String {
        self.source.identity()
    }

    fn visible_seqno(&self) -> Option<u64> {
        self.source.visible_seqno()
    }

    fn flush(&self) -> Result<(), BoxError> {
        self.write()?;
        self.source.flush()?;
        self.go_on()?;
        self.write()
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        let capture = self.source.capture()?;
        // Every captured file leaves the version.
        self.go_on()?;
        Ok(capture)
    }
}

fn step_by_step(fs: &MemFs, deletion: Deletion, to: &str, policy: Policy) {
    let shared: Arc<dyn Fs> = Arc::new(fs.clone());
    let (db, to) = (Path::new("/db"), Path::new(to));
    let engine = open(&shared, db).unwrap();
    let (oracle, work) = (Oracle::default(), RefCell::new(Workload::new(11, 60)));
    let busy = Busy { engine: &engine, source: deletion.source(&engine), oracle: &oracle, work };
    let mut deferred = 0;
    for n in 0..12 {
        let target = to.join(n.to_string());
        let visible = seqno(&engine);
        let steps = Mutex::new(0);
        let progress = |_: &lsm_checkpoint::Progress| {
            *steps.lock().unwrap() += 1;
            ControlFlow::Continue(())
        };
        let options = Checkpoint::new().policy(policy).progress(&progress);
        let info = options.create(&busy, &*shared, &target).unwrap();
        assert!(info.seqno.unwrap_or_default() >= visible && *steps.lock().unwrap() > 1);
        deferred += info.pause.map_or(0, |pause| pause.deferred_files);
        check(&shared, &target, &oracle, info.seqno.unwrap_or_default()).unwrap();
        oracle.check(&check_files(&*shared, db).unwrap(), visible).unwrap();
        oracle.check(&engine.state().view, visible).unwrap();
    }
    assert_eq!(deferred > 0, deletion == Deletion::Eager);
    assert_eq!(engine.pause.deferred(), 0);
    // Later work changes none of the checkpoints.
    for n in 0..12 {
        check(&shared, &to.join(n.to_string()), &oracle, 0).unwrap();
    }
}

#[test]
fn a_tree_that_goes_on_in_memory() {
    each_deletion(|deletion| {
        for policy in [Policy::LinkOnly, Policy::PreferReflink] {
            let fs = MemFs::new();
            fs.create_dir(Path::new("/backup")).unwrap();
            step_by_step(&fs, deletion, "/backup", policy);
        }
        let volumes = MemFsOptions::new().volume("/backup", VolumeOptions::new()).build().unwrap();
        step_by_step(&volumes, deletion, "/backup", Policy::PreferLink);
    });
}

#[test]
fn threads_on_the_host() {
    each_deletion(|deletion| {
        let dir = tempfile::tempdir().unwrap();
        let fs: Arc<dyn Fs> = Arc::new(StdFs);
        println!("{deletion:?}: {}", stress(&fs, dir.path(), deletion, 20).unwrap());
    });
}

/// A restored tree can be written to, and its checkpoint does not change.
#[test]
fn a_restored_tree_lives_on() {
    each_deletion(|deletion| {
        let fs: Arc<dyn Fs> = Arc::new(MemFs::new());
        let engine = open(&fs, Path::new("/db")).unwrap();
        let (oracle, mut work) = (Oracle::default(), Workload::new(4, 40));
        work.write(&engine, &oracle, 90).unwrap();
        let target = Path::new("/checkpoint");
        Checkpoint::new().create(&*deletion.source(&engine), &*fs, target).unwrap();
        let checkpoint = CheckpointDir::open(Arc::clone(&fs), "/checkpoint").unwrap();
        restore(&checkpoint, &*fs, Path::new("/restored")).unwrap();
        let restored = open(&fs, Path::new("/restored")).unwrap();
        oracle.check(&restored.state().view, 90).unwrap();
        let own = Oracle::default();
        Workload::new(5, 40).write(&restored, &own, 60).unwrap();
        restored.flush().unwrap();
        restored.compact().unwrap();
        check_files(&*fs, Path::new("/restored")).unwrap();
        check(&fs, target, &oracle, 90).unwrap();
        check_files(&*fs, Path::new("/db")).unwrap();
        assert!(!fs.exists(Path::new("/restored/CHECKPOINT")).unwrap());
    });
}

//! After an unclean shutdown, a real filesystem holds one of the states that its profile allows.

use std::{cell::RefCell, collections::BTreeSet, path::Path};

use lsm_fs::StdFs;
use lsm_fs_mem::{Budget, CrashSweep, MemFs, Profile};

use crate::{
    calls::{Seeded, simple},
    mount::{Copied, Mount},
    ops::{Machine, Op, tree},
};

const SEQUENCES: u64 = 150;
const CALLS: usize = 12;

fn calls(seed: u64) -> Vec<Op> {
    let mut seeded = Seeded::new(seed);
    (0..CALLS).flat_map(|_| simple(&mut seeded)).collect()
}

fn run(machine: &mut Machine<'_>, calls: &[Op]) {
    for op in calls {
        machine.call(op);
    }
}

/// Returns every tree that a crash after the last call may leave.
fn allowed(profile: Profile, prepared: &MemFs, calls: &[Op]) -> BTreeSet<String> {
    let found = RefCell::new(BTreeSet::new());
    let result = CrashSweep::new().models([profile]).budget(Budget::Full).start_from(prepared).run(
        |fs: &MemFs| -> lsm_fs::Result<()> {
            run(&mut Machine::new(fs, Path::new("/r")), calls);
            fs.note("went down");
            Ok(())
        },
        |image, notes| {
            if notes.contains("went down") {
                found.borrow_mut().insert(tree(image, Path::new("/r")));
            }
            Ok::<(), String>(())
        },
    );
    // The sweep fails for a sequence without pending changes. Here, such a sequence is allowed.
    drop(result);
    found.into_inner()
}

/// Runs the sequences on a mount. `crash` shuts the mount down and mounts it again.
fn calibrate(mount: &Mount, profile: Profile, crash: impl Fn()) {
    let (mut unsettled, mut lossy) = (0, 0);
    for seed in 0..SEQUENCES {
        let root = mount.dir(&format!("crashed-{seed}"));
        let prepared = MemFs::new();
        for dir in ["/r", "/r/d"] {
            lsm_fs::Fs::create_dir(&prepared, Path::new(dir)).unwrap();
        }
        prepared.settle();
        std::fs::create_dir(root.join("d")).unwrap();
        mount.sync();

        let calls = calls(seed);
        run(&mut Machine::new(&StdFs, &root), &calls);
        let live = tree(&StdFs, &root);
        crash();
        let real = tree(&StdFs, &root);
        let allowed = allowed(profile, &prepared, &calls);
        assert!(
            allowed.contains(&real),
            "seed {seed}: {calls:#?}\nleft a tree that {profile} does not allow:\n{real}\nit allows:\n{}",
            allowed.into_iter().collect::<Vec<_>>().join("\n")
        );
        unsettled += u64::from(allowed.len() > 1);
        lossy += u64::from(real != live);
    }
    println!(
        "{profile}: {unsettled} of {SEQUENCES} sequences left something to the crash, {lossy} lost something"
    );
    assert!(lossy > SEQUENCES / 5, "{profile}: only {lossy} sequences lost anything");
}

fn take_down(variable: &str, profile: Profile) {
    let mount = Mount::of(variable);
    calibrate(&mount, profile, || {
        mount.shut_down();
        mount.remount();
    });
}

#[test]
fn ext4_leaves_an_allowed_state() {
    take_down("LSM_REALFS_EXT4", Profile::Ext4);
}

#[test]
fn xfs_leaves_an_allowed_state() {
    take_down("LSM_REALFS_XFS", Profile::Xfs);
}

#[test]
fn btrfs_leaves_an_allowed_state() {
    let copied = Copied::on(Mount::of("LSM_REALFS_XFS"));
    calibrate(&copied.btrfs, Profile::Btrfs, || copied.crash());
}

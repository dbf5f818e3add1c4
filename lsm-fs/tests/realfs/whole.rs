//! The conformance suite on each type of mount, and the capabilities that each type claims.

use std::{collections::BTreeSet, ops::ControlFlow};

use lsm_fs::{
    DirPair, Fs, FsAbilities, FsCapabilities, FsExt, FsFile, FsOpenOptions, NamePair, StdFs, SyncMode,
    batch::reflink_batch,
    conformance::{HostNodes, Subject, run},
};

use crate::{
    child::ChildProcess,
    mounts::{BTRFS, EXT4, EXT4_B, READ_ONLY, TMPFS, XFS, root, scratch},
};

/// All checks except those that need a failing sync, which run on a failing device.
fn conforms(variable: &str, without: &[&str]) {
    let report = run(|_| {
        let (dir, other) = (scratch(variable), scratch(EXT4_B));
        Subject::new(StdFs, dir.path())
            .other_volume(other.path())
            .other_process(ChildProcess)
            .odd_nodes(HostNodes)
            // No other test writes there, and the check compares its names.
            .mount_point(root(READ_ONLY))
            .keep((dir, other))
    });
    println!("{report}");
    report.assert_conforms();
    let idle: BTreeSet<_> = report.not_applicable().map(|o| o.check.name).collect();
    let expected: BTreeSet<_> = without.iter().chain(NO_FAULT).copied().collect();
    assert_eq!(idle, expected);
}

const NO_CLONES: &[&str] = &[
    "batches::clones_are_made_and_each_is_reported",
    "permissions::a_new_clone_has_at_most_the_mode_asked_for",
    "permissions::only_the_owner_can_use_a_new_clone",
];

/// No sync fails on a healthy mount. Failing mounts have their own tests.
const NO_FAULT: &[&str] = &[
    "batches::a_clone_whose_sync_fails_is_removed",
    "empty::an_empty_write_fails_on_a_poisoned_handle",
    "sync::a_failed_sync_poisons_its_handle",
    "sync::a_failed_data_sync_poisons_its_handle",
];

#[test]
fn ext4_conforms() {
    conforms(EXT4, NO_CLONES);
}

#[test]
fn xfs_conforms() {
    conforms(XFS, &[]);
}

#[test]
fn btrfs_conforms() {
    conforms(BTRFS, &[]);
}

#[test]
fn tmpfs_conforms() {
    conforms(TMPFS, NO_CLONES);
}

#[test]
fn each_filesystem_type_has_its_known_capabilities() {
    let mut plain = FsCapabilities::default();
    plain.hard_link = true;
    plain.rename_noreplace = true;
    plain.punch_hole = true;
    plain.directory_sync = true;
    plain.rename_open_tree = true;
    plain.advisory_locks = true;
    plain.rooted_views = true;
    let xfs = {
        let mut c = plain;
        c.reflink = true;
        c
    };
    let mut btrfs = xfs;
    btrfs.per_block_integrity_on_read = true;
    btrfs.background_scrub = true;
    btrfs.copy_on_write = true;
    btrfs.native_snapshot = true;
    for (variable, wanted) in [(EXT4, plain), (TMPFS, plain), (XFS, xfs), (BTRFS, btrfs)] {
        assert_eq!(StdFs.capabilities(scratch(variable).path()).unwrap(), wanted, "{variable}");
    }
}

#[test]
fn a_file_without_copy_on_write_can_be_cloned() {
    let dir = scratch(BTRFS);
    let (file, clone) = (dir.path().join("f"), dir.path().join("clone"));
    let handle = StdFs.open(&file, &FsOpenOptions::new().write(true).create_new(true)).unwrap();
    assert!(disable_cow(&file));
    handle.write_at(&[7; 100_000], 0).unwrap();
    StdFs.reflink_file(&file, &clone).unwrap();
    assert_eq!(StdFs.read_to_vec(&clone, 1 << 20).unwrap(), [7; 100_000]);
    // A batch gives the same result.
    let mut results = 0;
    let pair = [NamePair::new("f", "second")];
    reflink_batch(
        &StdFs,
        DirPair { from: dir.path(), to: dir.path() },
        &pair,
        SyncMode::Normal,
        &mut |_, result| {
            result.unwrap();
            results += 1;
            ControlFlow::Continue(())
        },
    );
    assert_eq!(results, 1);
    assert!(!disable_cow(&scratch_file(EXT4)));
}

fn scratch_file(variable: &str) -> std::path::PathBuf {
    let dir = scratch(variable).keep();
    let path = dir.join("f");
    StdFs.write_new(&path, b"", SyncMode::Normal).unwrap();
    path
}

fn disable_cow(path: &std::path::Path) -> bool {
    StdFs.abilities().and_then(FsAbilities::attributes).unwrap().try_disable_cow(path).unwrap()
}

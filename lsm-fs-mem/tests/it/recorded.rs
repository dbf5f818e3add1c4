//! The model contains each tree that a recorded power cut of a real disk has left.
//!
//! `cargo xtask powercut --record lsm-fs-mem/tests/recorded` writes the files anew.

use lsm_fs_mem::Profile;

use crate::observed::{decode, encode};

pub(crate) const FILES: [(Profile, &str); 3] = [
    (Profile::Ext4, include_str!("../recorded/ext4.txt")),
    (Profile::Xfs, include_str!("../recorded/xfs.txt")),
    (Profile::Btrfs, include_str!("../recorded/btrfs.txt")),
];

/// Requires the profile and `Adversarial` to admit every tree of a file.
fn all_are_admitted(at: usize) {
    let (profile, text) = FILES[at];
    let observed = decode(text);
    let (mut trees, mut missing) = (0, Vec::new());
    for one in &observed {
        trees += one.trees.len();
        for miss in one.misses(&[profile, Profile::Adversarial]) {
            let calls = one.calls.join("; ");
            missing.push(format!("{} | {calls}\n  after call {}: {}", one.start, miss.step, miss.tree));
            missing.push(format!("  {} refuses it: {}", miss.profile, miss.reason));
        }
    }
    assert!(observed.len() > 500 && trees > 2000, "only {} workloads with {trees} trees", observed.len());
    assert!(missing.is_empty(), "the model lacks trees\n{}", missing.join("\n"));
}

#[test]
fn every_tree_of_ext4_is_admitted() {
    all_are_admitted(0);
}

#[test]
fn every_tree_of_xfs_is_admitted() {
    all_are_admitted(1);
}

#[test]
fn every_tree_of_btrfs_is_admitted() {
    all_are_admitted(2);
}

#[test]
fn the_record_format_round_trips() {
    let (_, text) = FILES[0];
    let observed = decode(text).into_iter().collect();
    assert_eq!(decode(&encode("a comment", &observed)), decode(text));
}

//! The model contains each tree that a recorded power cut of a real disk has left.
//!
//! `cargo xtask powercut --record lsm-fs-mem/tests/recorded` writes the files anew.

use lsm_fs_mem::Profile;

use crate::observed::{decode, encode};

/// Requires the profile and `Adversarial` to admit every tree of a file.
fn all_are_admitted(profile: Profile, text: &str) {
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
    println!("{profile}: {} workloads, {trees} trees", observed.len());
    assert!(observed.len() > 500, "only {} workloads were recorded", observed.len());
    assert!(missing.is_empty(), "the model lacks trees\n{}", missing.join("\n"));
}

#[test]
fn ext4_left_what_the_model_admits() {
    all_are_admitted(Profile::Ext4, include_str!("../recorded/ext4.txt"));
}

#[test]
fn xfs_left_what_the_model_admits() {
    all_are_admitted(Profile::Xfs, include_str!("../recorded/xfs.txt"));
}

#[test]
fn btrfs_left_what_the_model_admits() {
    all_are_admitted(Profile::Btrfs, include_str!("../recorded/btrfs.txt"));
}

#[test]
fn a_file_is_read_as_it_was_written() {
    let text = include_str!("../recorded/ext4.txt");
    let observed = decode(text).into_iter().collect();
    assert_eq!(decode(&encode("a comment", &observed)), decode(text));
}

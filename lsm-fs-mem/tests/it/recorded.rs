//! The model contains each tree that a recorded power cut of a real disk has left.
//!
//! `cargo xtask powercut --record lsm-fs-mem/tests/recorded` writes the files anew.

use lsm_fs_mem::Profile;

use crate::{
    notation::parse,
    observed::{decode, encode},
};

const FILES: [(Profile, &str); 3] = [
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

/// Returns the tree without something that the call has synced. A sync of a file promises its content, and a sync of a
/// directory the names in it.
fn robbed(call: &str, tree: &str) -> Option<String> {
    let (verb, path) = call.split_once(' ')?;
    let entries: Vec<&str> = tree.split_whitespace().collect();
    let prefix = if path == "." { String::new() } else { format!("{path}/") };
    let is_synced = |entry: &str| match verb {
        "fsync" | "fdatasync" => entry.split_once('=').is_some_and(|(name, content)| {
            name == path && !content.starts_with('@') && content.contains(|c: char| c.is_ascii_alphabetic())
        }),
        "dsync" => entry.strip_prefix(&prefix).is_some_and(|name| {
            // If the first name of a file were removed, its other names would have to be rewritten. Such trees are left
            // out.
            !name.is_empty() && !name.trim_end_matches('/').contains('/') && !tree.contains('@')
        }),
        _ => false,
    };
    let lost = *entries.iter().find(|entry| is_synced(entry))?;
    let rest = entries.into_iter().filter_map(|entry| match entry {
        _ if entry == lost && verb == "dsync" => None,
        _ if lost.ends_with('/') && entry.starts_with(lost) => None,
        // The letter is one that no workload writes.
        _ if entry == lost => {
            let (name, content) = entry.split_once('=')?;
            Some(format!("{name}={}", content.replace(|c: char| c.is_ascii_alphabetic(), "~")))
        }
        _ => Some(entry.to_owned()),
    });
    Some(rest.collect::<Vec<_>>().join(" "))
}

/// Returns whether an earlier call may have bound the synced path to another file or directory. A crash may then
/// restore the earlier binding.
fn is_rebound(before: &[String], call: &str) -> bool {
    let path = call.split_whitespace().nth(1).unwrap_or_default();
    let binds = ["mkdir", "rmdir", "creat", "clone", "ln", "mv", "mvn", "rm"];
    before.iter().any(|call| {
        let mut words = call.split_whitespace();
        words.next().is_some_and(|verb| binds.contains(&verb))
            && words
                .any(|name| path == name || path.strip_prefix(name).is_some_and(|rest| rest.starts_with('/')))
    })
}

/// A function that admits every tree would pass the tests above.
#[test]
fn a_tree_without_a_synced_entry_is_refused() {
    let mut refused = 0;
    for (profile, text) in FILES {
        for one in decode(text) {
            let (recording, notes) = one.on_the_model();
            for (tree, steps) in &one.trees {
                for step in steps.iter().filter(|step| **step > 0) {
                    let (before, call) = (&one.calls[..step - 1], &one.calls[step - 1]);
                    let Some(robbed) = robbed(call, tree).filter(|_| !is_rebound(before, call)) else {
                        continue;
                    };
                    let (at, found) = (notes[*step], parse(&robbed));
                    for profile in [profile, Profile::Adversarial] {
                        let admitted = recording.admits(profile, at..=at, &found);
                        assert!(admitted.is_err(), "{profile}: {} | {:?}: {robbed}", one.start, one.calls);
                    }
                    refused += 1;
                }
            }
        }
    }
    assert!(refused >= 1000, "only {refused}");
}

#[test]
fn the_record_format_round_trips() {
    let (_, text) = FILES[0];
    let observed = decode(text).into_iter().collect();
    assert_eq!(decode(&encode("a comment", &observed)), decode(text));
}

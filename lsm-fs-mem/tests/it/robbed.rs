//! Trees of recorded power cuts from which something that was synced is taken away. The model refuses them. A function
//! that admits every tree would pass the tests of [`recorded`](crate::recorded).
//!
//! What is lost returns to its state at the start. So each case needs its sync: a moment before the sync, the model
//! still admits the robbed tree.

use std::collections::{BTreeMap, BTreeSet};

use lsm_fs_mem::{FoundTree, Profile};

use crate::{
    notation::{bytes, parse, prepared, render},
    observed::{Observed, decode},
    recorded::FILES,
};

/// The names of a tree: `d/` without a value, and `a` with a value such as `=B1o23`.
type Names = BTreeMap<String, String>;

fn names(tree: &str) -> Names {
    let split = |entry: &str| {
        let (name, value) = entry.split_at(entry.find('=').unwrap_or(entry.len()));
        (name.to_owned(), value.to_owned())
    };
    tree.split_whitespace().map(split).collect()
}

fn text(names: &Names) -> String {
    names.iter().map(|(name, value)| format!("{name}{value}")).collect::<Vec<_>>().join(" ")
}

fn parent(name: &str) -> &str {
    name.rsplit_once('/').map_or(".", |(dir, _)| dir)
}

/// Returns whether the name is this path, or lies below it.
fn is_at(name: &str, path: &str) -> bool {
    name.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Takes a file or a directory out of a tree. Returns `None` if other names of its files would have to be rewritten.
fn without(tree: &Names, path: &str) -> Option<Names> {
    let (gone, rest): (Names, Names) = tree.clone().into_iter().partition(|(name, _)| is_at(name, path));
    let is_first = |value: &String| value.strip_prefix("=@").is_some_and(|first| gone.contains_key(first));
    (!gone.is_empty() && !rest.values().any(is_first)).then_some(rest)
}

/// Returns the trees in which the file has lost its content: it has its content at the start, or zeros.
fn without_content(start: &Names, tree: &Names, path: &str, data_only: bool) -> Vec<Names> {
    let Some(content) = tree.get(path).and_then(|value| value.strip_prefix('=')) else { return Vec::new() };
    let before = start.get(path).map_or("", |value| value.trim_start_matches('='));
    let zeros = content.replace(|c: char| c.is_ascii_alphabetic(), ".");
    if content.starts_with('@') || before.starts_with('@') {
        return Vec::new();
    }
    let is_lost = |left: &str| {
        let (all, left) = (bytes(content), bytes(left));
        // A sync of the data promises written bytes. It need not make a truncation durable.
        let lost_byte = all.iter().enumerate().any(|(at, byte)| *byte != 0 && left.get(at) != Some(byte));
        lost_byte || !data_only && all != left
    };
    let left = [before, &zeros].into_iter().filter(|left| is_lost(left));
    left.map(|left| tree.clone().into_iter().chain([(path.to_owned(), format!("={left}"))]).collect())
        .collect()
}

/// Returns the trees in which the directory has lost what one of the calls did to its names.
fn without_names(start: &Names, tree: &Names, dir: &str, calls: &[String]) -> Vec<Names> {
    let back = |name: &str| start.get(name).filter(|value| !value.starts_with("=@"));
    let lost = |call: &String| {
        let words: Vec<&str> = call.split_whitespace().collect();
        match words[..] {
            ["creat" | "mkdir", name] | ["ln" | "clone", _, name] if parent(name) == dir => {
                without(tree, name)
            }
            ["mv" | "mvn", from, to] if parent(to) == dir && !tree.keys().any(|name| is_at(name, from)) => {
                let mut robbed = without(tree, to)?;
                let moved = tree.iter().filter(|(name, _)| is_at(name, to));
                robbed.extend(
                    moved.map(|(name, value)| (format!("{from}{}", &name[to.len()..]), value.clone())),
                );
                robbed.extend(back(to).map(|value| (to.to_owned(), value.clone())));
                Some(robbed)
            }
            ["rm", name] if parent(name) == dir && !tree.contains_key(name) => {
                let mut robbed = tree.clone();
                robbed.insert(name.to_owned(), back(name)?.clone());
                Some(robbed)
            }
            _ => None,
        }
    };
    calls.iter().filter_map(lost).collect()
}

/// Returns whether an earlier call may have bound the path to another file or directory. A crash may then restore the
/// earlier binding. A file that was created once has no earlier one.
fn is_rebound(start: &Names, before: &[String], path: &str) -> bool {
    let binds = ["mkdir", "rmdir", "creat", "clone", "ln", "mv", "mvn", "rm"];
    let is_bound = |call: &&String| {
        let mut words = call.split_whitespace();
        words.next().is_some_and(|verb| binds.contains(&verb)) && words.any(|name| is_at(path, name))
    };
    let is_new = !start.keys().any(|name| is_at(name, path));
    let mut bound = before.iter().filter(is_bound);
    match (bound.next(), bound.next()) {
        (None, _) => false,
        (Some(only), None) if is_new => *only != format!("creat {path}") && *only != format!("mkdir {path}"),
        _ => true,
    }
}

/// Returns the tree without something that the call has synced, in several ways.
fn robbed(one: &Observed, start: &Names, step: usize, tree: &str) -> BTreeSet<String> {
    let (before, tree) = (&one.calls[..step - 1], names(tree));
    let Some((verb, path)) = one.calls[step - 1].split_once(' ') else { return BTreeSet::new() };
    let robbed = match verb {
        _ if is_rebound(start, before, path) => Vec::new(),
        "fsync" | "fdatasync" => without_content(start, &tree, path, verb == "fdatasync"),
        "dsync" => without_names(start, &tree, path, before),
        _ => Vec::new(),
    };
    robbed.iter().map(text).collect()
}

/// Robs the trees of a workload. Returns the number of cases by the sync that they need.
fn cases(profile: Profile, one: &Observed) -> BTreeMap<String, usize> {
    let (recording, notes) = one.on_the_model();
    let start = names(&render(&prepared(&one.start)));
    let mut cases = BTreeMap::new();
    for (tree, steps) in &one.trees {
        for step in steps.iter().copied().filter(|step| *step > 0) {
            let (before, after) = (notes[step - 1], notes[step]);
            for robbed in robbed(one, &start, step, tree) {
                let (found, whole) = (parse(&robbed), parse(tree));
                let admits = |profile: &Profile, at: usize, found: &FoundTree| {
                    recording.admits(*profile, at..=at, found).is_ok()
                };
                // A tree that the next call left on its way proves nothing about this moment.
                let mut profiles = vec![profile, Profile::Adversarial];
                profiles.retain(|of| admits(of, before, &found) && admits(of, after, &whole));
                for profile in &profiles {
                    let text =
                        format!("{profile}: {} | {:?} after call {step}: {robbed}", one.start, one.calls);
                    assert!(!admits(profile, after, &found), "{text}");
                }
                let verb = one.calls[step - 1].split(' ').next().unwrap();
                *cases.entry(verb.to_owned()).or_default() += usize::from(!profiles.is_empty());
            }
        }
    }
    cases
}

/// Requires the model to refuse the robbed trees of a file, of which there are many for each kind of sync.
fn all_are_refused(at: usize) {
    let (profile, text) = FILES[at];
    let mut all: BTreeMap<String, usize> = BTreeMap::new();
    for (verb, count) in decode(text).iter().flat_map(|one| cases(profile, one)) {
        *all.entry(verb).or_default() += count;
    }
    let is_enough = |verb: &str, least: usize| all.get(verb).is_some_and(|count| *count >= least);
    assert!(
        is_enough("fsync", 350) && is_enough("fdatasync", 250) && is_enough("dsync", 300),
        "only {all:?}"
    );
}

#[test]
fn a_robbed_tree_of_ext4_is_refused() {
    all_are_refused(0);
}

#[test]
fn a_robbed_tree_of_xfs_is_refused() {
    all_are_refused(1);
}

#[test]
fn a_robbed_tree_of_btrfs_is_refused() {
    all_are_refused(2);
}

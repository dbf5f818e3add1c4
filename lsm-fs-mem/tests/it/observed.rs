//! The trees that real filesystems left after simulated power cuts, in a file that `cargo xtask powercut` writes.
//!
//! A file has lines of three kinds. `S` is a durable start, `C` the calls after it, and `T` a tree with the numbers of
//! calls that had returned. Each line begins with the number of characters that it shares with the last line of its
//! kind, as two digits of base 36. [`notation`](crate::notation) explains calls and trees.

use std::collections::{BTreeMap, BTreeSet};

use lsm_fs_mem::{MemFs, Profile, Recording};

use crate::notation::{parse, run};

const BASE: u32 = 36;
const MOST: usize = 36 * 36 - 1;

/// The trees that were observed during one workload.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Observed {
    pub(crate) start: String,
    pub(crate) calls: Vec<String>,
    /// Each tree, with the numbers of calls that had returned.
    pub(crate) trees: BTreeMap<String, BTreeSet<usize>>,
}

/// A tree that the model refuses.
#[derive(Debug)]
pub(crate) struct Miss {
    pub(crate) profile: Profile,
    /// The number of calls that had returned.
    pub(crate) step: usize,
    pub(crate) tree: String,
    pub(crate) reason: String,
}

impl Observed {
    /// Runs the workload on the model. Returns the trees that these profiles refuse at a step at which they were seen.
    pub(crate) fn misses(&self, profiles: &[Profile]) -> Vec<Miss> {
        let (recording, notes) = self.on_the_model();
        let end = |step: usize| notes.get(step + 1).copied().unwrap_or(recording.events());
        let mut misses = Vec::new();
        for (tree, steps) in &self.trees {
            let found = parse(tree);
            for profile in profiles {
                // The next call may be under way.
                let refusal = |step: &usize| {
                    Some((*step, recording.admits(*profile, notes[*step]..=end(*step), &found).err()?))
                };
                if let Some((step, refusal)) = steps.iter().find_map(refusal) {
                    let (tree, reason) = (tree.clone(), refusal.reason);
                    misses.push(Miss { profile: *profile, step, tree, reason });
                }
            }
        }
        misses
    }

    /// Returns the recording, and the number of events up to the end of each call.
    pub(crate) fn on_the_model(&self) -> (Recording, Vec<usize>) {
        let fs = MemFs::new();
        run(&fs, &self.start);
        fs.settle();
        fs.record();
        fs.note("start");
        for call in &self.calls {
            run(&fs, call);
            fs.note("done");
        }
        let recording = fs.take_recording().unwrap();
        let notes = recording.notes().map(|(events, _)| events).collect();
        (recording, notes)
    }
}

/// Encodes workloads as text. Comments come first.
pub(crate) fn encode(comments: &str, observed: &BTreeSet<Observed>) -> String {
    let mut text: String = comments.lines().map(|line| format!("# {line}\n")).collect();
    let mut last = [String::new(), String::new(), String::new()];
    let mut line = |kind: usize, content: String| {
        let shared = last[kind].chars().zip(content.chars()).take_while(|(a, b)| a == b).count().min(MOST);
        let digit = |value: usize| char::from_digit(u32::try_from(value).unwrap(), BASE).unwrap();
        text.push(['S', 'C', 'T'][kind]);
        text.extend([digit(shared / 36), digit(shared % 36)]);
        text.extend(content.chars().skip(shared));
        text.push('\n');
        last[kind] = content;
    };
    let mut start = None;
    for one in observed {
        if start.replace(&one.start) != Some(&one.start) {
            line(0, one.start.clone());
        }
        line(1, one.calls.join("; "));
        for (tree, steps) in &one.trees {
            line(2, format!("{tree}|{}", ranges(steps)));
        }
    }
    text
}

/// Writes numbers as ranges, such as `0-2,5`.
fn ranges(steps: &BTreeSet<usize>) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for step in steps {
        match ranges.last_mut().filter(|(_, last)| last + 1 == *step) {
            Some((_, last)) => *last = *step,
            None => ranges.push((*step, *step)),
        }
    }
    let texts = ranges
        .into_iter()
        .map(|(first, last)| if first == last { first.to_string() } else { format!("{first}-{last}") });
    texts.collect::<Vec<_>>().join(",")
}

/// Reads the text that [`encode`] has written.
pub(crate) fn decode(text: &str) -> Vec<Observed> {
    let mut last = [String::new(), String::new(), String::new()];
    let mut found: Vec<Observed> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let kind = "SCT".find(&line[..1]).unwrap();
        let shared = usize::from_str_radix(&line[1..3], BASE).unwrap();
        let content: String = last[kind].chars().take(shared).chain(line[3..].chars()).collect();
        match kind {
            1 => {
                let calls = content.split(';').map(|call| call.trim().to_owned()).collect();
                found.push(Observed { start: last[0].clone(), calls, trees: BTreeMap::new() });
            }
            2 => {
                let (tree, steps) = content.split_once('|').unwrap();
                let steps = steps.split(',').flat_map(|range| {
                    let (first, last) = range.split_once('-').unwrap_or((range, range));
                    first.parse().unwrap()..=last.parse::<usize>().unwrap()
                });
                found.last_mut().unwrap().trees.insert(tree.to_owned(), steps.collect());
            }
            _ => {}
        }
        last[kind] = content;
    }
    found
}

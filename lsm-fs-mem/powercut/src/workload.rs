//! Workloads: from a list, and from a seed.

use lsm_fs_mem::MemFs;

use crate::{kind::Kind, notation::attempt, seeded::Seeded};

/// A durable start, and the calls.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Workload {
    pub(crate) start: String,
    pub(crate) calls: Vec<String>,
}

/// The workloads of the list, with their names.
pub(crate) fn listed() -> Vec<(String, Workload)> {
    parse(include_str!("../workloads.txt"))
}

/// Reads a list. `NAME: START` begins a group, and each of the indented lines below it is a workload.
fn parse(text: &str) -> Vec<(String, Workload)> {
    let (mut name, mut start) = (String::new(), String::new());
    let mut found = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        if line.starts_with(' ') {
            let calls = line.split(';').map(|call| call.trim().to_owned()).collect();
            found.push((name.clone(), Workload { start: start.clone(), calls }));
        } else {
            let (title, rest) = line.split_once(':').unwrap_or((line, ""));
            (name, start) = (title.trim().to_owned(), rest.trim().to_owned());
        }
    }
    found
}

const FILES: [&str; 8] = ["a", "b", "c", "d/a", "d/b", "e/a", "e/b", "d/s/a"];
const DIRS: [&str; 4] = ["d", "e", "d/s", "e/s"];
/// The maximum number of calls to draw. A drawn call that fails is dropped.
const DRAWS: usize = 400;

/// Returns a random workload: 4 to 10 calls on a start with three files and two directories. Each call succeeds on the
/// model.
pub(crate) fn random(kind: Kind, seed: u64) -> Workload {
    let mut seeded = Seeded::new(seed.wrapping_mul(3) + kind as u64);
    let mut start = "mkdir d; mkdir e; creat a; creat d/a; w d/a 0 512 p; creat b; w b 0 4096 q".to_owned();
    let pages = 1 + seeded.below(5);
    for page in 0..pages {
        let len = seeded.pick(&[512, 4096]);
        start += &format!("; w a {} {len} o", page * 4096);
    }
    if seeded.below(2) == 0 {
        start += "; remount";
    }
    let fs = MemFs::new();
    for call in start.split(';').filter(|call| !call.trim().is_empty()) {
        attempt(&fs, call).unwrap_or_else(|error| panic!("{call}: {error}"));
    }
    let wanted = 4 + seeded.below(7) as usize;
    let mut calls: Vec<String> = Vec::new();
    let mut letter = b'A';
    for _ in 0..DRAWS {
        if calls.len() == wanted {
            break;
        }
        let call = draw(kind, &mut seeded, char::from(letter));
        if attempt(&fs, &call).is_ok() {
            letter += u8::from(call.ends_with(char::from(letter)));
            calls.push(call);
        }
    }
    Workload { start, calls }
}

fn draw(kind: Kind, seeded: &mut Seeded, letter: char) -> String {
    let (file, other) = (seeded.pick(&FILES), seeded.pick(&FILES));
    let (dir, to) = (seeded.pick(&DIRS), seeded.pick(&DIRS));
    let any_dir = seeded.pick(&[".", ".", "d", "d", "e", "e", "d/s"]);
    let block = seeded.below(6) * 4096;
    let offset = if seeded.below(3) > 0 { block } else { seeded.below(48) * 512 };
    let len = seeded.pick(&[512, 512, 512, 1024, 4096, 8192]);
    let written = if seeded.below(2) == 0 { "a" } else { file };
    match seeded.below(40) {
        0 | 1 => format!("creat {file}"),
        2 => format!("mkdir {dir}"),
        3..=5 => format!("ln {file} {other}"),
        6..=10 if file != other => format!("mv {file} {other}"),
        11 if dir != to => format!("mv {dir} {to}"),
        12..=14 => format!("rm {file}"),
        15 => format!("rmdir {dir}"),
        16..=22 => format!("w {written} {offset} {len} {letter}"),
        23 => format!("dw {written} {block} 4096 {letter}"),
        24 | 25 => format!("trunc {written} {}", seeded.below(48) * 512),
        26 => format!("otrunc {written}"),
        27 => format!("punch {written} {offset} {len}"),
        28 if kind != Kind::Ext4 => format!("clone {file} {other}"),
        29..=31 => format!("fsync {file}"),
        32 | 33 => format!("fdatasync {written}"),
        34..=36 => format!("dsync {any_dir}"),
        37 => format!("wb {written} {block} 4096"),
        38 => format!("wb {written} 0 1048576"),
        39 => "commit".to_owned(),
        _ => format!("w a {block} {len} {letter}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_workload_of_4_to_10_calls() {
        for seed in 0..300 {
            let workload = random(Kind::Btrfs, seed);
            assert_eq!(workload, random(Kind::Btrfs, seed));
            assert!((4..=10).contains(&workload.calls.len()), "{workload:?}");
        }
        assert_ne!(random(Kind::Ext4, 1), random(Kind::Xfs, 1));
    }

    #[test]
    fn every_listed_workload_runs_on_the_model() {
        let listed = listed();
        assert!(listed.len() > 1000, "{}", listed.len());
        for (name, Workload { start, calls }) in listed {
            let fs = MemFs::new();
            for call in start.split(';').map(str::trim).chain(calls.iter().map(String::as_str)) {
                attempt(&fs, call).unwrap_or_else(|error| panic!("{name}: {call}: {error}"));
            }
        }
    }

    #[test]
    fn a_list_is_parsed_in_groups() {
        let list = parse("# a comment\none: creat a\n  rm a; dsync .\n  fsync a\n");
        let expected = ["rm a; dsync .", "fsync a"];
        assert_eq!(list.len(), 2);
        for ((name, workload), calls) in list.iter().zip(expected) {
            assert_eq!((name.as_str(), workload.start.as_str()), ("one", "creat a"));
            assert_eq!(workload.calls.join("; "), calls);
        }
    }
}

//! A notation for calls and for the states that they leave.
//!
//! Calls are separated by `;`: `mkdir P`, `creat P`, `w P OFFSET LEN BYTE`, `trunc P LEN`, `otrunc P`, `punch P OFFSET
//! LEN`, `chmod P MODE`, `clone P Q`, `ln P Q`, `mv P Q`, `rm P`, `rmdir P`, `fsync P`, `fdatasync P`, `syncfs P`, and
//! `dsync P`, the sync of a directory. `mvn P Q` is a rename that replaces nothing, and `dw` a direct write. `wb P
//! OFFSET LEN` and `commit` stand for write-back by the kernel. The model allows such write-back at any time, so these
//! calls do nothing here. `sleep MILLISECONDS` and `remount` do nothing either.
//!
//! A state is a sorted list of names: `d/` is a directory, `a=B1o23` a file with one sector of `B` and 23 of `o`, and
//! `d/b=@a` another name of the file `a`. A sector of zeros is written as `.`.

use std::{collections::BTreeMap, path::Path};

use lsm_fs::{FileId, Fs, FsAbilities, FsExt, FsFile, FsOpenOptions, SyncMode};
use lsm_fs_mem::{FoundTree, MemFs, Recording};

const NORMAL: SyncMode = SyncMode::Normal;
const SECTOR: usize = 512;

fn at(path: &str) -> String {
    if path == "." { "/".to_owned() } else { format!("/{path}") }
}

fn open(fs: &MemFs, path: &str) -> lsm_fs::Result<Box<dyn FsFile>> {
    fs.open(Path::new(&at(path)), &FsOpenOptions::new().write(true))
}

/// Makes the calls. A call that fails is a mistake in the test.
pub(crate) fn run(fs: &MemFs, calls: &str) {
    for text in calls.split(';').map(str::trim).filter(|call| !call.is_empty()) {
        attempt(fs, text).unwrap_or_else(|e| panic!("{text}: {e}"));
    }
}

/// Makes one call.
pub(crate) fn attempt(fs: &MemFs, text: &str) -> lsm_fs::Result<()> {
    call(fs, &text.split_whitespace().collect::<Vec<_>>())
}

/// Makes the calls and makes them durable.
pub(crate) fn prepared(start: &str) -> MemFs {
    let fs = MemFs::new();
    run(&fs, start);
    fs.settle();
    fs
}

/// Records calls on a durable start.
pub(crate) fn recorded(start: &str, calls: &str) -> Recording {
    let fs = prepared(start);
    fs.record();
    run(&fs, calls);
    fs.take_recording().unwrap()
}

fn call(fs: &MemFs, words: &[&str]) -> lsm_fs::Result<()> {
    let number = |word: &str| word.parse::<u64>().unwrap();
    let (one, two) = (words.get(1).map_or(String::new(), |p| at(p)), words.get(2).map_or("", |p| p));
    let (path, other) = (Path::new(&one), at(two));
    let other = Path::new(&other);
    let new = FsOpenOptions::new().write(true).create_new(true);
    match words[0] {
        "mkdir" => fs.create_dir(path),
        "creat" => fs.open(path, &new).map(drop),
        "w" | "dw" => {
            let bytes = vec![words[4].as_bytes()[0]; usize::try_from(number(words[3])).unwrap()];
            open(fs, words[1])?.write_at(&bytes, number(two))
        }
        "trunc" => open(fs, words[1])?.set_len(number(two)),
        "otrunc" => fs.open(path, &FsOpenOptions::new().write(true).truncate(true)).map(drop),
        "punch" => fs.punch_hole(path, number(two), number(words[3])),
        "chmod" => chmod(fs, path, u32::from_str_radix(two, 8).unwrap()),
        "clone" => fs.reflink_file(path, other),
        "ln" => fs.hard_link(path, other),
        "mv" => fs.rename(path, other),
        "mvn" => fs.rename_noreplace(path, other),
        "rm" => fs.remove_file(path),
        "rmdir" => fs.remove_dir(path),
        "fsync" => open(fs, words[1])?.sync_all(NORMAL),
        "fdatasync" => open(fs, words[1])?.sync_data(NORMAL),
        "dsync" => fs.sync_directory(path, NORMAL).map(drop),
        "syncfs" => fs.sync_volume(path),
        "wb" => open(fs, words[1]).map(drop),
        "commit" | "sleep" | "remount" => Ok(()),
        other => panic!("no such call: {other}"),
    }
}

fn chmod(fs: &MemFs, path: &Path, mode: u32) -> lsm_fs::Result<()> {
    let found = fs.metadata(path)?;
    let to = found.permissions.unwrap().with_mode(mode);
    let set = if found.is_dir() {
        fs.abilities().and_then(FsAbilities::permissions).unwrap().set_directory_permissions(path, &to)
    } else {
        fs.open(path, &FsOpenOptions::new().write(true))?.set_permissions(&to)
    };
    set.map(drop)
}

/// Returns the state of a filesystem as text.
pub(crate) fn render(fs: &dyn Fs) -> String {
    let mut lines = Vec::new();
    list(fs, "", &mut BTreeMap::new(), &mut lines);
    lines.join(" ")
}

fn list(fs: &dyn Fs, below: &str, known: &mut BTreeMap<FileId, String>, lines: &mut Vec<String>) {
    for entry in fs.read_dir(Path::new(&format!("/{below}"))).unwrap() {
        let path = format!("{below}{}", entry.name.to_str().unwrap());
        if entry.file_type.is_dir() {
            lines.push(format!("{path}/"));
            list(fs, &format!("{path}/"), known, lines);
            continue;
        }
        let full = format!("/{path}");
        let id = fs.metadata(Path::new(&full)).unwrap().file_id.unwrap();
        if let Some(first) = known.get(&id) {
            lines.push(format!("{path}=@{first}"));
            continue;
        }
        let content = content(&fs.read_to_vec(Path::new(&full), 1 << 20).unwrap());
        lines.push(format!("{path}={content}"));
        known.insert(id, path);
    }
}

/// Returns the runs of equal sectors.
fn content(bytes: &[u8]) -> String {
    let mut runs: Vec<(char, usize)> = Vec::new();
    for sector in bytes.chunks(SECTOR) {
        let letter = match sector[0] {
            _ if sector.iter().any(|byte| *byte != sector[0]) => '?',
            0 => '.',
            byte => char::from(byte),
        };
        match runs.last_mut().filter(|run| run.0 == letter) {
            Some(run) => run.1 += 1,
            None => runs.push((letter, 1)),
        }
    }
    runs.iter().map(|(letter, count)| format!("{letter}{count}")).collect()
}

/// Parses a state.
pub(crate) fn parse(state: &str) -> FoundTree {
    let entries: Vec<&str> = state.split_whitespace().collect();
    let mut found = FoundTree::new();
    for dir in entries.iter().filter_map(|entry| entry.strip_suffix('/')) {
        found = found.dir(at(dir));
    }
    for (name, content) in entries.iter().filter_map(|entry| entry.split_once('=')) {
        if content.starts_with('@') {
            continue;
        }
        let link = format!("=@{name}");
        let others = entries.iter().filter_map(|entry| entry.strip_suffix(&*link));
        found = found.file([name].into_iter().chain(others).map(at), &bytes(content));
    }
    found
}

/// Returns the bytes of a content such as `B1o23`.
pub(crate) fn bytes(content: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = content;
    while let Some(letter) = rest.chars().next() {
        let end = rest[1..].find(|c: char| !c.is_ascii_digit()).map_or(rest.len(), |end| end + 1);
        let count: usize = rest[1..end].parse().unwrap();
        let byte = if letter == '.' { 0 } else { u8::try_from(letter).unwrap() };
        bytes.extend(std::iter::repeat_n(byte, count * SECTOR));
        rest = &rest[end..];
    }
    bytes
}

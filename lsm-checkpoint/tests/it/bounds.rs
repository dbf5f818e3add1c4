//! The memory that hostile directories cost, measured in a separate process with limited memory. The process runs this
//! test binary again.

use std::{
    fs::{self, File},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use lsm_checkpoint::{CheckpointState, VerifyOptions, list, sweep, verify};
use lsm_fs::{StdFs, SyncMode};
use lsm_manifest::{
    FooterPayload, TocEntry,
    block::{BlockHeader, BlockType},
    format::{HEAD_LEN, SECTION_BLOCK_MAX},
};
use rustix::process::{Resource, Rlimit, setrlimit};
use xxhash_rust::xxh3::xxh3_128;

const DIR: &str = "LSM_CHECKPOINT_BOUNDS_DIR";
const BOUND: u64 = 64 << 20;
const BOUND_PER_ENTRY: u64 = 200;
const TIME_MAX: Duration = Duration::from_secs(60);

/// The longest payload of a section.
const PAYLOAD_MAX: usize = SECTION_BLOCK_MAX as usize - 34;

/// Counts the entries in and below a directory.
fn entries_below(dir: &Path) -> u64 {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    entries
        .map(|entry| if entry.file_type().unwrap().is_dir() { 1 + entries_below(&entry.path()) } else { 1 })
        .sum()
}

/// Runs in the child process. In an ordinary test run it does nothing.
#[test]
fn look_if_asked() {
    let Some(dir) = std::env::var_os(DIR) else { return };
    let dir = Path::new(&dir);
    let entries = entries_below(dir);
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let size = status.lines().find_map(|line| line.strip_prefix("VmSize:")).unwrap();
    let size = size.split_whitespace().next().unwrap().parse::<u64>().unwrap() << 10;
    let limit = Some(size + BOUND + BOUND_PER_ENTRY * entries);
    setrlimit(Resource::As, Rlimit { current: limit, maximum: limit }).unwrap();
    let timed = |verb: &str, work: &dyn Fn() -> String| {
        let start = Instant::now();
        println!("looked: {verb}: {} ({entries} entries)", work());
        assert!(start.elapsed() < TIME_MAX, "{verb} took {:?}", start.elapsed());
    };
    timed("list", &|| {
        let listed = list(&StdFs, dir).unwrap();
        let complete = |state: &CheckpointState| matches!(state, CheckpointState::Complete);
        format!("{} complete", listed.iter().filter(|listed| complete(&listed.state)).count())
    });
    for entry in fs::read_dir(dir).unwrap() {
        timed("verify", &|| match verify(&StdFs, &entry.as_ref().unwrap().path(), &VerifyOptions::full()) {
            Ok(report) => format!("{} problems", report.problems.len()),
            Err(error) => error.to_string().chars().rev().take(80).collect::<Vec<_>>().iter().rev().collect(),
        });
    }
    timed("sweep", &|| format!("{} failed", sweep(&StdFs, dir, SyncMode::Normal).unwrap().failed.len()));
}

/// Examines a directory in a child process, and returns the output of the operations.
fn look(dir: &Path) -> String {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "bounds::look_if_asked", "--nocapture"])
        .env(DIR, dir)
        // By default, glibc reserves an arena per thread, which takes as much address space as the bound.
        .env("MALLOC_ARENA_MAX", "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&child.stdout).into_owned();
    println!("{said}");
    assert!(child.status.success(), "{said}{}", String::from_utf8_lossy(&child.stderr));
    assert!(said.contains("looked: sweep"), "{said}");
    said
}

/// Writes all pages that are not empty.
fn write_sparsely(file: &File, bytes: &[u8], at: u64) {
    for (page, bytes) in
        bytes.chunks(4096).enumerate().filter(|(_, bytes)| bytes.iter().any(|byte| *byte != 0))
    {
        file.write_all_at(bytes, at + page as u64 * 4096).unwrap();
    }
}

fn block(block_type: BlockType, payload: &[u8]) -> BlockHeader {
    let len = u32::try_from(payload.len()).unwrap();
    let (data_len, plain_len) = (len, len);
    BlockHeader {
        block_type,
        parity: false,
        encrypted: false,
        checksum: xxh3_128(payload),
        data_len,
        plain_len,
    }
}

/// Creates a checkpoint that consists only of a catalog with these sections.
fn forge(dir: &Path, sections: &[(&str, &[u8])]) {
    fs::create_dir(dir).unwrap();
    let file = File::create_new(dir.join("CHECKPOINT")).unwrap();
    let (mut end, mut toc) = (HEAD_LEN as u64, Vec::new());
    // Equal payloads are adjacent, so they are hashed and their pages scanned only once.
    let mut last: Option<(&[u8], BlockHeader, bool)> = None;
    for (name, payload) in sections {
        let (_, header, is_hole) =
            *last.take_if(|(known, ..)| std::ptr::eq(*known, *payload)).get_or_insert_with(|| {
                (payload, block(BlockType::Manifest, payload), payload.iter().all(|byte| *byte == 0))
            });
        last = Some((payload, header, is_hole));
        let header_bytes = header.encode();
        file.write_all_at(&header_bytes, end).unwrap();
        if !is_hole {
            write_sparsely(&file, payload, end + header_bytes.len() as u64);
        }
        let size = u32::try_from(header.block_len()).unwrap();
        toc.push(TocEntry { name: (*name).to_owned(), offset: end, size, checksum: header.checksum });
        end += u64::from(size);
    }
    let footer = FooterPayload::new(false, toc).unwrap().encode();
    let mut tail = block(BlockType::ManifestFooter, &footer).encode().to_vec();
    tail.extend_from_slice(&footer);
    tail.extend_from_slice(&u32::try_from(tail.len()).unwrap().to_le_bytes());
    file.write_all_at(&tail, end).unwrap();
}

fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(&u32::try_from(text.len()).unwrap().to_le_bytes());
    out.extend_from_slice(text);
}

fn head(identity: &[u8], trees: &[(&[u8], u32)]) -> Vec<u8> {
    let mut out = 1_u32.to_le_bytes().to_vec();
    put_text(&mut out, identity);
    out.extend_from_slice(&[0; 16]);
    for (folder, folders) in trees {
        put_text(&mut out, folder);
        out.extend_from_slice(&[0; 8]);
        out.extend_from_slice(&folders.to_le_bytes());
        (0..*folders).for_each(|_| put_text(&mut out, b"a"));
    }
    out
}

/// Returns distinct short names.
fn names() -> impl Iterator<Item = [u8; 4]> {
    (0..26_u32.pow(4)).map(|n| [n / 17_576, n / 676, n / 26, n].map(|n| b'a' + u8::try_from(n % 26).unwrap()))
}

/// Encodes records of empty tables with these names.
fn records<N: AsRef<[u8]>>(names: impl Iterator<Item = N>) -> Vec<u8> {
    let mut out = Vec::new();
    for name in names {
        out.extend_from_slice(&[0; 6]);
        put_text(&mut out, name.as_ref());
        out.extend_from_slice(&[0; 8]);
        if out.len() + 22 > PAYLOAD_MAX {
            break;
        }
    }
    out
}

/// Encodes a record of format 2: its length, and the bytes from `put`.
fn record(put: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut fields = Vec::new();
    put(&mut fields);
    let mut out = u32::try_from(fields.len()).unwrap().to_le_bytes().to_vec();
    out.append(&mut fields);
    out
}

/// Encodes a head of format 2 that announces this number of trees, files and directories.
fn head_2(counts: [u64; 3]) -> Vec<u8> {
    let mut out = 2_u32.to_le_bytes().to_vec();
    out.extend_from_slice(&[0; 8]);
    out.extend(record(|out| {
        out.extend_from_slice(&[0; 12]);
        counts.iter().for_each(|count| out.extend_from_slice(&count.to_le_bytes()));
        put_text(out, b"db");
    }));
    out
}

/// Encodes a record of format 2: a tree with these folders.
fn tree_2<N: AsRef<[u8]>>(folder: &[u8], folders: &[N]) -> Vec<u8> {
    record(|out| {
        out.extend_from_slice(&[0; 12]);
        put_text(out, folder);
        out.extend_from_slice(&u32::try_from(folders.len()).unwrap().to_le_bytes());
        folders.iter().for_each(|folder| put_text(out, folder.as_ref()));
    })
}

/// Encodes records of format 2: empty tables with these names.
fn records_2<N: AsRef<[u8]>>(names: impl Iterator<Item = N>) -> Vec<u8> {
    names
        .flat_map(|name| {
            record(|out| {
                out.extend_from_slice(&[0; 10]);
                put_text(out, name.as_ref());
                out.extend_from_slice(&[0; 8]);
            })
        })
        .collect()
}

/// Returns names of directories four levels deep, no two of which share a parent.
fn deep_names(count: usize) -> Vec<Vec<u8>> {
    names().take(count).map(|name| [name.as_slice(), b"/b/c/d"].concat()).collect()
}

#[test]
fn sections_of_holes_take_no_memory() {
    let home = tempfile::tempdir().unwrap();
    let (hole, head) = (vec![0; PAYLOAD_MAX], head(b"db", &[(b"", 0)]));
    for kind in ["files.", "x."] {
        let names: Vec<String> = (0..92).map(|n| format!("{kind}{n}")).collect();
        let mut sections: Vec<(&str, &[u8])> = vec![("checkpoint", &head)];
        sections.extend(names.iter().map(|name| (name.as_str(), hole.as_slice())));
        forge(&home.path().join(kind), &sections);
    }
    assert!(look(home.path()).contains("0 complete"));
}

#[test]
fn a_catalog_of_absent_files_takes_little_memory() {
    let home = tempfile::tempdir().unwrap();
    let (head, records) = (head(b"db", &[(b"", 0)]), records(names()));
    assert!(records.len() > PAYLOAD_MAX / 2);
    forge(&home.path().join("t"), &[("checkpoint", &head), ("files.0", &records)]);
    const FILES: usize = 400_000;
    let (head, records) = (head_2([1, FILES as u64, 0]), records_2(names().take(FILES)));
    assert!(records.len() > PAYLOAD_MAX / 2);
    let tree = tree_2::<&[u8]>(b"", &[]);
    forge(&home.path().join("u"), &[("checkpoint", &head), ("trees.0", &tree), ("files.0", &records)]);
    let said = look(home.path());
    assert!(said.contains("0 complete") && said.matches("lists far more").count() == 2, "{said}");
}

/// This number of names is accepted. The memory that they take stays within the bound.
#[test]
fn the_largest_accepted_catalog_stays_within_the_bound() {
    const FILES: usize = 59_000;
    const DIRS: usize = 15_000;
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name);
    let tree = tree_2::<&[u8]>(b"", &[]);
    let head = head_2([1, FILES as u64, 0]);
    let records = records_2(names().take(FILES));
    forge(&at("files"), &[("checkpoint", &head), ("trees.0", &tree), ("files.0", &records)]);
    let trees: Vec<u8> = deep_names(DIRS).iter().flat_map(|name| tree_2::<&[u8]>(name, &[])).collect();
    forge(&at("trees"), &[("checkpoint", &head_2([DIRS as u64, 0, 0])), ("trees.0", &trees)]);
    let folders = tree_2(b"", &deep_names(DIRS));
    forge(&at("folders"), &[("checkpoint", &head_2([1, 0, 0])), ("trees.0", &folders)]);
    let said = look(home.path());
    assert!(!said.contains("lists far more"), "{said}");
    assert!(said.contains(&format!("{FILES} problems")), "{said}");
}

/// The path in a short record names four directories.
#[test]
fn a_catalog_of_absent_directories_takes_little_memory() {
    const DIRS: usize = 50_000;
    let home = tempfile::tempdir().unwrap();
    let trees: Vec<u8> = deep_names(DIRS).iter().flat_map(|name| tree_2::<&[u8]>(name, &[])).collect();
    let head = head_2([DIRS as u64, 0, 0]);
    forge(&home.path().join("trees"), &[("checkpoint", &head), ("trees.0", &trees)]);
    let folders = tree_2(b"", &deep_names(DIRS));
    forge(&home.path().join("folders"), &[("checkpoint", &head_2([1, 0, 0])), ("trees.0", &folders)]);
    let said = look(home.path());
    assert_eq!(said.matches("lists far more").count(), 2, "{said}");
}

#[test]
fn a_catalog_of_absent_trees_and_folders_takes_little_memory() {
    let home = tempfile::tempdir().unwrap();
    let names: Vec<[u8; 4]> = names().collect();
    let trees: Vec<(&[u8], u32)> = names.iter().map(|name| (name.as_slice(), 0)).collect();
    forge(&home.path().join("trees"), &[("checkpoint", &head(b"db", &trees))]);
    forge(&home.path().join("folders"), &[("checkpoint", &head(b"db", &[(b"", 3_000_000)]))]);
    look(home.path());
}

#[test]
fn identities_of_many_mebibytes_take_little_memory() {
    let home = tempfile::tempdir().unwrap();
    let head = head(&vec![0; 12 << 20], &[(b"", 0)]);
    for n in 0..12 {
        forge(&home.path().join(n.to_string()), &[("checkpoint", &head)]);
    }
    look(home.path());
}

#[test]
fn markers_of_many_pointers_take_little_memory() {
    let home = tempfile::tempdir().unwrap();
    for (name, len) in [("large", 15 << 20), ("small", 1_000_000)] {
        fs::create_dir(home.path().join(name)).unwrap();
        fs::create_dir(home.path().join(format!(".{name}.checkpoint-staged"))).unwrap();
        let lines = format!("publish\n{}", "a\n".repeat(len / 2));
        let marker = format!("{:032x}\n{lines}", xxh3_128(lines.as_bytes()));
        fs::write(home.path().join(name).join(".checkpoint-unpublished"), marker).unwrap();
    }
    look(home.path());
}

/// The bounds affect only catalogs that list absent files.
#[test]
fn a_large_checkpoint_is_read() {
    const FILES: usize = 100_000;
    let home = tempfile::tempdir().unwrap();
    let (head, records) = (head(b"db", &[(b"", 0)]), records(names().take(FILES)));
    let dir = home.path().join("t");
    forge(&dir, &[("checkpoint", &head), ("files.0", &records)]);
    fs::create_dir(dir.join("tables")).unwrap();
    // Hard links are cheaper than files, up to the maximal number per inode.
    let mut first = PathBuf::new();
    for (n, name) in names().take(FILES).enumerate() {
        let path = dir.join("tables").join(str::from_utf8(&name).unwrap());
        if n % 50_000 == 0 {
            drop(File::create_new(&path).unwrap());
            first = path;
        } else {
            fs::hard_link(&first, &path).unwrap();
        }
    }
    let said = look(home.path());
    assert!(said.contains("1 complete") && said.contains("0 problems"), "{said}");
}

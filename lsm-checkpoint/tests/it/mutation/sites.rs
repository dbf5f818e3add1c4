//! The places in the code that sync. An additional place must be covered by a test of this folder.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Calls that sync or that end with a sync.
const SYNCS: [&str; 8] = [
    ".sync_directory(",
    ".sync_all(",
    ".sync_data(",
    "sync_batch(",
    "reflink_batch_with(",
    "copy_batch(",
    ".write_new(",
    ".rewrite_atomic(",
];

/// For each source file, the object that each of these calls syncs, as the tests name it.
const SITES: [(&str, &[&str]); 12] = [
    (
        "remove/erase.rs",
        &["the pointers' directories", "folders that stay", "T, before the catalog goes", "T or the parent"],
    ),
    ("run/seal.rs", &["S and its directories"]),
    // The second is a call of the filesystem that defers syncs.
    ("staged.rs", &["metadata", "none"]),
    (
        "target_life/debris.rs",
        &["the parent, without T", "the parent, without S", "T, without all but the marker"],
    ),
    (
        "target_life/in_place.rs",
        &["the parent, with S", "T and its directories", "T, with the pointers", "the parent, without T"],
    ),
    (
        "target_life/inside.rs",
        &[
            "D, with S",
            "folders that stay",
            "D, without S",
            "D, without the marker",
            "D, without all but the marker",
        ],
    ),
    ("target_life/marker.rs", &["the marker", "the marker's name", "T, without the marker"]),
    ("target_life/pointers.rs", &["T or D, without the pointers"]),
    ("target_life/publish.rs", &["the parent, with T", "the parent, with S again", "the parent, without S"]),
    (
        "target_life/withdraw.rs",
        &["the parent, with T again", "the parent, without T", "the parent, without S", "the parent, with S"],
    ),
    ("transfer/copy.rs", &["copies"]),
    ("transfer/share.rs", &["clones"]),
];

fn source_files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        // Unit tests lie next to the code, in `tests.rs` and below `tests`.
        if path.is_dir() && !path.ends_with("tests") {
            source_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Returns the code without documentation and comments.
fn syncs_in(text: &str) -> usize {
    let code = text.lines().map(str::trim_start).filter(|line| !line.starts_with("//"));
    code.map(|line| SYNCS.iter().map(|call| line.matches(call).count()).sum::<usize>()).sum()
}

#[test]
fn every_sync_in_the_code_has_a_test_that_leaves_it_out() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    source_files(&src, &mut files);
    let mut found = BTreeMap::new();
    for file in files.iter().filter(|file| !file.ends_with("tests.rs")) {
        let syncs = syncs_in(&fs::read_to_string(file).unwrap());
        if syncs > 0 {
            found.insert(file.strip_prefix(&src).unwrap().to_str().unwrap().to_owned(), syncs);
        }
    }
    let known = SITES.map(|(file, syncs)| (file.to_owned(), syncs.len()));
    assert_eq!(
        found,
        BTreeMap::from(known),
        "a sync was added or lost: leave it out in a test that fails, and name it here"
    );
}

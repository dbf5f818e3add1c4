//! Checks FORMAT.md and README.md against the code.

use std::path::Path;

use lsm_fs::FsExt;
use lsm_manifest::{FooterSource, ReadOptions, WriteOptions, open_current, publish_current};

use crate::support::{
    DIR, LIMIT, current_path, mem_fs, open, owned, put_file, read_all, version_path, write,
};

const DOCUMENT: &str = include_str!("../../FORMAT.md");
const EXAMPLE: [(&str, &[u8]); 2] = [("format_version", &[5]), ("comparator_name", b"default")];

/// Returns the bytes of the document's hex blocks, in order. Text behind two spaces is a comment.
fn hex_blocks() -> Vec<Vec<u8>> {
    let block = |text: &str| {
        let text = text.split("```").next().unwrap();
        let digits = text.lines().map(|line| line.split("  ").next().unwrap()).collect::<String>();
        let digits: Vec<_> = digits.chars().filter(|c| !c.is_whitespace()).collect();
        digits
            .chunks(2)
            .map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap())
            .collect()
    };
    DOCUMENT.split("```hex\n").skip(1).map(block).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.chunks(32).map(|line| line.iter().map(|b| format!("{b:02x}")).collect::<String>() + "\n").collect()
}

#[test]
fn the_worked_example_equals_a_written_archive() {
    let fs = mem_fs();
    let archive = write(&fs, &version_path(5), WriteOptions::new(), &EXAMPLE).unwrap();
    let _ = publish_current(&archive).unwrap();
    let bytes = fs.read_to_vec(&version_path(5), LIMIT).unwrap();
    let current = fs.read_to_vec(&current_path(), LIMIT).unwrap();
    let blocks = hex_blocks();
    assert!(blocks[0] == bytes[4096..], "the archive from 4096 on is\n{}", hex(&bytes[4096..]));
    assert!(blocks[1] == current, "CURRENT is\n{}", hex(&current));
    assert!(DOCUMENT.contains(&format!("The archive is {} bytes long", bytes.len())));
    let footer = archive.footer().sections_end();
    let footer_len = bytes.len() as u64 - 4 - footer;
    assert!(DOCUMENT.contains(&format!("The footer block is {footer_len} bytes long")));
}

/// Builds the file from the document alone.
#[test]
fn the_worked_example_is_read() {
    let [from_4096, current] = <[_; 2]>::try_from(hex_blocks()).unwrap();
    let hint = u32::from_le_bytes(*from_4096.last_chunk().unwrap()) as usize;
    let footer = from_4096[from_4096.len() - 4 - hint..from_4096.len() - 4].to_vec();
    let mut head = footer;
    head.resize(4096, 0);
    let fs = mem_fs();
    put_file(&fs, &version_path(5), &[&head[..], &from_4096].concat());
    put_file(&fs, &current_path(), &current);
    let (_, reader) = open_current(&fs, Path::new(DIR), &ReadOptions::new()).unwrap().unwrap();
    assert_eq!(reader.source(), FooterSource::Tail);
    assert_eq!(read_all(&reader).unwrap(), owned(&EXAMPLE));
    // The mirror alone is enough.
    put_file(&fs, &version_path(5), &[&head[..], &from_4096, b"!"].concat());
    assert_eq!(open(&fs, &version_path(5)).unwrap().source(), FooterSource::Mirror);
}

#[test]
fn the_document_has_the_hash_of_its_source() {
    let source = include_bytes!("../../src/format.rs");
    let hash = source.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let line = format!("<!-- format.rs fnv1a64: {hash:016x} -->");
    assert!(DOCUMENT.lines().any(|found| found == line), "review FORMAT.md, then write into it: {line}");
}

#[test]
fn the_readme_shows_the_tested_program() {
    let readme = include_str!("../../README.md");
    let program = include_str!("../../examples/life_cycle.rs");
    assert!(
        readme.contains(&format!("```rust\n{program}```\n")),
        "copy examples/life_cycle.rs into README.md"
    );
}

//! Hot paths in memory: encoding and decoding, and writing, opening and reading an archive.
#![allow(
    clippy::unwrap_used,
    missing_docs,
    reason = "a benchmark stops at the first surprise; criterion's macros make undocumented functions"
)]

use std::{hint::black_box, path::Path};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use lsm_fs::Fs;
use lsm_fs_mem::MemFs;
use lsm_manifest::{
    Current, FooterPayload, ManifestArchiveReader, ManifestArchiveWriter, ReadOptions, TocEntry,
    WriteOptions,
    block::{BlockHeader, BlockType},
    current_digest,
};

const TABLES: usize = 1_000;
/// The number of bytes that an engine stores for each table.
const RECORD: usize = 64;
/// The number of sections of an engine's manifest, and the most that fit into a footer with such names.
const SECTIONS: [usize; 2] = [6, 100];

fn footer_of(sections: usize) -> FooterPayload {
    let mut offset = 4096;
    let entries = (0..sections).map(|index| {
        let entry = TocEntry { name: format!("{index:03}"), offset, size: 1_000, checksum: index as u128 };
        offset = entry.end();
        entry
    });
    FooterPayload::new(true, entries.collect()).unwrap()
}

fn encodings(c: &mut Criterion) {
    let header = BlockHeader {
        block_type: BlockType::Manifest,
        parity: false,
        encrypted: false,
        checksum: 7,
        data_len: 1_000,
        plain_len: 1_000,
    };
    let bytes = header.encode();
    let mut group = c.benchmark_group("block header");
    group.bench_function("encode", |b| b.iter(|| black_box(&header).encode()));
    group.bench_function("decode", |b| {
        b.iter(|| BlockHeader::decode(black_box(&bytes), BlockType::Manifest).unwrap());
    });
    group.finish();
    for sections in SECTIONS {
        let footer = footer_of(sections);
        let bytes = footer.encode();
        let mut group = c.benchmark_group(format!("footer of {sections} sections"));
        group.throughput(Throughput::Elements(sections as u64));
        group.bench_function("encode", |b| b.iter(|| black_box(&footer).encode()));
        group.bench_function("decode", |b| b.iter(|| FooterPayload::decode(black_box(&bytes)).unwrap()));
        group.bench_function("digest", |b| b.iter(|| current_digest(7, black_box(&footer))));
        group.finish();
    }
    let current = Current::new(7, &footer_of(6));
    let bytes = current.encode();
    let mut group = c.benchmark_group("CURRENT");
    group.bench_function("encode", |b| b.iter(|| black_box(&current).encode()));
    group.bench_function("decode", |b| b.iter(|| Current::decode(black_box(&bytes)).unwrap()));
    group.finish();
}

fn write(fs: &MemFs, path: &Path, tables: &[u8]) {
    let mut writer = ManifestArchiveWriter::create(fs, path, WriteOptions::new()).unwrap();
    let sections: [(&str, &[u8]); 6] = [
        ("format_version", &[5]),
        ("tree_type", &[0]),
        ("level_count", &[7]),
        ("comparator_name", b"default"),
        ("tables", tables),
        ("blob_files", &[]),
    ];
    for (name, payload) in sections {
        writer.add_section(name, payload).unwrap();
    }
    drop(writer.finish().unwrap());
}

fn archives(c: &mut Criterion) {
    let tables = vec![7; TABLES * RECORD];
    let (fs, path) = (MemFs::new(), Path::new("/v7"));
    write(&fs, path, &tables);
    let open = || ManifestArchiveReader::open(&fs, path, &ReadOptions::new()).unwrap();
    let mut group = c.benchmark_group(format!("archive of {TABLES} tables in memory"));
    group.throughput(Throughput::Bytes(fs.metadata(path).unwrap().len));
    group.bench_function("write", |b| b.iter(|| write(&MemFs::new(), path, &tables)));
    group.bench_function("open", |b| b.iter(open));
    group.bench_function("open and read", |b| b.iter(|| open().read_section("tables").unwrap()));
    group.bench_function("open and verify", |b| b.iter(|| open().verify().unwrap().len()));
    group.finish();
}

criterion_group!(benches, encodings, archives);
criterion_main!(benches);

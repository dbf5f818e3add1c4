//! Files that earlier versions of this crate wrote, one folder for each layout version. Each file can be opened, and
//! the same sections still give the same bytes. A build that lacks a feature of a file does not write it again.

use std::path::PathBuf;

use lsm_fs::{FsExt, FsOpenOptions, StdFs};
use lsm_manifest::{
    FooterSource, ManifestArchiveReader, ReadOptions, WriteOptions, current_digest, inspect, publish_current,
};

use crate::support::{
    SECTIONS, Sections, archive_bytes, current_path, mem_fs, owned, put_file, read_all, read_file,
    version_path, write,
};

struct Golden {
    file: &'static str,
    /// The digest of the footer for version 1.
    digest: u128,
    sections: Sections,
    write: WriteOptions,
    read: ReadOptions,
    /// This build can write the file.
    writable: bool,
}

fn golden(file: &'static str, digest: u128, sections: Sections, write: WriteOptions) -> Golden {
    Golden { file, digest, sections, write, read: ReadOptions::new(), writable: true }
}

/// The maximum number of sections of a footer, with names of all lengths, some of them not ASCII.
fn many() -> Sections {
    let name = |i: usize| match i % 3 {
        0 => format!("{i}"),
        1 => format!("section-{i:0width$}", width = i % 50 + 1),
        _ => format!("раздел-{i}"),
    };
    (0..80).map(|i| (name(i), vec![i.to_le_bytes()[0]; i])).collect()
}

fn all() -> Vec<Golden> {
    let some = || owned(&SECTIONS);
    let plain = WriteOptions::new;
    let mut all = vec![
        golden("mirror.manifest", 0xce74_484d_8f9f_d055_2cb7_bdbf_7cb9_e09f, some(), plain()),
        golden(
            "no-mirror.manifest",
            0x941d_45c0_9e6e_8d7f_5ba8_8178_c018_9a47,
            some(),
            plain().mirror(false),
        ),
        golden("empty.manifest", 0xa0fd_d8c2_c7d0_617b_cc2b_ba6d_dc58_b6e6, Vec::new(), plain()),
        golden(
            "empty-no-mirror.manifest",
            0xf9cd_fe8b_61b8_357a_84a4_f9a4_4f75_cd27,
            Vec::new(),
            plain().mirror(false),
        ),
        golden("many-sections.manifest", 0xfd3a_c0fc_b11c_d505_ace0_5010_6068_c67b, many(), plain()),
    ];
    let mut parity = golden("parity.manifest", 0x16ed_f402_7e89_a228_4cc2_d07f_16f0_80c1, some(), plain());
    #[cfg(feature = "parity")]
    {
        parity.write = plain().parity(true);
    }
    parity.writable = cfg!(feature = "parity");
    all.push(parity);
    #[cfg(feature = "aes-gcm")]
    all.extend(sealed());
    all
}

#[cfg(feature = "aes-gcm")]
fn sealed() -> Vec<Golden> {
    use std::sync::Arc;

    use lsm_manifest::{Aes256GcmProvider, Envelope};

    use crate::fixed_nonce::{FixedNonce, KEY};

    let cases = [
        ("sealed-framed.manifest", 0x7549_cd6f_213f_873f_b047_ccbe_0dff_11bc, Envelope::Framed, false),
        ("sealed-bare.manifest", 0x1877_5148_4288_6c3f_a1cc_3c41_4e6e_c7bf, Envelope::Bare, false),
        ("sealed-framed-parity.manifest", 0x7383_6671_123b_2162_74f1_5449_3af7_4071, Envelope::Framed, true),
    ];
    let golden = |(file, digest, envelope, parity): (&'static str, u128, Envelope, bool)| {
        let write = WriteOptions::new().encryption(Arc::new(FixedNonce::new(envelope)));
        #[cfg(feature = "parity")]
        let write = write.parity(parity);
        Golden {
            sections: owned(&SECTIONS).into_iter().filter(|s| !s.1.is_empty()).collect(),
            read: ReadOptions::new().encryption(Arc::new(Aes256GcmProvider::new(&KEY, envelope))),
            writable: !parity || cfg!(feature = "parity"),
            ..golden(file, digest, Vec::new(), write)
        }
    };
    cases.map(golden).into()
}

fn path(file: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/v1")).join(file)
}

#[test]
fn every_golden_file_opens_with_its_old_contents() {
    for golden in all() {
        let reader = ManifestArchiveReader::open(&StdFs, &path(golden.file), &golden.read).unwrap();
        assert_eq!(reader.source(), FooterSource::Tail, "{}", golden.file);
        assert_eq!(read_all(&reader).unwrap(), golden.sections, "{}", golden.file);
        assert_eq!(reader.verify().unwrap().len(), 0, "{}", golden.file);
        let report = inspect(&StdFs, &path(golden.file), &golden.read).unwrap();
        assert!(report.is_healthy(), "{report}");
        let digest = current_digest(1, reader.footer());
        assert_eq!(digest, golden.digest, "{}: {digest:#034x}", golden.file);
    }
}

/// A machine of any byte order and word size publishes the same pointer.
#[test]
fn the_same_version_gives_the_same_current() {
    let fs = mem_fs();
    let archive = write(&fs, &version_path(7), WriteOptions::new(), &SECTIONS).unwrap();
    let _ = publish_current(&archive).unwrap();
    assert_is_golden("current", &fs.read_to_vec(&current_path(), 1 << 10).unwrap());
}

/// With `GOLDEN=write` in the environment, missing files are created. Existing files are never replaced.
#[test]
fn the_same_sections_give_the_same_bytes() {
    for golden in all().into_iter().filter(|golden| golden.writable) {
        let sections: Vec<_> = golden.sections.iter().map(|(n, p)| (n.as_str(), p.as_slice())).collect();
        assert_is_golden(golden.file, &archive_bytes(golden.write, &sections));
    }
}

fn assert_is_golden(file: &str, bytes: &[u8]) {
    let path = path(file);
    if !StdFs.exists(&path).unwrap() && std::env::var_os("GOLDEN").is_some_and(|value| value == "write") {
        drop(lsm_fs::Fs::open(&StdFs, &path, &FsOpenOptions::new().write(true).create_new(true)).unwrap());
        put_file(&StdFs, &path, bytes);
    }
    assert!(bytes == read_file(&path), "{file}");
}

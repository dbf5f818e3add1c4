//! A checkpoint with a sealed manifest, verified and salvaged with and without the key.

use std::{path::Path, sync::Arc};

use lsm_checkpoint::{
    BoxError, Capture, CheckpointDir, CheckpointSource, DeletionPause, Error, PinnedSnapshot, SourceRoot,
    VerifyOptions, VerifyReport, restore, run_checkpoint, verify,
};
use lsm_fs::{Fs, FsOpenOptions};
use lsm_fs_mem::MemFs;
use lsm_manifest::{BlockIdentity, CryptError, EncryptionProvider, ReadOptions, WriteOptions, recover};

use crate::create::TARGET;

/// A toy cipher. It adds a number to every byte, and appends the number.
#[derive(Debug)]
struct Shift(u8);

impl EncryptionProvider for Shift {
    fn max_overhead(&self) -> usize {
        1
    }

    fn seal(&self, _: &BlockIdentity, plaintext: &[u8]) -> Result<Vec<u8>, CryptError> {
        Ok(plaintext.iter().map(|byte| byte.wrapping_add(self.0)).chain([self.0]).collect())
    }

    fn open(&self, _: &BlockIdentity, mut envelope: Vec<u8>) -> Result<Vec<u8>, CryptError> {
        if envelope.pop() != Some(self.0) {
            return Err(CryptError::Rejected);
        }
        Ok(envelope.iter().map(|byte| byte.wrapping_sub(self.0)).collect())
    }
}

/// A tree without files and with a sealed manifest.
struct Sealed;

impl CheckpointSource for Sealed {
    fn roots(&self) -> Vec<SourceRoot> {
        Vec::new()
    }

    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        None
    }

    fn identity(&self) -> String {
        "sealed".to_owned()
    }

    fn visible_seqno(&self) -> Option<u64> {
        None
    }

    fn flush(&self) -> Result<(), BoxError> {
        Ok(())
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        let options = WriteOptions::new().encryption(Arc::new(Shift(3)));
        Ok(Capture::one(PinnedSnapshot::new(7, ()).archive(options, [("tables", b"1 2".to_vec())])))
    }
}

fn options(key: Option<u8>) -> ReadOptions {
    match key {
        Some(key) => ReadOptions::new().encryption(Arc::new(Shift(key))),
        None => ReadOptions::new(),
    }
}

fn verified(fs: &MemFs, key: Option<u8>) -> VerifyReport {
    verify(fs, Path::new(TARGET), &VerifyOptions::full().manifest(options(key))).unwrap()
}

#[test]
fn a_sealed_checkpoint_is_sound_without_a_key_and_with_the_right_one() {
    let fs = MemFs::new();
    run_checkpoint(&Sealed, &fs, Path::new(TARGET)).unwrap();
    for (key, is_sound) in [(None, true), (Some(3), true), (Some(4), false)] {
        let report = verified(&fs, key);
        assert_eq!(report.is_sound(), is_sound, "{key:?}: {report}");
    }
}

#[test]
fn damage_is_found_without_a_key() {
    let fs = MemFs::new();
    run_checkpoint(&Sealed, &fs, Path::new(TARGET)).unwrap();
    let manifest =
        fs.open(&Path::new(TARGET).join("v7"), &FsOpenOptions::new().read(true).write(true)).unwrap();
    let mut byte = [0];
    assert_eq!(manifest.read_at(&mut byte, 4_140).unwrap(), 1);
    manifest.write_at(&[byte[0] ^ 1], 4_140).unwrap();
    assert!(!verified(&fs, None).is_sound());
}

#[test]
fn without_its_catalog_it_is_restored_with_the_key() {
    let fs = MemFs::new();
    run_checkpoint(&Sealed, &fs, Path::new(TARGET)).unwrap();
    fs.remove_file(Path::new("/checkpoint/CHECKPOINT")).unwrap();
    let salvage = |key| {
        CheckpointDir::salvage_listed(Arc::new(fs.clone()), TARGET, &options(key), |live| {
            assert_eq!(live.archive.read_section("tables")?.payload, b"1 2");
            Ok(Vec::new())
        })
    };
    let blind = CheckpointDir::salvage(Arc::new(fs.clone()), TARGET).map(drop);
    for refused in [blind, salvage(None).map(drop), salvage(Some(4)).map(drop)] {
        assert!(matches!(refused, Err(Error::Manifest(_))), "{refused:?}");
    }
    let (checkpoint, _) = salvage(Some(3)).unwrap();
    restore(&checkpoint, &fs, Path::new("/restored")).unwrap();
    let restored = recover(&fs, Path::new("/restored"), &options(Some(3))).unwrap().unwrap();
    assert_eq!(restored.current.version_id, 7);
}

//! Metadata that an engine writes. Every file is synced, even if there are more than the limit of deferred syncs. No
//! file lies anywhere else.

use std::path::Path;

use lsm_checkpoint::run_checkpoint;
use lsm_fs::{Fs, FsExt};
use lsm_fs_mem::{MemFs, Survives};

use crate::{create::TARGET, foreign::Foreign, tweak::Tweak};

const FILES: usize = 150;

/// Writes files of these names.
fn engine(names: Vec<String>) -> Foreign {
    Foreign::new(Vec::new(), move |target| {
        Ok(names.iter().try_for_each(|name| target.write(name, b"rows"))?)
    })
}

/// Returns the number of files that survive a crash which keeps only synced data, and the number of syncs.
fn survivors(skipped: Option<usize>) -> (usize, usize) {
    let tweaked = Tweak::new(MemFs::new()).without_sync(skipped);
    let engine = engine((0..FILES).map(|n| n.to_string()).collect());
    run_checkpoint(&engine, &tweaked, Path::new(TARGET)).unwrap();
    let image = tweaked.inner().crash(Survives::Forced);
    let is_whole = |n: &usize| {
        let bytes = image.read_to_vec(&Path::new(TARGET).join(format!("{n}")), 9);
        bytes.is_ok_and(|bytes| bytes == b"rows")
    };
    ((0..FILES).filter(is_whole).count(), tweaked.syncs())
}

#[test]
fn each_of_many_files_is_synced() {
    assert_eq!(survivors(None), (FILES, FILES + 4), "the catalog, tables, S, the parent");
    for file in 0..FILES {
        assert_eq!(survivors(Some(file)).0, FILES - 1, "without the sync of file {file}");
    }
}

#[test]
fn nothing_is_written_outside_the_checkpoint() {
    for name in ["../stranger", "a/../../stranger", "/stranger", "..", ""] {
        let fs = MemFs::new();
        let refused = run_checkpoint(&engine(vec![name.to_owned()]), &fs, Path::new(TARGET));
        assert!(refused.is_err(), "{name}");
        assert!(fs.read_dir(Path::new("/")).unwrap().is_empty(), "{name}");
    }
}

//! Damage that only one line of the verification finds, and what is no damage.

use std::{path::Path, sync::Arc};

use lsm_checkpoint::{
    BoxError, Capture, CheckpointSource, Defect, DeletionPause, ManifestTarget, PinnedSnapshot, Snapshot,
    SourceFile, SourceRoot, VerifyOptions, run_checkpoint, verify,
};
use lsm_fs::{FsExt, SyncMode};
use lsm_fs_mem::MemFs;
use lsm_manifest::WriteOptions;

use crate::{crash::in_place::MARKER, create::TARGET, remove::with_checkpoint};

fn quick(fs: &MemFs) -> lsm_checkpoint::VerifyReport {
    verify(fs, Path::new(TARGET), &VerifyOptions::quick()).unwrap()
}

/// A creator died between its last file and the end of its marker.
#[test]
fn a_marker_beside_a_whole_checkpoint_is_no_problem() {
    let fs = MemFs::new();
    with_checkpoint(&fs, &[""]);
    fs.write_new(&Path::new(TARGET).join(MARKER), b"", SyncMode::Normal).unwrap();
    let report = quick(&fs);
    assert!(report.is_sound(), "{report}");
}

/// Two trees of archives. The second says that it is version 6, has a file of that name, and publishes version 7.
struct Confused;

struct Tree {
    version: u64,
    published: PinnedSnapshot<()>,
}

impl Tree {
    fn new(version: u64) -> Self {
        let published = PinnedSnapshot::new(7, ()).archive(WriteOptions::new(), [("tables", b"1".to_vec())]);
        Self { version, published }
    }
}

impl Snapshot for Tree {
    fn version_id(&self) -> u64 {
        self.version
    }

    fn files(&self) -> Result<Vec<SourceFile>, BoxError> {
        Ok(Vec::new())
    }

    fn write_manifest(&self, target: &ManifestTarget<'_>) -> Result<(), BoxError> {
        if self.version == 6 {
            target.write("v6", b"older")?;
        }
        self.published.write_manifest(target)
    }
}

impl CheckpointSource for Confused {
    fn roots(&self) -> Vec<SourceRoot> {
        Vec::new()
    }

    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        None
    }

    fn identity(&self) -> String {
        "confused".to_owned()
    }

    fn visible_seqno(&self) -> Option<u64> {
        Some(1)
    }

    fn flush(&self) -> Result<(), BoxError> {
        Ok(())
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        Ok(Capture::new().tree("users", Tree::new(7)).tree("orders", Tree::new(6)))
    }
}

/// Every file has its checksum, and CURRENT still does not name the version that the catalog promises.
#[test]
fn a_pointer_to_another_version_is_found_in_every_tree() {
    let fs = MemFs::new();
    run_checkpoint(&Confused, &fs, Path::new(TARGET)).unwrap();
    let report = quick(&fs);
    let [problem] = &report.problems[..] else { panic!("{report}") };
    assert_eq!(problem.path, Path::new("orders/current"));
    assert!(matches!(problem.what, Defect::Version { expected: 6, found: 7 }), "{report}");
}

/// What a link leads to may go, or change, without the checkpoint.
#[cfg(unix)]
#[test]
fn a_symbolic_link_is_no_file_of_a_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let (target, file) = (dir.path().join("daily"), dir.path().join("daily/users/v7"));
    run_checkpoint(&Confused, &lsm_fs::StdFs, &target).unwrap();
    std::fs::rename(&file, dir.path().join("elsewhere")).unwrap();
    std::os::unix::fs::symlink(dir.path().join("elsewhere"), &file).unwrap();
    let report = verify(&lsm_fs::StdFs, &target, &VerifyOptions::full()).unwrap();
    let is_found = |problem: &lsm_checkpoint::Problem| {
        problem.path == Path::new("users/v7") && matches!(problem.what, Defect::NotAFile)
    };
    assert!(report.problems.iter().any(is_found), "{report}");
}

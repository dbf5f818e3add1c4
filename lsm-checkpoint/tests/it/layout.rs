//! Trees next to and below each other, deep folders, and names of the protocol.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use lsm_checkpoint::{
    BoxError, Capture, Catalog, CheckpointDir, CheckpointSource, DeletionPause, Error, FileKind,
    ManifestTarget, Snapshot, SnapshotProblem, SourceFile, SourceRoot, VerifyOptions, remove, restore,
    run_checkpoint, verify,
};
use lsm_fs::{Fs, FsExt, SyncMode};
use lsm_fs_mem::MemFs;

use crate::{create::TARGET, db::all_files, foreign::Foreign, tweak::Tweak};

/// A database of these trees. Each has a table, a log in a deep folder, and metadata.
struct Nested(Vec<&'static str>);

struct Tree(&'static str);

impl CheckpointSource for Nested {
    fn roots(&self) -> Vec<SourceRoot> {
        Vec::new()
    }

    fn identity(&self) -> String {
        "nested".to_owned()
    }

    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        None
    }

    fn visible_seqno(&self) -> Option<u64> {
        None
    }

    fn flush(&self) -> Result<(), BoxError> {
        Ok(())
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        Ok(self.0.iter().fold(Capture::new(), |capture, tree| capture.tree(*tree, Tree(tree))))
    }
}

impl Snapshot for Tree {
    fn version_id(&self) -> u64 {
        self.0.len() as u64
    }

    fn files(&self) -> Result<Vec<SourceFile>, BoxError> {
        let named = |name: &str| format!("{name} of {}", self.0).into_bytes();
        Ok(vec![
            SourceFile::bytes(FileKind::Table, "1", named("table")),
            SourceFile::bytes(FileKind::other("wal/by/day/monday"), "1", named("log")),
        ])
    }

    fn write_manifest(&self, target: &ManifestTarget<'_>) -> Result<(), BoxError> {
        let deep = target.dir().join("meta");
        target.fs().create_dir(&deep)?;
        target.fs().create_dir(&deep.join("old"))?;
        target.write("meta/old/OPTIONS", b"fast")?;
        Ok(target.write("CURRENT", self.0.as_bytes())?)
    }
}

const LAYOUTS: [&[&str]; 4] =
    [&["", "users"], &["keyspaces/0", "", "keyspaces/1"], &["a", "a/b", "a/b/c"], &["a/b/c/d", ""]];

fn names(fs: &dyn Fs, dir: &str) -> Vec<PathBuf> {
    all_files(fs, Path::new(dir), Path::new("")).unwrap().into_iter().collect()
}

/// Each file belongs to the deepest tree around it, no matter which tree writes first.
#[test]
fn every_layout_is_restored_unchanged() {
    for trees in LAYOUTS {
        for renames in [true, false] {
            let fs = MemFs::new();
            let target: Box<dyn Fs> = match renames {
                true => Box::new(fs.clone()),
                false => Box::new(Tweak::new(fs.clone()).without_directory_renames()),
            };
            let info = run_checkpoint(&Nested(trees.to_vec()), &*target, Path::new(TARGET)).unwrap();
            assert_eq!((info.sst_files, info.other_files), (trees.len() as u64, 3 * trees.len() as u64));
            let catalog = Catalog::read(&fs, Path::new(TARGET)).unwrap();
            for (at, tree) in trees.iter().enumerate() {
                let of_tree = catalog.files.iter().filter(|file| file.tree as usize == at);
                let paths: Vec<_> = of_tree.map(|file| catalog.path_of(file)).collect();
                let expected = ["tables/1", "wal/by/day/monday/1", "meta/old/OPTIONS", "CURRENT"];
                assert_eq!(paths, expected.map(|name| Path::new(tree).join(name)), "{trees:?}");
                assert_eq!(catalog.trees[at].folders, ["tables", "wal/by/day/monday", "meta", "meta/old"]);
            }
            let report = verify(&fs, Path::new(TARGET), &VerifyOptions::full()).unwrap();
            assert!(report.is_sound() && report.notes.is_empty(), "{trees:?}: {report}");
            let checkpoint = CheckpointDir::open(Arc::new(fs.clone()), TARGET).unwrap();
            restore(&checkpoint, &*target, Path::new("/restored")).unwrap();
            let mut expected = names(&fs, TARGET);
            expected.retain(|name| name != Path::new("CHECKPOINT"));
            assert_eq!(names(&fs, "/restored"), expected);
            for tree in trees {
                let current = Path::new("/restored").join(tree).join("CURRENT");
                assert_eq!(fs.read_to_vec(&current, 99).unwrap(), tree.as_bytes());
            }
            remove(&*target, Path::new(TARGET), SyncMode::Normal).unwrap();
            assert!(!fs.exists(Path::new(TARGET)).unwrap());
        }
    }
}

#[test]
fn trees_that_lie_in_each_others_folders_are_refused() {
    for trees in [&["", "tables"][..], &["", "wal/by"], &["a", "a"], &["", "a/b/c/d/e"]] {
        let fs = MemFs::new();
        let refused = run_checkpoint(&Nested(trees.to_vec()), &fs, Path::new(TARGET)).unwrap_err();
        assert!(matches!(refused, Error::InvalidSnapshot { .. }), "{trees:?}: {refused:?}");
        assert!(fs.read_dir(Path::new("/")).unwrap().is_empty(), "{trees:?}");
    }
}

/// Applies to every way of publishing, and to every file that is listed or written. A file with the name of the marker
/// would be removed with the marker.
#[test]
fn names_of_the_protocol_are_refused_before_anything_is_made() {
    let reserved = [
        "CHECKPOINT",
        "checkpoint",
        ".checkpoint-unpublished",
        ".Checkpoint-Unpublished",
        ".x.checkpoint-staged",
    ];
    for name in reserved {
        for renames in [true, false] {
            let files = [
                SourceFile::bytes(FileKind::Metadata, name, *b"lost"),
                SourceFile::bytes(FileKind::other(name.to_owned()), "1", *b"lost"),
            ];
            for file in files {
                let fs = Tweak::new(MemFs::new());
                let fs = if renames { fs } else { fs.without_directory_renames() };
                let engine = Foreign::new(vec![file], |_| panic!("it was planned"));
                let refused = run_checkpoint(&engine, &fs, Path::new(TARGET)).unwrap_err();
                let is_reserved =
                    matches!(refused, Error::InvalidSnapshot { problem: SnapshotProblem::Reserved, .. });
                assert!(is_reserved, "{name}: {refused:?}");
                assert!(fs.read_dir(Path::new("/")).unwrap().is_empty(), "{name}");
            }
        }
    }
}

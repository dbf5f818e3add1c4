//! A restore returns the captured data unchanged.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use lsm_checkpoint::{CATALOG_FILE, Checkpoint, CheckpointDir, Policy, VerifyOptions, restore, verify};
use lsm_fs_mem::{MemFs, MemFsOptions, VolumeOptions};
use proptest::{prelude::*, sample::select};

use super::engine::{Engine, bytes_below, shape};

const POLICIES: [Policy; 3] = [Policy::PreferLink, Policy::PreferReflink, Policy::Independent];

fn opened(fs: &MemFs, dir: &str) -> CheckpointDir {
    CheckpointDir::open(Arc::new(fs.clone()), dir).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Follows names and bytes from the source to a checkpoint, to a checkpoint of the checkpoint on another volume,
    /// and to a live directory.
    #[test]
    fn restore_after_checkpoint_is_the_identity(
        shape in shape(),
        policies in [select(&POLICIES[..]), select(&POLICIES[..])],
    ) {
        let fs = MemFsOptions::new().volume("/backup", VolumeOptions::new()).build().unwrap();
        let engine = Engine::prepare(&fs, "/db", &shape);
        let source = bytes_below(&fs, Path::new("/db"));
        let (first, second, live) = ("/first", "/backup/second", Path::new("/live"));
        Checkpoint::new().policy(policies[0]).create(&engine, &fs, Path::new(first)).unwrap();
        Checkpoint::new().policy(policies[1]).create(&opened(&fs, first), &fs, Path::new(second)).unwrap();
        restore(&opened(&fs, second), &fs, live).unwrap();

        let expected = engine.expected();
        for checkpoint in [first, second] {
            let report = verify(&fs, Path::new(checkpoint), &VerifyOptions::full().threads(1)).unwrap();
            prop_assert!(report.is_sound(), "{}", report);
            let mut found = bytes_below(&fs, Path::new(checkpoint));
            prop_assert!(found.remove(Path::new(CATALOG_FILE)).is_some());
            prop_assert_eq!(&found, &expected, "{}", checkpoint);
        }
        prop_assert_eq!(&bytes_below(&fs, live), &expected);
        prop_assert_eq!(bytes_below(&fs, Path::new("/db")), source, "the source is only read");

        // The catalogs are equal, except for the methods.
        let catalogs = [first, second].map(|dir| opened(&fs, dir).catalog().clone());
        let [first, second] = &catalogs;
        prop_assert_eq!((&first.trees, first.seqno), (&second.trees, second.seqno));
        let entries = catalogs.each_ref().map(|catalog| {
            let files = catalog.files.iter().map(|file| (catalog.path_of(file), file.len));
            files.collect::<BTreeSet<_>>()
        });
        prop_assert_eq!(&entries[0], &entries[1]);
        prop_assert_eq!((first.files.len(), second.files.len()), (expected.len(), expected.len()));
        for catalog in &catalogs {
            for tree in 0..u32::try_from(shape.0.len()).unwrap() {
                let last = catalog.files.iter().rfind(|file| file.tree == tree).unwrap();
                prop_assert_eq!(&last.name, "CURRENT", "the pointer of each tree is its last file");
            }
        }
    }
}

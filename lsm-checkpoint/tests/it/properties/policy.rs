//! A checkpoint uses only the methods of its policy, and each method has the effect that its name promises.

use std::{collections::BTreeMap, path::Path};

use lsm_checkpoint::{Catalog, Checkpoint, Error, FileKind, Method, Policy};
use lsm_fs::{FileId, Fs};
use lsm_fs_mem::{MemFs, MemFsOptions, VolumeOptions};
use proptest::{prelude::*, sample::select};

use super::engine::{Engine, Origin, bytes_below, shape};

const POLICIES: [Policy; 4] =
    [Policy::LinkOnly, Policy::PreferLink, Policy::PreferReflink, Policy::Independent];

fn inode(fs: &MemFs, path: &Path) -> Option<FileId> {
    fs.metadata(path).ok()?.file_id
}

/// Returns the method of each file, by its path in the target.
fn methods(fs: &MemFs, target: &Path) -> BTreeMap<std::path::PathBuf, Method> {
    let catalog = Catalog::read(fs, target).unwrap();
    catalog.files.iter().map(|file| (catalog.path_of(file), file.method)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn methods_obey_the_policy(
        shape in shape(),
        policy in select(&POLICIES[..]),
        (base_policy, with_base) in (select(&POLICIES[1..]), any::<bool>()),
        (links, clones, other_volume) in any::<(bool, bool, bool)>(),
    ) {
        let volume = || VolumeOptions::new().hard_link(links).reflink(clones);
        let fs = MemFsOptions::new().root(volume()).volume("/far", volume()).build().unwrap();
        let engine = Engine::prepare(&fs, "/db", &shape);
        let side = if other_volume { Path::new("/far") } else { Path::new("/") };
        let (base, target) = (side.join("base"), side.join("target"));
        let mut checkpoint = Checkpoint::new().policy(policy);
        if with_base {
            Checkpoint::new().policy(base_policy).create(&engine, &fs, &base).unwrap();
            checkpoint = checkpoint.base(&base);
        }
        let can_link = links && !other_volume;
        let created = checkpoint.create(&engine, &fs, &target);
        if let Err(error) = created {
            prop_assert!(matches!(error, Error::LinkRefused { .. }), "{}", error);
            prop_assert!(policy == Policy::LinkOnly && !can_link, "links are possible: {}", error);
            prop_assert!(fs.metadata(&target).is_err());
            return Ok(());
        }
        let mut found = bytes_below(&fs, &target);
        found.remove(Path::new(lsm_checkpoint::CATALOG_FILE));
        prop_assert_eq!(found, engine.expected());
        let methods = methods(&fs, &target);
        for (tree, files) in &shape.0 {
            for (at, file) in files.iter().enumerate() {
                let path = Engine::target_of(tree, file);
                let (method, own) = (methods[&path], inode(&fs, &target.join(&path)));
                prop_assert!(own.is_some());
                let of_source = own == inode(&fs, &engine.source_of(tree, at));
                let of_base = own == inode(&fs, &base.join(&path));
                let is_shared = of_source || of_base;
                match (file.origin, policy) {
                    (Origin::Bytes, _) => prop_assert_eq!(method, Method::Written),
                    (Origin::Log, _) => prop_assert_eq!(method, Method::Copy),
                    (_, Policy::PreferLink | Policy::LinkOnly) if can_link => {
                        prop_assert_eq!(method, Method::HardLink);
                    }
                    (_, Policy::LinkOnly) => prop_assert_eq!(method, Method::BaseLink),
                    (_, Policy::PreferReflink) if clones && !other_volume => {
                        prop_assert_eq!(method, Method::Reflink);
                    }
                    (_, Policy::Independent) => {
                        prop_assert!(method != Method::HardLink && !of_source, "{:?} is {:?}", path, method);
                    }
                    _ => prop_assert!(method != Method::Written),
                }
                match method {
                    Method::HardLink => prop_assert!(of_source && can_link),
                    Method::BaseLink => prop_assert!(of_base && with_base && links),
                    Method::Reflink => prop_assert!(!is_shared && clones && !other_volume),
                    _ => prop_assert!(!is_shared),
                }
                // Metadata is never linked from a base.
                prop_assert!(method != Method::BaseLink || file.kind != FileKind::Metadata);
            }
        }
    }
}

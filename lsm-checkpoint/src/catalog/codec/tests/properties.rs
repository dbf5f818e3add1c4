//! Arbitrary catalogs and arbitrary bytes.

use std::cell::Cell;

use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::select,
    test_runner::{Config, TestRunner},
};

use super::*;
use crate::{
    SourceFile,
    plan::{CapturedVersion, Plan},
};

const CASES: u32 = 3000;

const FOLDERS: &[&str] =
    &["", "a", "b", "a/b", "b/a", "a/b/c/d", "tables", "blobs", "tables/a", "CHECKPOINT", "..", "a/b/c/d/e"];
const NAMES: &[&str] = &["1", "2", "a", "b", "v7", "current", "tables", "checkpoint", ".x.checkpoint-staged"];

fn attributes() -> impl Strategy<Value = Attributes> {
    (option::of(0..=0o7777_u32), any::<Option<u32>>(), any::<Option<u32>>())
        .prop_map(|(mode, owner, group)| Attributes { mode, owner, group })
}

fn tree() -> impl Strategy<Value = CatalogTree> {
    (select(FOLDERS), any::<u64>(), vec(select(FOLDERS), 0..3)).prop_map(|(folder, version_id, folders)| {
        let folders = folders.into_iter().map(str::to_owned).collect();
        CatalogTree { folder: folder.to_owned(), version_id, folders }
    })
}

fn file() -> impl Strategy<Value = CatalogFile> {
    let kind = prop_oneof![
        Just(FileKind::Table),
        Just(FileKind::Blob),
        Just(FileKind::Metadata),
        select(FOLDERS).prop_map(FileKind::other),
    ];
    let known = (any::<Option<u128>>(), any::<Option<[u8; 32]>>(), any::<Option<u64>>(), any::<bool>());
    let place = (0..3_u32, kind, select(NAMES), any::<u32>(), select(&Method::ALL[..]));
    (place, known, attributes()).prop_map(|(place, known, attributes)| {
        let (tree, kind, name, len, method) = place;
        let (checksum, sha256, allocated_bytes, linkable) = known;
        let file = CatalogFile::new(tree, kind, name.to_owned(), u64::from(len), method);
        CatalogFile { checksum, sha256, allocated_bytes, linkable, attributes, ..file }
    })
}

/// Most of these are refused, because trees lie in each other's folders or names collide.
fn catalog() -> impl Strategy<Value = Catalog> {
    let head = ("[a-z]{1,9}", any::<Option<u64>>(), any::<u32>());
    let folder = (select(FOLDERS), attributes())
        .prop_map(|(path, attributes)| CatalogFolder { path: path.to_owned(), attributes });
    (head, vec(tree(), 0..3), vec(file(), 0..5), vec(folder, 0..2)).prop_map(
        |((identity, seqno, created), trees, mut files, attributes)| {
            // A catalog in another order is always refused.
            files.sort_by_key(|file| file.tree);
            let created = Duration::from_millis(u64::from(created));
            Catalog { format: 2, identity, seqno, created, trees, files, attributes }
        },
    )
}

/// Runs with the seed and the persistence of all property tests.
fn check<S: Strategy>(cases: u32, strategy: &S, test: impl Fn(S::Value) -> Result<(), TestCaseError>) {
    let config = Config { cases, source_file: Some(file!()), ..Config::default() };
    TestRunner::new(config).run(strategy, test).unwrap();
}

/// Makes the plan of a restore from this catalog.
fn plan<'c>(catalog: &'c Catalog) -> Result<Plan, crate::plan::Problem> {
    let version = |(at, tree): (usize, &'c CatalogTree)| {
        let of_tree = catalog.files.iter().filter(|file| file.tree_index() == at);
        CapturedVersion {
            folder: &tree.folder,
            version_id: tree.version_id,
            kinds: tree.folders.iter().map(|folder| FileKind::other(folder.clone())).collect(),
            files: of_tree.map(|file| SourceFile::bytes(file.kind.clone(), &file.name, *b"")).collect(),
        }
    };
    Plan::new(catalog.trees.iter().enumerate().map(version).collect())
}

#[test]
fn a_decoded_catalog_equals_the_encoded_one_and_can_be_planned() {
    let decoded = Cell::new(0);
    check(CASES, &catalog(), |catalog| {
        let Ok(found) = decode(&encode(&catalog)) else {
            prop_assert!(catalog.check(|_| true, &mut |_| Ok(())).is_err());
            return Ok(());
        };
        decoded.set(decoded.get() + 1);
        prop_assert_eq!(&found, &catalog);
        let plan = plan(&found);
        prop_assert!(plan.is_ok(), "{:?}", plan);
        Ok(())
    });
    assert!(decoded.get() > CASES / 20, "{} of {CASES} were decoded", decoded.get());
}

/// Conversely, every plan can be encoded.
#[test]
fn every_plan_can_be_encoded_and_decoded() {
    let planned = Cell::new(0);
    check(CASES, &catalog(), |mut catalog| {
        catalog.attributes.clear();
        let has_trees = catalog.files.iter().all(|file| file.tree_index() < catalog.trees.len());
        let Ok(plan) = plan(&catalog) else { return Ok(()) };
        if !has_trees {
            return Ok(());
        }
        planned.set(planned.get() + 1);
        // The plan lists each folder once, including the folders of its files.
        for (tree, planned) in catalog.trees.iter_mut().zip(&plan.trees) {
            tree.folders = planned.data_folders().map(str::to_owned).collect();
        }
        let decoded = decode(&encode(&catalog));
        prop_assert!(decoded.is_ok(), "{:?} {:?}", decoded, catalog.trees);
        Ok(())
    });
    assert!(planned.get() > CASES / 20, "{} of {CASES} were planned", planned.get());
}

/// Decoding neither panics nor allocates for a length that exceeds the bytes.
#[test]
fn mutated_bytes_are_read_or_refused() {
    let mutation = vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 1..4);
    for sections in [encode(&sample()), golden_1()] {
        check(CASES, &mutation, |mutations| {
            let mut sections = sections.clone();
            for (section, at, byte) in mutations {
                let section = section.index(sections.len());
                let payload = &mut sections[section].1;
                let at = at.index(payload.len());
                payload[at] = byte;
            }
            if let Ok(catalog) = decode(&sections) {
                prop_assert!(plan(&catalog).is_ok());
                if catalog.format == 2 {
                    prop_assert_eq!(decode(&encode(&catalog)), Ok(catalog));
                }
            }
            Ok(())
        });
    }
}

#[test]
fn arbitrary_bytes_are_read_or_refused() {
    let bytes = || vec(prop_oneof![Just(0_u8), Just(1), Just(2), any::<u8>()], 0..80);
    check(CASES, &(bytes(), bytes(), 1..=2_u8), |(mut head, files, format)| {
        head.splice(0..0, [format, 0, 0, 0]);
        let _ = decode(&vec![(HEAD_SECTION.to_owned(), head), ("files.0".to_owned(), files)]);
        Ok(())
    });
}

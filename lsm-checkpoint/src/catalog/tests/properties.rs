//! For all catalogs and all bytes: what is written is read, and what is read could have been planned.

use std::{ffi::OsStr, iter};

use lsm_fs_mem::MemFs;
use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
};

use super::*;
use crate::plan::{Item, Plan, Problem, Tree, is_component};

fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9é ._-]{1,12}".prop_filter("a path of its own", |name| is_component(name))
}

fn kind() -> impl Strategy<Value = FileKind> {
    prop_oneof![
        4 => Just(FileKind::Table),
        2 => Just(FileKind::Blob),
        2 => Just(FileKind::Metadata),
        1 => name().prop_map(FileKind::other),
    ]
}

fn method() -> impl Strategy<Value = Method> {
    select(&Method::ALL[..])
}

fn checksum() -> impl Strategy<Value = Option<u128>> {
    prop_oneof![1 => Just(None), 1 => Just(Some(0)), 3 => any::<u128>().prop_map(Some)]
}

/// Folders and files of a tree, as a snapshot lists them.
type Listed = (String, Vec<FileKind>, Vec<(FileKind, String, (u64, Option<u128>, Method))>);

fn listed() -> impl Strategy<Value = Vec<Listed>> {
    let file = || (kind(), name(), (any::<u64>(), checksum(), method()));
    let tree = move || (name(), vec(kind(), 0..3), vec(file(), 0..8));
    prop_oneof![
        tree().prop_map(|(_, folders, files)| vec![(String::new(), folders, files)]),
        vec(tree(), 0..4),
    ]
}

fn tree<'a>(folder: &'a str, folders: Vec<FileKind>, files: &[(&'a FileKind, &'a String)]) -> Tree<'a> {
    let files = files.iter().map(|(kind, name)| (*kind, OsStr::new(name.as_str()))).collect();
    Tree { folder, folders, files }
}

/// The plan of these trees, and a catalog of it. `None`: two names are one.
fn planned(listed: &[Listed]) -> Option<(Plan, Catalog)> {
    let trees: Vec<Tree<'_>> = listed
        .iter()
        .map(|(folder, folders, files)| {
            let names: Vec<_> = files.iter().map(|(kind, name, _)| (kind, name)).collect();
            tree(folder, folders.clone(), &names)
        })
        .collect();
    let plan = Plan::new(&trees).ok()?;
    let file = |item: &Item| {
        let (len, checksum, method) = listed[item.tree].2[item.index].2;
        let (kind, name) = (item.kind.clone(), item.name.clone());
        CatalogFile { tree: u32::try_from(item.tree).unwrap(), kind, name, len, checksum, method }
    };
    let files = plan.items.iter().map(file).collect();
    let trees = listed.iter().zip(&plan.folders).zip(1..).map(|(((folder, ..), folders), version_id)| {
        CatalogTree { folder: folder.clone(), version_id, folders: folders.clone() }
    });
    let catalog = Catalog {
        identity: "é".to_owned(),
        seqno: u64::MAX,
        created: Duration::from_millis(u64::from(u32::MAX)),
        trees: trees.collect(),
        files,
    };
    Some((plan, catalog))
}

/// The plan of a catalog, as a restore makes it.
fn planned_again(catalog: &Catalog) -> Result<Plan, Problem> {
    let trees: Vec<Tree<'_>> = catalog
        .trees
        .iter()
        .zip(0_u32..)
        .map(|(of, at)| {
            let files = catalog.files.iter().filter(|file| file.tree == at);
            let names: Vec<_> = files.map(|file| (&file.kind, &file.name)).collect();
            tree(&of.folder, of.folders.iter().cloned().map(FileKind::other).collect(), &names)
        })
        .collect();
    Plan::new(&trees)
}

fn paths(plan: &Plan) -> Vec<PathBuf> {
    plan.items.iter().map(|item| plan.path_of(item)).collect()
}

fn written(catalog: &Catalog) -> MemFs {
    let fs = MemFs::new();
    catalog.write(&fs, Path::new("/")).unwrap();
    fs
}

/// The sections of the archive that a catalog is stored as.
fn sections(fs: &MemFs) -> Vec<(String, Vec<u8>)> {
    let path = Path::new("/").join(CATALOG_FILE);
    let archive = ManifestArchiveReader::open(fs, &path, &ReadOptions::new()).unwrap();
    let names: Vec<_> = archive.footer().sections().iter().map(|section| section.name.clone()).collect();
    names
        .into_iter()
        .map(|name| (name.clone(), archive.read_section(&name).unwrap().payload.to_vec()))
        .collect()
}

/// Reads an archive of these sections as a catalog. Their checksums are right, whatever they hold.
fn read(sections: &[(String, Vec<u8>)]) -> Result<Catalog> {
    let fs = MemFs::new();
    let path = Path::new("/").join(CATALOG_FILE);
    let mut writer = ManifestArchiveWriter::create(&fs, &path, WriteOptions::new())?;
    for (name, bytes) in sections {
        writer.add_section(name, bytes)?;
    }
    let _ = writer.finish()?;
    Catalog::read(&fs, Path::new("/"))
}

/// Names that were read are one component each, and written again they are read again.
fn check_names(catalog: &Catalog) -> Result<(), TestCaseError> {
    let trees = catalog.trees.iter().flat_map(|tree| iter::once(&tree.folder).chain(&tree.folders));
    let files = catalog.files.iter().flat_map(|file| [file.kind.folder(), file.name.as_str()]);
    // A tree may have no folder of its own, and metadata has none.
    for name in trees.map(String::as_str).chain(files).filter(|name| !name.is_empty()) {
        prop_assert!(is_component(name), "{:?}", name);
    }
    prop_assert!(catalog.files.iter().all(|file| !file.name.is_empty()));
    prop_assert!(Catalog::read(&written(catalog), Path::new("/")).unwrap() == *catalog);
    Ok(())
}

/// A byte of any value, or one that means something in a path.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![any::<u8>(), select(&b"/.\\\0\n"[..])]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn a_catalog_is_read_as_it_was_written_and_planned_again(listed in listed()) {
        let Some((plan, catalog)) = planned(&listed) else { return Ok(()) };
        let read = Catalog::read(&written(&catalog), Path::new("/")).unwrap();
        prop_assert!(read == catalog, "{:?} became {:?}", catalog.files, read.files);
        let again = planned_again(&read).unwrap();
        prop_assert_eq!((&again.dirs, &again.folders), (&plan.dirs, &plan.folders));
        prop_assert_eq!(paths(&again), paths(&plan));
        prop_assert_eq!(paths(&again), read.files.iter().map(|file| read.path_of(file)).collect::<Vec<_>>());
    }

    #[test]
    fn changed_bytes_are_refused_or_another_catalog(
        listed in listed(),
        edits in vec((any::<Index>(), any::<Index>(), byte()), 1..4),
        cut in any::<Option<(Index, Index)>>(),
    ) {
        let Some((_, catalog)) = planned(&listed) else { return Ok(()) };
        let mut sections = sections(&written(&catalog));
        for (section, at, byte) in edits {
            let bytes = &mut section.get_mut(&mut sections).1;
            if !bytes.is_empty() {
                *at.get_mut(bytes) = byte;
            }
        }
        if let Some((section, at)) = cut {
            let bytes = &mut section.get_mut(&mut sections).1;
            bytes.truncate(at.index(bytes.len() + 1));
        }
        if let Ok(read) = read(&sections) {
            check_names(&read)?;
        }
    }

    #[test]
    fn bytes_at_random_are_refused_or_a_catalog(
        payloads in vec(vec(any::<u8>(), 0..200), 3),
        format in any::<bool>(),
    ) {
        let (_, catalog) = planned(&[]).unwrap();
        let names = sections(&written(&catalog)).into_iter().map(|(name, _)| name).chain(["files.1".to_owned()]);
        let mut sections: Vec<_> = names.zip(payloads).collect();
        if format {
            // What no version knows is refused at once; behind a known one all else is looked at.
            sections[0].1.splice(..0, CATALOG_FORMAT.to_le_bytes());
        }
        if let Ok(read) = read(&sections) {
            check_names(&read)?;
        }
    }
}

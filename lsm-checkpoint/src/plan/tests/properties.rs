//! For all snapshots, a plan names each file once and inside the target, or refuses the snapshot.

use std::{
    collections::BTreeSet,
    path::{Component, PathBuf},
};

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;

/// Names that collide, that lead elsewhere, and that the checkpoint itself uses.
const NAMES: &[&str] = &[
    "1",
    "2",
    "1.sst",
    "tables",
    "blobs",
    "logs",
    "users",
    "CHECKPOINT",
    "current",
    "é",
    ".hidden",
    "a b",
    "",
    ".",
    "..",
    "/",
    "a/b",
    "/etc",
    "../db",
    "1/",
    "./1",
    "a\\b",
    "a\nb",
    "a\0b",
];

/// The number of valid names, which come first.
const GOOD: usize = 12;

fn name() -> impl Strategy<Value = &'static str> {
    prop_oneof![30 => select(&NAMES[..GOOD]), 1 => select(NAMES)]
}

fn kind() -> impl Strategy<Value = FileKind> {
    prop_oneof![
        4 => Just(FileKind::Table),
        2 => Just(FileKind::Blob),
        2 => Just(FileKind::Metadata),
        2 => name().prop_map(|folder| FileKind::Other(folder.into())),
    ]
}

/// The folder of a tree, the kinds whose folders it requests, and its files.
type Wanted = (&'static str, Vec<FileKind>, Vec<(FileKind, &'static str)>);

fn trees() -> impl Strategy<Value = Vec<Wanted>> {
    let files = || vec((kind(), name()), 0..5);
    let one = || (vec(kind(), 0..3), files());
    prop_oneof![
        one().prop_map(|(folders, files)| vec![("", folders, files)]),
        vec((name(), vec(kind(), 0..3), files()), 0..4),
    ]
}

/// The bytes of each file are its position in the list.
fn planned(wanted: &[Wanted]) -> Result<Plan, Problem> {
    let version = |(folder, kinds, files): &Wanted| CapturedVersion {
        folder,
        version_id: 7,
        kinds: kinds.clone(),
        files: files
            .iter()
            .enumerate()
            .map(|(at, (kind, name))| SourceFile::bytes(kind.clone(), *name, at.to_le_bytes()))
            .collect(),
    };
    Plan::new(wanted.iter().map(version).collect())
}

fn position(file: &PlannedFile) -> usize {
    let Content::Bytes(bytes) = &file.content else { panic!("{file:?} has bytes") };
    usize::from_le_bytes((**bytes).try_into().unwrap())
}

fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.chars().any(|c| "/\\".contains(c) || c.is_control())
}

/// Returns the expected paths of an accepted plan, computed in the most direct way.
fn expected(wanted: &[Wanted]) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    // A folder and its parents.
    let mut add_folder = |root: &str, folder: &str| {
        let path = if root.is_empty() { folder.to_owned() } else { format!("{root}/{folder}") };
        let ways = path.match_indices('/').map(|(at, _)| path[..at].to_owned());
        paths.extend(ways.chain([path.clone()]).filter(|way| !way.is_empty()));
        path
    };
    let mut files_in = Vec::new();
    for (folder, folders, files) in wanted {
        let root = if folder.is_empty() { String::new() } else { add_folder("", folder) };
        for kind in folders.iter().filter(|kind| **kind != FileKind::Metadata) {
            add_folder(&root, kind.folder());
        }
        for (kind, name) in files {
            let dir = if kind.folder().is_empty() { root.clone() } else { add_folder(&root, kind.folder()) };
            files_in.push(if dir.is_empty() { (*name).to_owned() } else { format!("{dir}/{name}") });
        }
    }
    paths.extend(files_in);
    paths
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn planned_names_are_unique_and_inside_the_target(wanted in trees()) {
        let Ok(plan) = planned(&wanted) else { return Ok(()) };
        let folders = wanted.iter().flat_map(|(folder, folders, files)| {
            let kinds = folders.iter().chain(files.iter().map(|(kind, _)| kind));
            kinds.map(FileKind::folder).chain([*folder])
        });
        for name in folders.flat_map(|folder| folder.split('/')).filter(|name| !name.is_empty()) {
            prop_assert!(is_name(name), "{:?} is planned", name);
        }
        for (_, name) in wanted.iter().flat_map(|(_, _, files)| files) {
            prop_assert!(is_name(name), "{:?} is planned", name);
        }
        let files = plan.folders().flat_map(|folder| folder.files.iter().map(|file| folder.path_of(file)));
        let all: Vec<PathBuf> = plan.dirs.iter().skip(1).cloned().chain(files).collect();
        for path in &all {
            prop_assert!(path.components().all(|part| matches!(part, Component::Normal(_))), "{:?}", path);
        }
        let names: BTreeSet<String> = all.iter().map(|path| path.to_str().unwrap().to_owned()).collect();
        prop_assert_eq!(names.len(), all.len(), "a name is planned twice");
        prop_assert_eq!(names, expected(&wanted));
        for (at, dir) in plan.dirs.iter().enumerate().skip(1) {
            prop_assert!(plan.dirs[..at].iter().any(|parent| dir.parent() == Some(parent)), "{:?}", dir);
        }
    }

    #[test]
    fn every_file_is_planned_once_where_it_belongs(wanted in trees()) {
        let Ok(plan) = planned(&wanted) else { return Ok(()) };
        let mut planned = BTreeSet::new();
        for folder in plan.folders() {
            let tree = usize::try_from(folder.tree).unwrap();
            let (_, _, files) = &wanted[tree];
            for file in &folder.files {
                let (kind, name) = &files[position(file)];
                prop_assert_eq!((folder.kind.folder(), file.name.as_str()), (kind.folder(), *name));
                prop_assert!(planned.insert((tree, position(file))), "{:?} is planned twice", file);
            }
        }
        prop_assert_eq!(planned.len(), wanted.iter().map(|(_, _, files)| files.len()).sum::<usize>());
        prop_assert!(plan.files().map(|file| file.pin).eq(0..planned.len()), "files are numbered in their order");
        for (tree, (_, _, files)) in plan.trees.iter().zip(&wanted) {
            let listed = files.iter().filter(|(kind, _)| *kind == FileKind::Metadata).map(|(_, name)| *name);
            let metadata = tree.folders.iter().filter(|folder| folder.kind == FileKind::Metadata);
            let metadata = metadata.flat_map(|folder| &folder.files).map(|file| file.name.as_str());
            prop_assert!(listed.eq(metadata), "metadata keeps its order");
        }
    }
}

//! For all snapshots: a plan names each file once and inside the target, or says that it cannot.

use std::collections::BTreeSet;

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;

/// Names that meet, that lead elsewhere, and that are the checkpoint's own.
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

/// How many of the names are good ones.
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

/// A tree's folder, the kinds whose folders it wants, its files.
type Wanted = (&'static str, Vec<FileKind>, Vec<(FileKind, &'static str)>);

fn trees() -> impl Strategy<Value = Vec<Wanted>> {
    let files = || vec((kind(), name()), 0..5);
    let one = || (vec(kind(), 0..3), files());
    prop_oneof![
        one().prop_map(|(folders, files)| vec![("", folders, files)]),
        vec((name(), vec(kind(), 0..3), files()), 0..4),
    ]
}

fn planned(wanted: &[Wanted]) -> Result<Plan, Problem> {
    let trees: Vec<Tree<'_>> = wanted
        .iter()
        .map(|(folder, folders, files)| Tree {
            folder,
            folders: folders.clone(),
            files: files.iter().map(|(kind, name)| (kind, OsStr::new(*name))).collect(),
        })
        .collect();
    Plan::new(&trees)
}

fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.chars().any(|c| "/\\".contains(c) || c.is_control())
}

/// The paths that a plan has to have, by the rules and no cleverness: each once. `None` if there is no plan.
fn expected(wanted: &[Wanted]) -> Option<BTreeSet<String>> {
    let mut taken = BTreeSet::from([CATALOG_FILE.to_owned()]);
    for (folder, folders, files) in wanted {
        let root = match *folder {
            "" if wanted.len() == 1 => String::new(),
            folder if is_name(folder) && taken.insert(folder.to_owned()) => format!("{folder}/"),
            _ => return None,
        };
        let kinds = folders.iter().chain(files.iter().map(|(kind, _)| kind));
        let data = kinds.filter(|kind| **kind != FileKind::Metadata);
        for folder in data.map(FileKind::folder).collect::<BTreeSet<_>>() {
            if !is_name(folder) || !taken.insert(format!("{root}{folder}")) {
                return None;
            }
        }
        for (kind, name) in files {
            let below =
                if *kind == FileKind::Metadata { String::new() } else { format!("{}/", kind.folder()) };
            if !is_name(name) || !taken.insert(format!("{root}{below}{name}")) {
                return None;
            }
        }
    }
    taken.remove(CATALOG_FILE);
    Some(taken)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, ..ProptestConfig::default() })]

    #[test]
    fn planned_names_are_unique_and_inside_the_target(wanted in trees()) {
        let (plan, expected) = (planned(&wanted), expected(&wanted));
        prop_assert_eq!(plan.is_ok(), expected.is_some(), "{:?}", plan);
        let (Ok(plan), Some(expected)) = (plan, expected) else { return Ok(()) };
        let files = plan.items.iter().map(|item| plan.path_of(item));
        let all: Vec<PathBuf> = plan.dirs.iter().skip(1).cloned().chain(files).collect();
        for path in &all {
            prop_assert!(path.components().all(|part| matches!(part, Component::Normal(_))), "{:?}", path);
        }
        let names: BTreeSet<String> = all.iter().map(|path| path.to_str().unwrap().to_owned()).collect();
        prop_assert_eq!(names.len(), all.len(), "a name is planned twice");
        prop_assert_eq!(names, expected);
        for (at, dir) in plan.dirs.iter().enumerate().skip(1) {
            prop_assert!(plan.dirs[..at].iter().any(|parent| dir.parent() == Some(parent)), "{:?}", dir);
        }
    }

    #[test]
    fn every_file_is_planned_once_where_it_belongs(wanted in trees()) {
        let Ok(plan) = planned(&wanted) else { return Ok(()) };
        let mut planned = BTreeSet::new();
        for item in &plan.items {
            let (_, _, files) = &wanted[item.tree];
            let (kind, name) = &files[item.index];
            prop_assert_eq!((item.kind.folder(), item.name.as_str()), (kind.folder(), *name));
            prop_assert!(planned.insert((item.tree, item.index)), "{:?} is planned twice", item);
        }
        prop_assert_eq!(planned.len(), wanted.iter().map(|(_, _, files)| files.len()).sum::<usize>());
        for (tree, (_, _, files)) in wanted.iter().enumerate() {
            let listed = files.iter().filter(|(kind, _)| *kind == FileKind::Metadata).map(|(_, name)| *name);
            let metadata = plan.items.iter().filter(|item| item.tree == tree && item.kind == FileKind::Metadata);
            prop_assert!(listed.eq(metadata.map(|item| item.name.as_str())), "metadata keeps its order");
        }
    }
}

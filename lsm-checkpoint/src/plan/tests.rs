mod properties;

use super::*;

fn tree<'a>(folder: &'a str, files: &[(FileKind, &str)]) -> CapturedVersion<'a> {
    let file = |(kind, name): &(FileKind, &str)| SourceFile::bytes(kind.clone(), *name, *b"");
    let files = files.iter().map(file).collect();
    CapturedVersion { folder, version_id: 7, kinds: vec![FileKind::Table], files }
}

fn problem(trees: impl Into<Vec<CapturedVersion<'static>>>) -> SnapshotProblem {
    Plan::new(trees.into()).unwrap_err().1
}

fn paths(plan: &Plan) -> Vec<PathBuf> {
    plan.folders().flat_map(|folder| folder.files.iter().map(|file| folder.path_of(file))).collect()
}

fn data_folders(plan: &Plan) -> Vec<Vec<&str>> {
    plan.trees.iter().map(|tree| tree.data_folders().collect()).collect()
}

#[test]
fn files_are_ordered_by_kind_and_name_and_metadata_keeps_its_order() {
    use FileKind::{Blob, Metadata, Table};
    let files = [(Metadata, "v7"), (Blob, "2"), (Table, "9"), (Metadata, "current"), (Table, "10")];
    let plan = Plan::new(vec![tree("", &files)]).unwrap();
    let expected = ["tables/10", "tables/9", "blobs/2", "v7", "current"];
    assert_eq!(paths(&plan), expected.map(PathBuf::from));
    assert_eq!(plan.dirs, ["", "tables", "blobs"].map(PathBuf::from));
    assert_eq!(data_folders(&plan), [["tables", "blobs"]]);
}

#[test]
fn trees_have_a_folder_each() {
    let plan = Plan::new(vec![tree("a", &[(FileKind::Table, "1")]), tree("b", &[])]).unwrap();
    assert_eq!(plan.dirs, ["", "a", "a/tables", "b", "b/tables"].map(PathBuf::from));
    assert_eq!(problem([tree("a", &[]), tree("a", &[])]), SnapshotProblem::Taken);
    assert_eq!(problem([tree("a/b/c/d/e", &[])]), SnapshotProblem::Depth);
}

#[test]
fn a_root_tree_lies_beside_others_and_folders_have_several_components() {
    let wal = FileKind::other("wal/new");
    let (files, others) = ([(wal, "1"), (FileKind::Metadata, "v1")], [(FileKind::Table, "1")]);
    let plan = Plan::new(vec![tree("", &files), tree("trees/a", &others)]).unwrap();
    let dirs = ["", "tables", "wal", "wal/new", "trees", "trees/a", "trees/a/tables"];
    assert_eq!(plan.dirs, dirs.map(PathBuf::from));
    assert_eq!(paths(&plan), ["wal/new/1", "v1", "trees/a/tables/1"].map(PathBuf::from));
    assert_eq!(data_folders(&plan), [vec!["tables", "wal/new"], vec!["tables"]]);
}

#[test]
fn names_that_lead_out_of_the_checkpoint_are_refused() {
    for name in ["", ".", "..", "a/b", "/etc", "a\\b", "a\nb", "a\0", "a/", "./a"] {
        assert_eq!(problem([tree("", &[(FileKind::Table, name)])]), SnapshotProblem::Name, "{name}");
        if name == "a/b" {
            continue; // a folder may have several components
        }
        assert_eq!(
            problem([tree("", &[(FileKind::other(name.to_owned()), "1")])]),
            SnapshotProblem::Name,
            "{name}"
        );
    }
}

#[test]
fn taken_names_are_refused() {
    use FileKind::{Metadata, Table};
    for files in [
        &[(Table, "1"), (Table, "1")][..],
        &[(Metadata, "tables")],
        &[(FileKind::other("tables"), "1"), (Table, "1")],
    ] {
        assert_eq!(problem([tree("", files)]), SnapshotProblem::Taken, "{files:?}");
    }
    for name in [crate::CATALOG_FILE, "checkpoint", ".checkpoint-unpublished", ".x.checkpoint-staged"] {
        assert_eq!(problem([tree("", &[(Metadata, name)])]), SnapshotProblem::Reserved, "{name}");
        assert!(Plan::new(vec![tree("a", &[(Metadata, name)])]).is_ok(), "not in the target's own directory");
    }
}

#[test]
fn files_are_numbered_in_their_order_over_all_trees() {
    use FileKind::{Metadata, Table};
    let (files, others) = ([(Metadata, "v7"), (Table, "2"), (Table, "1")], [(Table, "3")]);
    let plan = Plan::new(vec![tree("a", &files), tree("b", &others)]).unwrap();
    let numbered: Vec<_> = plan.files().map(|file| (file.name.as_str(), file.pin)).collect();
    assert_eq!(numbered, [("1", 0), ("2", 1), ("v7", 2), ("3", 3)]);
    assert_eq!(plan.file_count(), 4);
    let trees: Vec<_> = plan.folders().map(|folder| folder.tree).collect();
    assert_eq!(trees, [0, 0, 1]);
}

#[cfg(unix)]
#[test]
fn a_name_that_is_not_utf_8_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let mut version = tree("a", &[]);
    version.files.push(SourceFile::bytes(FileKind::Table, OsStr::from_bytes(b"\xff"), *b""));
    let (path, problem) = Plan::new(vec![version]).unwrap_err();
    assert_eq!(
        (path.as_path(), problem),
        (Path::new("tables").join(OsStr::from_bytes(b"\xff")).as_path(), SnapshotProblem::Name)
    );
}

#[test]
fn the_folder_decides_the_kind() {
    use FileKind::{Blob, Table};
    let spelled = [(FileKind::Other("tables".into()), "1"), (Table, "2"), (FileKind::other("blobs"), "3")];
    let plan = Plan::new(vec![tree("", &spelled)]).unwrap();
    let named = |folder: &PlannedFolder| {
        let files = folder.files.iter().map(|file| (folder.kind.clone(), file.name.clone()));
        files.collect::<Vec<_>>()
    };
    let kinds: Vec<_> = plan.folders().flat_map(named).collect();
    assert_eq!(kinds, [(Table, "1"), (Table, "2"), (Blob, "3")].map(|(kind, name)| (kind, name.to_owned())));
    assert_eq!(plan.dirs, ["", "tables", "blobs"].map(PathBuf::from));
}

#[test]
fn a_link_only_policy_never_copies() {
    for method in [Method::Copy, Method::Reflink, Method::Written] {
        assert!(!methods_in_order(Policy::LinkOnly).contains(&method));
    }
    assert!(!methods_in_order(Policy::Independent).contains(&Method::HardLink));
}

#[test]
fn a_missing_and_an_unexpected_name_are_found() {
    let set = |names: &'static [&'static str]| names.iter().map(OsStr::new).collect::<Vec<_>>();
    let made = set(&["a", "b"]);
    assert_eq!(compare(&made, &set(&["a", "b"])), Ok(()));
    assert_eq!(compare(&made, &set(&["b"])), Err((OsStr::new("a"), StagedProblem::Missing)));
    assert_eq!(compare(&made, &set(&["a", "b", "c"])), Err((OsStr::new("c"), StagedProblem::Unexpected)));
}

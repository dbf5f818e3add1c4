mod properties;

use super::*;

fn tree<'a>(folder: &'a str, files: &'a [(FileKind, &'a str)]) -> Tree<'a> {
    let files = files.iter().map(|(kind, name)| (kind, OsStr::new(*name))).collect();
    Tree { folder, folders: vec![FileKind::Table], files }
}

fn problem(trees: &[Tree<'_>]) -> SnapshotProblem {
    Plan::new(trees).unwrap_err().1
}

#[test]
fn items_come_by_kind_and_name_and_metadata_as_listed() {
    use FileKind::{Blob, Metadata, Table};
    let files = [(Metadata, "v7"), (Blob, "2"), (Table, "9"), (Metadata, "current"), (Table, "10")];
    let plan = Plan::new(&[tree("", &files)]).unwrap();
    let paths: Vec<_> = plan.items.iter().map(|item| plan.path_of(item)).collect();
    let expected = ["tables/10", "tables/9", "blobs/2", "v7", "current"];
    assert_eq!(paths, expected.map(PathBuf::from));
    assert_eq!(plan.dirs, ["", "tables", "blobs"].map(PathBuf::from));
    assert_eq!(plan.folders, [["tables", "blobs"]]);
}

#[test]
fn trees_have_a_folder_each() {
    let plan = Plan::new(&[tree("a", &[(FileKind::Table, "1")]), tree("b", &[])]).unwrap();
    assert_eq!(plan.dirs, ["", "a", "a/tables", "b", "b/tables"].map(PathBuf::from));
    assert_eq!(problem(&[tree("a", &[]), tree("", &[])]), SnapshotProblem::Folder);
    assert_eq!(problem(&[tree("a", &[]), tree("a", &[])]), SnapshotProblem::Taken);
    assert_eq!(problem(&[tree("a/b", &[])]), SnapshotProblem::Name);
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for name in ["", ".", "..", "a/b", "/etc", "a\\b", "a\nb", "a\0", "a/", "./a"] {
        assert_eq!(problem(&[tree("", &[(FileKind::Table, name)])]), SnapshotProblem::Name, "{name}");
        assert_eq!(
            problem(&[tree("", &[(FileKind::other(name.to_owned()), "1")])]),
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
        &[(Metadata, CATALOG_FILE)],
        &[(Metadata, "tables")],
        &[(FileKind::other("tables"), "1"), (Table, "1")],
    ] {
        assert_eq!(problem(&[tree("", files)]), SnapshotProblem::Taken, "{files:?}");
    }
    assert!(Plan::new(&[tree("a", &[(Metadata, CATALOG_FILE)])]).is_ok(), "not beside the catalog");
}

#[test]
fn a_kind_is_what_its_folder_says() {
    use FileKind::{Blob, Table};
    let spelled = [(FileKind::Other("tables".into()), "1"), (Table, "2"), (FileKind::other("blobs"), "3")];
    let plan = Plan::new(&[tree("", &spelled)]).unwrap();
    let kinds: Vec<_> = plan.items.iter().map(|item| (&item.kind, item.name.as_str())).collect();
    assert_eq!(kinds, [(&Table, "1"), (&Table, "2"), (&Blob, "3")]);
    assert_eq!(plan.dirs, ["", "tables", "blobs"].map(PathBuf::from));
}

#[test]
fn a_link_only_policy_never_copies() {
    for method in [Method::Copy, Method::Reflink, Method::Written] {
        assert!(!rungs(Policy::LinkOnly).contains(&method));
    }
    assert!(!rungs(Policy::Independent).contains(&Method::HardLink));
}

#[test]
fn a_name_too_few_or_too_many_is_found() {
    let set = |names: &'static [&'static str]| names.iter().map(OsStr::new).collect::<Vec<_>>();
    let made = set(&["a", "b"]);
    assert_eq!(compare(&made, &set(&["a", "b"])), Ok(()));
    assert_eq!(compare(&made, &set(&["b"])), Err((OsStr::new("a"), StagedProblem::Missing)));
    assert_eq!(compare(&made, &set(&["a", "b", "c"])), Err((OsStr::new("c"), StagedProblem::Unexpected)));
}

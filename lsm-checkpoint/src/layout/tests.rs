use super::*;

/// Adds trees with their folders, then files by tree. Returns the first refusal.
fn lay(trees: &[(&str, &[&str])], files: &[(usize, &str)]) -> Result<Vec<PathBuf>, Refused> {
    let mut layout = Layout::new(trees.iter().map(|(folder, _)| *folder), 0);
    let roots = trees.iter().map(|(folder, _)| layout.add_tree(folder)).collect::<Result<Vec<_>, _>>()?;
    for ((_, folders), root) in trees.iter().zip(&roots) {
        for folder in *folders {
            layout.add_folder(*root, folder)?;
        }
    }
    for (tree, name) in files {
        layout.add_file(roots[*tree], *name)?;
    }
    Ok(layout.into_dirs())
}

fn problem(trees: &[(&str, &[&str])], files: &[(usize, &str)]) -> NameProblem {
    lay(trees, files).expect_err(&format!("{trees:?} {files:?}")).1
}

#[test]
fn a_root_tree_may_lie_beside_others_and_folders_may_be_deep() {
    let dirs =
        lay(&[("", &["wal"]), ("keyspaces/0", &["tables"]), ("keyspaces/1", &["a/b/c/d"])], &[(0, "v")]);
    let expected = [
        "",
        "keyspaces",
        "keyspaces/0",
        "keyspaces/1",
        "wal",
        "keyspaces/0/tables",
        "keyspaces/1/a",
        "keyspaces/1/a/b",
        "keyspaces/1/a/b/c",
        "keyspaces/1/a/b/c/d",
    ];
    assert_eq!(dirs.unwrap(), expected.map(PathBuf::from));
    assert!(lay(&[("a", &["x"]), ("a/b", &["x"])], &[]).is_ok(), "a tree below another");
    assert!(lay(&[("", &["x", "x/y"]), ("x/z", &[])], &[]).is_ok(), "a folder below a folder");
}

#[test]
fn a_directory_has_one_role() {
    assert_eq!(problem(&[("a", &[]), ("a", &[])], &[]), NameProblem::Taken);
    assert_eq!(problem(&[("", &["a"]), ("a", &[])], &[]), NameProblem::Taken);
    assert_eq!(problem(&[("", &["a/b"]), ("a", &[])], &[]), NameProblem::Taken, "in another tree");
    assert_eq!(problem(&[("", &["a", "a"])], &[]), NameProblem::Taken);
    assert_eq!(problem(&[("", &[]), ("a/b", &[])], &[(0, "a")]), NameProblem::Taken, "a file and a way");
    assert_eq!(problem(&[("", &[])], &[(0, "a"), (0, "a")]), NameProblem::Taken);
}

#[test]
fn a_file_is_no_way_to_a_folder_or_tree() {
    let mut layout = Layout::new(["", "a/b"].into_iter(), 0);
    let root = layout.add_tree("").unwrap();
    layout.add_file(root, "a").unwrap();
    let taken = Err((PathBuf::from("a"), NameProblem::Taken));
    assert_eq!(layout.add_folder(root, "a/c"), taken);
    assert_eq!(layout.add_tree("a/b"), taken);
}

#[test]
fn paths_that_lead_out_of_the_checkpoint_are_refused() {
    for name in [
        "",
        ".",
        "..",
        "/etc",
        "a\\b",
        "a\nb",
        "a\0",
        "a/",
        "./a",
        "a//b",
        "a/../b",
        &"n".repeat(NAME_MAX + 1),
    ] {
        assert_eq!(problem(&[("", &[name])], &[]), NameProblem::Name, "folder {name}");
        assert_eq!(problem(&[("", &[])], &[(0, name)]), NameProblem::Name, "file {name}");
        if !name.is_empty() {
            assert_eq!(problem(&[(name, &[])], &[]), NameProblem::Name, "tree {name}");
        }
    }
    assert_eq!(problem(&[("a/b/c/d/e", &[])], &[]), NameProblem::Depth);
    assert_eq!(problem(&[("", &["a/b/c/d/e"])], &[]), NameProblem::Depth);
    assert!(lay(&[("a/b/c/d", &["a/b/c/d"])], &[]).is_ok());
}

#[test]
fn names_of_the_protocol_are_reserved_only_at_the_top_level() {
    for name in [
        "CHECKPOINT",
        "checkpoint",
        "Checkpoint.",
        "CHEC\u{212a}POINT",
        ".checkpoint-unpublished",
        ".CheckPoint-Unpubli\u{17f}hed",
        ".monday.checkpoint-staged",
        "x.CHECKPOINT-STAGED",
        ".checkpoint-staged",
    ] {
        assert_eq!(problem(&[("", &[])], &[(0, name)]), NameProblem::Reserved, "file {name}");
        assert_eq!(problem(&[("", &[name])], &[]), NameProblem::Reserved, "folder {name}");
        assert_eq!(problem(&[(&format!("{name}/a"), &[])], &[]), NameProblem::Reserved, "tree {name}");
        assert!(lay(&[("a", &[name])], &[]).is_ok(), "below a tree {name}");
    }
    for name in ["CHECKPOINTS", "CHECKPOINT-000001", "checkpoint-unpublished", ".checkpoint-staged-1"] {
        assert!(lay(&[("", &[])], &[(0, name)]).is_ok(), "{name}");
    }
}

#[test]
fn an_identity_is_text_on_one_line() {
    assert!(is_identity("an engine") && is_identity(&"i".repeat(255)));
    for identity in ["", " ", " a", "a\t", "a\nb", "a\u{85}", &"i".repeat(256)] {
        assert!(!is_identity(identity), "{identity:?}");
    }
}

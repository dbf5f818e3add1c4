//! `restore --without-catalog`.

use std::{fs, path::Path};

use crate::support::{Daily, contents};

#[test]
fn a_checkpoint_without_a_catalog_is_restored_on_request() {
    let daily = Daily::new();
    let mut expected = contents(&daily.at("monday"));
    expected.retain(|(path, _)| path.to_str() != Some("CHECKPOINT"));
    fs::write(daily.at("monday/CHECKPOINT"), "damaged").unwrap();
    fs::write(daily.at("monday/notes.txt"), "mine").unwrap();
    assert_ne!(daily.run(&["restore", "{d}/backups/monday", "{d}/live"]).code, 0);
    let restore = ["restore", "--without-catalog", "{d}/backups/monday", "{d}/live"];
    let ran = daily.run(&restore);
    let notes = "note: {d}/backups/monday: version 1, named by CURRENT; not verified: 2 files, which the \
                 engine has to check\nnote: {d}/backups/monday/notes.txt: not restored: only the catalog \
                 could show if it belongs to the tree\n";
    assert_eq!((ran.code, ran.err.as_str()), (0, notes), "{ran:?}");
    assert_eq!(contents(&daily.temp.path().join("live")), expected);
    let (_, lines) =
        daily.json(&["restore", "--quiet", "--without-catalog", "{d}/backups/monday", "{d}/other"]);
    assert_eq!((&lines[0]["type"], &lines[0]["unchecked_files"]), (&"salvage".into(), &"2".into()));
    assert_eq!(lines[0]["left_out"][0]["text"], "notes.txt");
    assert_eq!(daily.run(&["restore", "--without-catalog", "{d}/backups@latest", "{d}/x"]).code, 1);
    fs::write(daily.at("monday/v1"), "damaged").unwrap();
    fs::remove_dir_all(daily.temp.path().join("live")).unwrap();
    let ran = daily.run(&restore);
    assert_eq!(ran.code, 2, "{ran:?}");
    assert!(!daily.temp.path().join("live").exists());
}

/// Makes the checkpoint `several`, which has the trees `orders` and `users` and no readable catalog.
fn with_two_trees() -> Daily {
    let daily = Daily::empty();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/format-2");
    for (file, bytes) in contents(&golden) {
        let to = daily.at("several").join(file);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::write(to, bytes).unwrap();
    }
    fs::write(daily.at("several/CHECKPOINT"), "damaged").unwrap();
    daily
}

/// The advice of the manifest library, to move the files away, would take the last copy apart.
#[test]
fn each_tree_of_a_checkpoint_is_restored_by_its_folder() {
    let daily = with_two_trees();
    let before = contents(&daily.dir());
    let restore = ["restore", "--without-catalog", "{d}/backups/several", "{d}/live"];
    daily.run(&restore).expect(
        4,
        "",
        "error: {d}/backups/several: --without-catalog restores one tree, and this checkpoint has its trees in \
         folders: orders, users\nhint: restore each tree, the first one with `mkdir -p {d}/live && lsm-checkpoint \
         restore --without-catalog {d}/backups/several/orders {d}/live/orders`\n",
    );
    assert_eq!(daily.json(&restore).1[0]["kind"], "several_trees");
    fs::create_dir(daily.temp.path().join("live")).unwrap();
    for tree in ["orders", "users"] {
        let (from, to) = (format!("{{d}}/backups/several/{tree}"), format!("{{d}}/live/{tree}"));
        let ran = daily.run(&["restore", "--without-catalog", &from, &to]);
        assert_eq!(ran.code, 0, "{ran:?}");
        let mut expected = contents(&daily.at("several").join(tree));
        expected.retain(|(path, _)| !["EDITS", "OPTIONS", "logs/log"].contains(&path.to_str().unwrap()));
        assert_eq!(contents(&daily.temp.path().join("live").join(tree)), expected);
    }
    assert_eq!(contents(&daily.dir()), before);
}

#[test]
fn a_tree_beside_others_is_not_the_whole_checkpoint() {
    let daily = with_two_trees();
    fs::rename(daily.at("several/users"), daily.at("several/orders/users")).unwrap();
    let ran = daily.run(&["restore", "--without-catalog", "{d}/backups/several/orders", "{d}/live"]);
    let note = "note: {d}/backups/several/orders: restore these trees too, each by its own path: users\n";
    assert!(ran.code == 0 && ran.err.ends_with(note), "{ran:?}");
}

#[test]
fn a_directory_without_a_manifest_is_refused_without_bad_advice() {
    let daily = Daily::new();
    fs::write(daily.at("monday/CHECKPOINT"), "damaged").unwrap();
    fs::remove_file(daily.at("monday/current")).unwrap();
    let restore = |from: &str| daily.run(&["restore", "--without-catalog", from, "{d}/live"]);
    restore("{d}/backups/monday").expect(
        4,
        "",
        "error: {d}/backups/monday: has no file `current`, so it cannot be restored without its catalog\nhint: use \
         another checkpoint, or the engine's own tools if its manifest has another format\n",
    );
    let above = restore("{d}/backups");
    assert!(above.code == 4 && above.err.contains("name a checkpoint in it"), "{above:?}");
    let none = restore("{d}/none");
    assert!(none.code == 4 && none.err.contains("nothing has this name"), "{none:?}");
}

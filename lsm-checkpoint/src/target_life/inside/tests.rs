use std::path::Path;

use lsm_fs_mem::MemFs;

use super::*;

fn target(fs: &MemFs) -> Target {
    fs.create_dir(Path::new("/data")).unwrap();
    Target::inside(Path::new("/data"))
}

/// Marks a directory as a restore of these pointers and of one further file does.
fn mark(fs: &MemFs, target: &Target, pointers: &[&str]) {
    let pointers: Vec<PathBuf> = pointers.iter().map(PathBuf::from).collect();
    let files = pointers.iter().cloned().chain([PathBuf::from("v7")]).collect();
    let contents = Contents { files, pointers, ..Contents::default() };
    Marker::restore_into(&contents).write(fs, &target.path, SyncMode::Normal).unwrap();
}

#[test]
fn a_directory_lost_and_found_does_not_count_but_a_file_does() {
    let fs = MemFs::new();
    let target = target(&fs);
    let lost = target.path.join(LOST_AND_FOUND);
    fs.create_dir(&lost).unwrap();
    drop(claim_inside(&fs, target.clone(), SyncMode::Normal).unwrap());
    assert_eq!(fs.read_dir(&target.path).unwrap().len(), 1);
    fs.remove_dir(&lost).unwrap();
    fs.write_new(&lost, b"", SyncMode::Normal).unwrap();
    let refused = claim_inside(&fs, target, SyncMode::Normal).unwrap_err();
    assert!(matches!(&refused, Error::NotEmpty { entry, .. } if entry == Path::new(LOST_AND_FOUND)));
}

/// The marker comes from a target that is made or removed under a staged name beside it.
#[test]
fn a_marker_of_another_operation_is_left_alone() {
    let fs = MemFs::new();
    let target = target(&fs);
    mark(&fs, &target, &["current"]);
    let refused = claim_inside(&fs, target.clone(), SyncMode::Normal).unwrap_err();
    assert!(matches!(&refused, Error::NotEmpty { entry, .. } if entry == Path::new(MARKER_FILE)));
    assert!(fs.exists(&target.path.join(MARKER_FILE)).unwrap());
}

/// Either a crash has split the rename of the pointer, or an engine that uses the target has removed it.
#[test]
fn a_missing_pointer_is_left_to_the_operator() {
    let fs = MemFs::new();
    let target = target(&fs);
    fs.create_dir(&target.staged).unwrap();
    mark(&fs, &target, &["current"]);
    fs.write_new(&target.path.join("v7"), b"rows", SyncMode::Normal).unwrap();
    let refused = claim_inside(&fs, target.clone(), SyncMode::Normal).unwrap_err();
    assert!(matches!(refused, Error::Undecided { .. }), "{refused}");
    assert_eq!(fs.read_dir(&target.path).unwrap().len(), 3);
}

#[test]
fn without_pointers_a_staged_file_marks_the_target_as_partial() {
    for is_staged in [true, false] {
        let fs = MemFs::new();
        let target = target(&fs);
        fs.create_dir(&target.staged).unwrap();
        fs.create_dir(&target.staged.join("tables")).unwrap();
        mark(&fs, &target, &[]);
        let name = if is_staged { target.staged.join("tables/v7") } else { target.path.join("v7") };
        fs.write_new(&name, b"rows", SyncMode::Normal).unwrap();
        let claimed = claim_inside(&fs, target.clone(), SyncMode::Normal);
        assert_eq!(claimed.is_ok(), is_staged, "{claimed:?}");
        drop(claimed);
        let left = fs.read_dir(&target.path).unwrap();
        assert_eq!(left.iter().map(|entry| entry.name.as_os_str()).eq(["v7"]), !is_staged, "{left:?}");
    }
}

#[test]
fn a_second_claim_is_refused() {
    let fs = MemFs::new();
    let target = target(&fs);
    let first = claim_inside(&fs, target.clone(), SyncMode::Normal).unwrap();
    let second = claim_inside(&fs, target.clone(), SyncMode::Normal).unwrap_err();
    assert!(matches!(second, Error::InProgress { .. }));
    drop(first);
    assert!(fs.read_dir(&target.path).unwrap().is_empty());
}

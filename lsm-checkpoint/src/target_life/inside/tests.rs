use std::path::Path;

use lsm_fs_mem::MemFs;

use super::*;

fn target(fs: &MemFs) -> Target {
    fs.create_dir(Path::new("/data")).unwrap();
    Target::inside(Path::new("/data"))
}

#[test]
fn lost_and_found_does_not_count_and_a_file_of_its_name_does() {
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

/// It is of a target that was made, or is being removed, under a staged name beside it.
#[test]
fn a_marker_of_another_protocol_is_left_alone() {
    let fs = MemFs::new();
    let target = target(&fs);
    let marker = marker_of(&Contents { pointers: vec![PathBuf::from("current")], ..Contents::default() });
    marker.write(&fs, &target.path, SyncMode::Normal).unwrap();
    let refused = claim_inside(&fs, target.clone(), SyncMode::Normal).unwrap_err();
    assert!(matches!(&refused, Error::NotEmpty { entry, .. } if entry == Path::new(MARKER_FILE)));
    assert!(fs.exists(&target.path.join(MARKER_FILE)).unwrap());
}

/// A crash has split its rename, or an engine that lives there has removed it.
#[test]
fn a_pointer_that_is_nowhere_is_left_to_the_operator() {
    let fs = MemFs::new();
    let target = target(&fs);
    fs.create_dir(&target.staged).unwrap();
    let marker = marker_of(&Contents { pointers: vec![PathBuf::from("current")], ..Contents::default() });
    marker.write(&fs, &target.path, SyncMode::Normal).unwrap();
    fs.write_new(&target.path.join("v7"), b"rows", SyncMode::Normal).unwrap();
    let refused = claim_inside(&fs, target.clone(), SyncMode::Normal).unwrap_err();
    assert!(matches!(refused, Error::Undecided { .. }), "{refused}");
    assert_eq!(fs.read_dir(&target.path).unwrap().len(), 3);
}

#[test]
fn a_second_claim_waits_for_the_first() {
    let fs = MemFs::new();
    let target = target(&fs);
    let first = claim_inside(&fs, target.clone(), SyncMode::Normal).unwrap();
    let second = claim_inside(&fs, target.clone(), SyncMode::Normal).unwrap_err();
    assert!(matches!(second, Error::InProgress { .. }));
    drop(first);
    assert!(fs.read_dir(&target.path).unwrap().is_empty());
}

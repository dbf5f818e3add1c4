//! Snapshots of the order of calls. A missing sync shows up as a missing line.

use std::path::Path;

use lsm_checkpoint::run_checkpoint;
use lsm_fs_mem::TraceFs;

use super::{TARGET, mem_db};
use crate::tweak::Tweak;

#[test]
fn a_small_linked_checkpoint() {
    let (fs, mut db) = mem_db(&[""]);
    db.extras = false;
    let traced = TraceFs::new(fs).relative_to("/").only_changes();
    run_checkpoint(&db, &traced, Path::new(TARGET)).unwrap();
    let expected = "\
create_dir S private
try_lock_directory S = true
create_dir S/tables private
create_dir S/blobs private
hard_link db/tables/1 -> S/tables/1
hard_link db/tables/2 -> S/tables/2
hard_link db/blobs/1 -> S/blobs/1
open S/v7 write create_new private -> #1
set_permissions #1 S/v7 0640 0:0
write_at #1 S/v7 0+4211
open S/.current.tmp-0 write create_new private -> #2
set_permissions #2 S/.current.tmp-0 0640 0:0
write_at #2 S/.current.tmp-0 0+25
rename S/.current.tmp-0 -> S/current
open S/CHECKPOINT write create_new private -> #3
set_permissions #3 S/CHECKPOINT 0640 0:0
write_at #3 S/CHECKPOINT 0+4869
set_permissions S/blobs 0750 0:0
set_permissions S/tables 0750 0:0
set_permissions S 0750 0:0
sync_all #1 S/v7 normal
sync_all #2 S/.current.tmp-0 normal
sync_all #3 S/CHECKPOINT normal
sync_directory S/blobs normal = durable
sync_directory S/tables normal = durable
sync_directory S normal = durable
rename_noreplace S -> checkpoint
sync_directory . normal = durable
";
    assert_eq!(traced.take().replace(".checkpoint.checkpoint-staged", "S"), expected);
}

/// The writeback of all metadata files starts early, so that a single commit serves them all. The first sync itself
/// starts the writeback of its own file.
#[test]
fn writeback_of_other_metadata_starts_before_the_first_sync() {
    let (fs, mut db) = mem_db(&[""]);
    db.extras = false;
    let traced = TraceFs::new(fs).relative_to("/");
    run_checkpoint(&db, &traced, Path::new(TARGET)).unwrap();
    let trace = traced.take();
    let (before, after) = trace.split_once("sync_all").unwrap();
    assert!(after.lines().next().unwrap().contains("/v7 "), "{trace}");
    for file in ["/.current.tmp-0 ", "/CHECKPOINT "] {
        let started =
            |lines: &str| lines.lines().any(|l| l.starts_with("start_writeback") && l.contains(file));
        assert!(started(before) && !started(after), "{file}: {trace}");
    }
}

#[test]
fn in_place_the_pointers_move_last() {
    let (fs, mut db) = mem_db(&[""]);
    db.extras = false;
    let traced = TraceFs::new(Tweak::new(fs).without_directory_renames()).relative_to("/").only_changes();
    run_checkpoint(&db, &traced, Path::new(TARGET)).unwrap();
    let expected = "\
rename_noreplace S -> T ! Unsupported
sync_directory . normal = durable
create_dir T private
rename S -> T ! Unsupported
open T/.checkpoint-unpublished write create_new -> #4
write_at #4 T/.checkpoint-unpublished 0+49
sync_all #4 T/.checkpoint-unpublished normal
sync_directory T normal = durable
create_dir T/tables private
create_dir T/blobs private
rename S/tables/1 -> T/tables/1
rename S/tables/2 -> T/tables/2
rename S/blobs/1 -> T/blobs/1
rename S/v7 -> T/v7
rename S/CHECKPOINT -> T/CHECKPOINT
set_permissions T/blobs 0750 0:0
sync_directory T/blobs normal = durable
set_permissions T/tables 0750 0:0
sync_directory T/tables normal = durable
set_permissions T 0750 0:0
sync_directory T normal = durable
rename S/current -> T/current
sync_directory T normal = durable
remove_file T/.checkpoint-unpublished
sync_directory T normal = durable
remove_dir_all S
sync_directory . normal = durable
";
    let trace = traced.take().replace(".checkpoint.checkpoint-staged", "S").replace(" checkpoint", " T");
    let start = trace.find("rename_noreplace").unwrap();
    assert_eq!(&trace[start..], expected);
}

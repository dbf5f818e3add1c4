use std::path::Path;

use lsm_fs::{Fs, FsExt, FsOpenOptions, SyncMode};
use lsm_fs_mem::{MemFs, TraceFs};

use crate::staged::{StagedFs, WAITING_MAX};

const NEW: FsOpenOptions = FsOpenOptions::new().write(true).create_new(true);

/// The syncs of a group of which `write` makes the file `S/f`.
fn syncs(write: impl FnOnce(&dyn Fs, &Path)) -> usize {
    let fs = TraceFs::new(MemFs::new());
    fs.create_dir(Path::new("S")).unwrap();
    let staged = StagedFs::new(&fs, Path::new("S"), SyncMode::Normal);
    write(&staged, Path::new("S/f"));
    staged.finish().unwrap();
    fs.take().matches("sync_all").count()
}

#[test]
fn a_file_that_was_never_written_needs_no_sync() {
    assert_eq!(syncs(|fs, path| drop(fs.open(path, &NEW).unwrap())), 0);
    assert_eq!(syncs(|fs, path| fs.write_new(path, b"", SyncMode::Normal).unwrap()), 0);
}

#[test]
fn every_change_is_synced_through_the_handle_that_made_it() {
    assert_eq!(syncs(|fs, path| fs.write_new(path, b"x", SyncMode::Normal).unwrap()), 1);
    assert_eq!(syncs(|fs, path| fs.open(path, &NEW).unwrap().set_len(3).unwrap()), 1);
    assert_eq!(syncs(|fs, path| fs.open(path, &NEW).unwrap().write_all(b"x").unwrap()), 1);
    let later = |options: FsOpenOptions| {
        syncs(|fs, path| {
            drop(fs.open(path, &NEW).unwrap());
            fs.open(path, &options).unwrap().write_all(b"x").unwrap();
        })
    };
    assert_eq!(later(FsOpenOptions::new().write(true)), 1);
    assert_eq!(later(FsOpenOptions::new().append(true)), 1);
    let flagged = syncs(|fs, path| {
        drop(fs.open(path, &NEW).unwrap());
        let attributes = fs.abilities().unwrap().attributes().unwrap();
        let _ = attributes.try_disable_cow(path).unwrap();
    });
    assert_eq!(flagged, 1);
    let punched = syncs(|fs, path| {
        drop(fs.open(path, &NEW).unwrap());
        fs.punch_hole(path, 0, 4096).unwrap();
    });
    assert_eq!(punched, 1);
}

#[test]
fn a_file_that_is_emptied_again_is_synced() {
    let emptied = syncs(|fs, path| {
        fs.write_new(path, b"x", SyncMode::Normal).unwrap();
        drop(fs.open(path, &FsOpenOptions::new().write(true).truncate(true)).unwrap());
    });
    assert_eq!(emptied, 2);
}

#[test]
fn a_replaced_or_removed_file_needs_no_sync() {
    let over = syncs(|fs, path| {
        let draft = Path::new("S/draft");
        fs.write_new(path, b"old", SyncMode::Normal).unwrap();
        fs.write_new(draft, b"new", SyncMode::Normal).unwrap();
        fs.rename(draft, path).unwrap();
    });
    assert_eq!(over, 1, "the draft alone, under its new name");
    let removed = syncs(|fs, path| {
        fs.write_new(path, b"old", SyncMode::Normal).unwrap();
        fs.remove_file(path).unwrap();
    });
    assert_eq!(removed, 0);
}

#[test]
fn a_file_that_stays_open_while_many_wait_is_synced() {
    let open_meanwhile = syncs(|fs, path| {
        let mut file = fs.open(path, &NEW).unwrap();
        for n in 0..=WAITING_MAX {
            drop(fs.open(&path.with_file_name(n.to_string()), &NEW).unwrap());
        }
        file.write_all(b"x").unwrap();
    });
    assert_eq!(open_meanwhile, 1);
}

#[test]
fn a_view_keeps_the_same_account_and_the_same_limits() {
    let made_in_a_view = syncs(|fs, path| {
        let view = fs.beneath(Path::new("S")).unwrap();
        view.write_new(path, b"x", SyncMode::Normal).unwrap();
        view.write_new(Path::new("elsewhere"), b"x", SyncMode::Normal).unwrap_err();
        fs.rename(path, Path::new("S/g")).unwrap();
    });
    assert_eq!(made_in_a_view, 1);
}

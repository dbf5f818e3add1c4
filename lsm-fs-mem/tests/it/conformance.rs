//! `MemFs` keeps every line of the contract, with no exemption.

use std::{any::Any, path::Path};

use lsm_fs::{
    Fs, FsOpenOptions,
    conformance::{OtherProcess, Subject, run},
    errno::EIO,
};
use lsm_fs_mem::{DirtyPages, MemFs, MemFsOptions, VolumeOptions};

/// Nothing outside the process reaches a filesystem in memory; a second user of it stands for another process.
struct OtherUser(MemFs);

impl OtherProcess for OtherUser {
    fn lock_file(&self, path: &Path) -> Box<dyn Any> {
        let file = self.0.open(path, &FsOpenOptions::new().read(true)).unwrap();
        assert!(file.try_lock_exclusive().unwrap());
        Box::new(file)
    }

    fn lock_directory(&self, path: &Path) -> Box<dyn Any> {
        Box::new(self.0.try_lock_directory(path).unwrap().unwrap())
    }
}

pub(crate) fn subject(options: VolumeOptions) -> Subject {
    let fs = MemFsOptions::new().root(options.clone()).volume("/other", options).build().unwrap();
    fs.create_dir(Path::new("/root")).unwrap();
    let (faulty, other) = (fs.clone(), OtherUser(fs.clone()));
    Subject::new(fs, "/root").other_volume("/other").other_process(other).sync_fault(move |path, fail| {
        if fail {
            faulty.fail_syncs(path, EIO, DirtyPages::Kept);
        } else {
            faulty.heal_syncs(path);
        }
    })
}

#[test]
fn every_line_of_the_contract_holds() {
    run(|_| subject(VolumeOptions::new())).assert_conforms_without_exemption();
}

#[test]
fn a_volume_that_can_do_little_refuses_cleanly() {
    let poor = VolumeOptions::new()
        .hard_link(false)
        .reflink(false)
        .rename_noreplace(false)
        .punch_hole(false)
        .directory_sync(false);
    run(|_| subject(poor.clone())).assert_conforms();
}

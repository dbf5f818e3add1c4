//! `MemFs` keeps the whole contract, without exemptions.

use std::{
    any::Any,
    path::{Path, PathBuf},
};

use lsm_fs::{
    Fs, FsOpenOptions,
    conformance::{OddNodes, OtherProcess, Subject, run},
    errno::EIO,
};
use lsm_fs_mem::{DirtyPages, MemFs, MemFsOptions, SpecialFile, VolumeOptions};

/// A second user of a filesystem in memory. It replaces another process, which could not access a filesystem in memory.
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

/// Creates special nodes through the methods of `MemFs`.
pub(crate) struct Odd(pub(crate) MemFs);

impl OddNodes for Odd {
    fn symlink(&self, target: &Path, link: &Path) {
        self.0.make_symlink(target, link).unwrap();
    }

    fn special(&self, dir: &Path) -> Vec<PathBuf> {
        let kinds =
            [("pipe", SpecialFile::Pipe), ("socket", SpecialFile::Socket), ("device", SpecialFile::Device)];
        let make = |(name, kind): (&str, _)| {
            self.0.make_special(&dir.join(name), kind).unwrap();
            dir.join(name)
        };
        kinds.map(make).to_vec()
    }
}

pub(crate) fn subject(options: VolumeOptions) -> Subject {
    let fs = MemFsOptions::new().root(options.clone()).volume("/other", options).build().unwrap();
    let odd = Odd(fs.clone());
    fs.create_dir(Path::new("/root")).unwrap();
    let (faulty, other) = (fs.clone(), OtherUser(fs.clone()));
    let subject = Subject::new(fs, "/root").other_volume("/other").mount_point("/other").odd_nodes(odd);
    subject.other_process(other).sync_fault(move |path, fail| {
        if fail {
            faulty.fail_syncs(path, EIO, DirtyPages::Kept);
        } else {
            faulty.heal_syncs(path);
        }
    })
}

#[test]
fn mem_fs_conforms_without_exemption() {
    run(|_| subject(VolumeOptions::new())).assert_conforms_without_exemption();
}

#[test]
fn a_volume_without_capabilities_conforms() {
    let poor = VolumeOptions::new()
        .hard_link(false)
        .reflink(false)
        .rename_noreplace(false)
        .punch_hole(false)
        .directory_sync(false);
    run(|_| subject(poor.clone())).assert_conforms();
}

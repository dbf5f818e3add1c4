//! The directory of images and mount points. Its owner locks it, and the next run removes it if the owner is dead.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::cmd;

const PREFIX: &str = "lsm-xtask-";

/// A working directory, which is removed when this is dropped.
///
/// The lock on the directory shows that its owner lives. Children do not inherit it, so it ends with this process.
#[derive(Debug)]
pub(super) struct Workdir {
    path: PathBuf,
    _lock: File,
}

impl Workdir {
    /// Makes a new directory in `base` and removes the leftovers of dead runs.
    pub(super) fn create(base: &Path) -> anyhow::Result<Self> {
        sweep(base)?;
        for attempt in 0..100 {
            let path = base.join(format!("{PREFIX}{}-{attempt}", std::process::id()));
            match fs::create_dir(&path) {
                Ok(()) => (),
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => continue,
                Err(error) => return Err(error).context(format!("cannot create {}", path.display())),
            }
            if let Some(lock) = lock(&path)? {
                return Ok(Self { path, _lock: lock });
            }
        }
        bail!("no free name for a working directory in {}", base.display())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Workdir {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path) {
            eprintln!("warning: cannot remove {}: {error}", self.path.display());
        }
    }
}

/// The place of working directories: a real disk, because the images are as large as the data in them.
pub(super) fn base() -> PathBuf {
    std::env::var_os("TMPDIR").map_or_else(|| "/var/tmp".into(), PathBuf::from)
}

/// Locks a directory. Returns `None` if a living process holds it, or if `path` leads elsewhere by now: another run may
/// remove a directory between its creation and its lock.
fn lock(path: &Path) -> anyhow::Result<Option<File>> {
    let Ok(dir) = File::open(path) else { return Ok(None) };
    match dir.try_lock() {
        Ok(()) => (),
        Err(fs::TryLockError::WouldBlock) => return Ok(None),
        Err(fs::TryLockError::Error(error)) => {
            return Err(error).context(format!("cannot lock {}", path.display()));
        }
    }
    let held = dir.metadata()?;
    let same = fs::symlink_metadata(path).is_ok_and(|now| (now.dev(), now.ino()) == (held.dev(), held.ino()));
    Ok(same.then_some(dir))
}

/// Removes the working directories of dead runs, except those that belong to other users.
fn sweep(base: &Path) -> anyhow::Result<()> {
    let me = fs::metadata("/proc/self").context("cannot find the user of this process in /proc/self")?.uid();
    for entry in fs::read_dir(base).with_context(|| format!("cannot list {}", base.display()))? {
        let entry = entry?;
        let path = entry.path();
        let ours = entry.file_name().to_string_lossy().starts_with(PREFIX)
            && entry.metadata().is_ok_and(|metadata| metadata.is_dir() && metadata.uid() == me);
        if ours && let Some(_lock) = lock(&path)? {
            eprintln!("    removing what a killed run left: {}", path.display());
            fs::remove_dir_all(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

/// Detaches loop devices whose image lies below `dir`, and returns the devices that stay attached.
///
/// A loop device is left over only if its mount was busy and had to be unmounted lazily.
pub(super) fn detach_leftovers(dir: &Path) -> Vec<String> {
    for device in attached(dir) {
        // After an error the device is still in the list below.
        let _ = cmd::capture(cmd::tool("losetup").args(["-d", &device]));
    }
    attached(dir)
}

fn attached(dir: &Path) -> Vec<String> {
    let Ok(devices) = fs::read_dir("/sys/block") else { return Vec::new() };
    let backed_here = |entry: &fs::DirEntry| {
        fs::read_to_string(entry.path().join("loop/backing_file"))
            .is_ok_and(|file| Path::new(&file).starts_with(dir))
    };
    let names = devices.flatten().filter(backed_here);
    names.map(|entry| format!("/dev/{}", entry.file_name().to_string_lossy())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sweeps_the_dead_and_spares_the_living() {
        let base = tempfile::tempdir().unwrap();
        let base = base.path();
        let dead = base.join(format!("{PREFIX}1-0"));
        fs::create_dir_all(dead.join("mnt")).unwrap();
        let foreign = base.join("somebody-elses");
        fs::create_dir(&foreign).unwrap();

        let living = Workdir::create(base).unwrap();
        assert!(!dead.exists(), "the directory of a dead run stays");
        let second = Workdir::create(base).unwrap();
        assert!(living.path().exists(), "a living run lost its directory");
        assert_ne!(living.path(), second.path());
        assert!(foreign.exists());

        let path = living.path().to_owned();
        drop(living);
        assert!(!path.exists(), "the directory outlives its owner");
        drop(second);
    }

    #[test]
    fn a_directory_replaced_before_its_lock_is_not_ours() {
        let base = tempfile::tempdir().unwrap();
        let base = base.path();
        let path = base.join("d");
        fs::create_dir(&path).unwrap();
        let held = lock(&path).unwrap();
        assert!(held.is_some());
        assert!(lock(&path).unwrap().is_none(), "locked twice");
        fs::remove_dir(&path).unwrap();
        assert!(lock(&path).unwrap().is_none(), "locked a name that leads nowhere");
    }
}

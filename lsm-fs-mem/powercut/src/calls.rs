//! Makes the calls of a workload on a mounted file system. [`notation`](crate::notation) makes them on the model.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    num::NonZeroU64,
    os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    sync::mpsc,
    time::Duration,
};

use anyhow::{Context, bail};
use rustix::fs::{
    Advice, CWD, FallocateFlags, OFlags, RenameFlags, fadvise, fallocate, ioctl_ficlone, renameat_with,
    syncfs,
};

use crate::bench::Mounted;

/// The alignment of the buffer of a direct write. The allocation is longer by this length, so that an aligned part
/// fits.
const ALIGN: usize = 4096;

/// Makes one call.
pub(crate) fn call(fs: &Mounted<'_>, text: &str) -> anyhow::Result<()> {
    make(fs, text).with_context(|| text.to_owned())
}

fn make(fs: &Mounted<'_>, text: &str) -> anyhow::Result<()> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let word = |at: usize| words.get(at).copied().context("a word is missing");
    let number = |at: usize| word(at)?.parse::<u64>().context("not a number");
    let path = |at: usize| Ok::<PathBuf, anyhow::Error>(at_root(fs.root(), word(at)?));
    match word(0)? {
        "mkdir" => fs::create_dir(path(1)?)?,
        "creat" => drop(OpenOptions::new().write(true).create_new(true).open(path(1)?)?),
        "w" => {
            let bytes = vec![byte(word(4)?)?; number(3)? as usize];
            opened(&path(1)?)?.write_all_at(&bytes, number(2)?)?;
        }
        "dw" => direct_write(&path(1)?, number(2)?, number(3)? as usize, byte(word(4)?)?)?,
        "trunc" => opened(&path(1)?)?.set_len(number(2)?)?,
        "otrunc" => drop(OpenOptions::new().write(true).truncate(true).open(path(1)?)?),
        "punch" => {
            let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
            fallocate(opened(&path(1)?)?, flags, number(2)?, number(3)?)?;
        }
        "chmod" => {
            let mode = u32::from_str_radix(word(2)?, 8).context("not a mode")?;
            fs::set_permissions(path(1)?, Permissions::from_mode(mode))?;
        }
        "clone" => {
            let source = File::open(path(1)?)?;
            ioctl_ficlone(OpenOptions::new().write(true).create_new(true).open(path(2)?)?, source)?;
        }
        "ln" => fs::hard_link(path(1)?, path(2)?)?,
        "mv" => fs::rename(path(1)?, path(2)?)?,
        "mvn" => renameat_with(CWD, path(1)?, CWD, path(2)?, RenameFlags::NOREPLACE)?,
        "rm" => fs::remove_file(path(1)?)?,
        "rmdir" => fs::remove_dir(path(1)?)?,
        "fsync" => opened(&path(1)?)?.sync_all()?,
        "fdatasync" => opened(&path(1)?)?.sync_data()?,
        "dsync" => File::open(path(1)?)?.sync_all()?,
        "syncfs" => syncfs(File::open(path(1)?)?)?,
        "wb" => {
            let len = NonZeroU64::new(number(3)?);
            fadvise(opened(&path(1)?)?, number(2)?, len, Advice::DontNeed)?;
        }
        "commit" => fs.start_commit()?,
        "remount" => fs.remount()?,
        "sleep" => wait(Duration::from_millis(number(1)?)),
        other => bail!("no such call: {other}"),
    }
    Ok(())
}

fn at_root(root: &Path, path: &str) -> PathBuf {
    if path == "." { root.to_owned() } else { root.join(path) }
}

fn opened(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().write(true).open(path)
}

fn byte(word: &str) -> anyhow::Result<u8> {
    word.bytes().next().context("a letter is missing")
}

fn direct_write(path: &Path, offset: u64, len: usize, byte: u8) -> anyhow::Result<()> {
    let flags = OFlags::DIRECT.bits() as i32;
    let file = OpenOptions::new().write(true).custom_flags(flags).open(path)?;
    let buffer = vec![byte; len + ALIGN];
    let start = buffer.as_ptr().align_offset(ALIGN);
    file.write_all_at(&buffer[start..start + len], offset)?;
    Ok(())
}

/// Waits for a timer of the kernel, which has no event to wait for.
fn wait(time: Duration) {
    let (_sender, receiver) = mpsc::channel::<()>();
    let _ = receiver.recv_timeout(time);
}

//! The floor: the minimal work of a checkpoint by hard links, in raw system calls. It shows how much could still be
//! saved.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::Write,
    path::Path,
};

use rustix::fs::{AtFlags, CWD, RenameFlags, linkat, renameat_with};

/// A short file that names the version.
const CURRENT: &str = "current";

/// Returns the metadata files of a tree with or without `current`.
pub(crate) const fn metadata(has_current: bool) -> &'static [&'static str] {
    if has_current { &["manifest", CURRENT, "catalog"] } else { &["manifest", "catalog"] }
}

/// Lists the tables of a tree. An engine has this list in memory.
pub(crate) fn tables(db: &Path) -> Vec<OsString> {
    fs::read_dir(db.join("tables")).unwrap().map(|table| table.unwrap().file_name()).collect()
}

/// Creates a directory with the tables of `db` and as many metadata files as ours syncs. After a crash the directory is
/// complete or absent, because its files and directories are synced before it is renamed, and its parent after that.
pub(crate) fn link(db: &Path, names: &[OsString], metadata: &[&str], target: &Path) {
    let staged = target.with_extension("staged");
    fs::create_dir(&staged).unwrap();
    let to = staged.join("tables");
    fs::create_dir(&to).unwrap();
    let (from, to) = (File::open(db.join("tables")).unwrap(), File::open(to).unwrap());
    for name in names {
        linkat(&from, name, &to, name, AtFlags::empty()).unwrap();
    }
    let write = |name: &&str| {
        let mut file = File::create_new(staged.join(name)).unwrap();
        let len = if *name == CURRENT { 25 } else { 4096 + 56 * names.len() };
        file.write_all(&vec![7; len]).unwrap();
        file
    };
    let files: Vec<File> = metadata.iter().map(write).collect();
    files.iter().for_each(|file| file.sync_all().unwrap());
    to.sync_all().unwrap();
    File::open(&staged).unwrap().sync_all().unwrap();
    renameat_with(CWD, &staged, CWD, target, RenameFlags::NOREPLACE).unwrap();
    File::open(target.parent().unwrap()).unwrap().sync_all().unwrap();
}

//! Writes a mounted tree down in the notation of the model's tests.

use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};

const SECTOR: usize = 512;

#[derive(Default)]
struct Listing {
    lines: Vec<String>,
    /// The files by inode: the first name, the number of names found, and the number that the inode has.
    files: BTreeMap<u64, (String, u64, u64)>,
}

/// Returns the tree below a directory, such as `a=B1o23 d/ d/b=@a`. An error means that it cannot be read, or that a
/// file has names that are not there.
pub(crate) fn render(root: &Path) -> anyhow::Result<String> {
    let mut listing = Listing::default();
    listing.list(root, "")?;
    for (first, found, expected) in listing.files.values() {
        if found != expected {
            bail!("{first} has {expected} names, and {found} were found: {}", listing.lines.join(" "));
        }
    }
    Ok(listing.lines.join(" "))
}

impl Listing {
    fn list(&mut self, root: &Path, below: &str) -> anyhow::Result<()> {
        let dir = root.join(below);
        let mut names: Vec<PathBuf> = Vec::new();
        for entry in fs::read_dir(&dir).with_context(|| format!("cannot list {below:?}"))? {
            names.push(entry?.path());
        }
        names.sort();
        for full in names {
            let name = full.file_name().and_then(|name| name.to_str()).context("a name is no text")?;
            let path = format!("{below}{name}");
            let metadata = fs::symlink_metadata(&full).with_context(|| format!("cannot stat {path}"))?;
            if metadata.is_dir() {
                self.lines.push(format!("{path}/"));
                self.list(root, &format!("{path}/"))?;
                continue;
            }
            if let Some((first, found, _)) = self.files.get_mut(&metadata.ino()) {
                *found += 1;
                self.lines.push(format!("{path}=@{first}"));
                continue;
            }
            let bytes = fs::read(&full).with_context(|| format!("cannot read {path}"))?;
            self.lines.push(format!("{path}={}", content(&bytes)));
            self.files.insert(metadata.ino(), (path, 1, metadata.nlink()));
        }
        Ok(())
    }
}

/// Returns the runs of equal sectors.
fn content(bytes: &[u8]) -> String {
    let mut runs: Vec<(char, usize)> = Vec::new();
    for sector in bytes.chunks(SECTOR) {
        let letter = match sector[0] {
            _ if sector.len() < SECTOR || sector.iter().any(|byte| *byte != sector[0]) => '?',
            0 => '.',
            byte => char::from(byte),
        };
        match runs.last_mut().filter(|run| run.0 == letter) {
            Some(run) => run.1 += 1,
            None => runs.push((letter, 1)),
        }
    }
    runs.iter().map(|(letter, count)| format!("{letter}{count}")).collect()
}

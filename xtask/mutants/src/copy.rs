//! A copy of the working tree below `target/`, where mutants are made and built.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use xtask_common::{cmd, workspace::files};

/// The copy. Its build output stays from one run to the next.
pub(super) struct Copy {
    pub(super) root: PathBuf,
}

impl Copy {
    /// Makes the copy of a worker equal to the working tree at `root`. Equal files are not written, so cargo does not
    /// rebuild them.
    pub(super) fn of(root: &Path, worker: usize) -> anyhow::Result<Self> {
        let copy = Self { root: root.join(format!("target/mutants/{worker}/tree")) };
        fs::create_dir_all(&copy.root)?;
        let wanted = BTreeSet::from_iter(files(root)?);
        for file in &wanted {
            let bytes =
                fs::read(root.join(file)).with_context(|| format!("cannot read {}", file.display()))?;
            copy.write(file, &bytes)?;
        }
        prune(&copy.root, &copy.root, &wanted)?;
        Ok(copy)
    }

    pub(super) fn write(&self, file: impl AsRef<Path>, bytes: &[u8]) -> anyhow::Result<()> {
        let path = self.root.join(file);
        if fs::read(&path).is_ok_and(|found| found == bytes) {
            return Ok(());
        }
        fs::create_dir_all(path.parent().unwrap_or(&self.root))?;
        fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))
    }

    /// `cargo` in the copy. Nobody debugs the copy, and it links faster without debug information.
    pub(super) fn cargo(&self) -> Command {
        let mut command = cmd::cargo(&self.root);
        command
            .env("CARGO_TARGET_DIR", self.root.with_file_name("build"))
            .env("CARGO_PROFILE_DEV_DEBUG", "0");
        command
    }
}

/// Removes the files below `dir` that are not `wanted`.
fn prune(root: &Path, dir: &Path, wanted: &BTreeSet<PathBuf>) -> anyhow::Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            prune(root, &path, wanted)?;
        } else if !wanted.contains(path.strip_prefix(root)?) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_follows_the_tree_and_leaves_equal_files_alone() {
        let root = std::env::temp_dir().join(format!("xtask-copy-{}", std::process::id()));
        fs::create_dir_all(root.join("corpus")).unwrap();
        fs::write(root.join(".gitignore"), "target\n").unwrap();
        fs::write(root.join("corpus/a"), "1").unwrap();
        fs::write(root.join("b"), "2").unwrap();
        cmd::capture(Command::new("git").arg("init").arg(&root)).unwrap();
        let copy = Copy::of(&root, 0).unwrap();
        assert!(copy.root.join("corpus/a").exists());
        let written = fs::metadata(copy.root.join("b")).unwrap().modified().unwrap();
        fs::remove_file(root.join("corpus/a")).unwrap();
        fs::write(root.join("corpus/c"), "3").unwrap();
        let copy = Copy::of(&root, 0).unwrap();
        assert!(copy.root.join("corpus/c").exists() && !copy.root.join("corpus/a").exists());
        assert_eq!(fs::metadata(copy.root.join("b")).unwrap().modified().unwrap(), written);
        fs::remove_dir_all(&root).unwrap();
    }
}

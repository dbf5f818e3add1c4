//! A copy of the working tree below `target/`, where mutants are made and built.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::{cmd, workspace};

/// The copy. Its build output stays from one run to the next.
pub(super) struct Copy {
    pub(super) root: PathBuf,
}

impl Copy {
    /// Makes the copy like the working tree at `root`. A file that is alike stays as it is, so that cargo builds
    /// nothing anew for it.
    pub(super) fn of(root: &Path) -> anyhow::Result<Self> {
        let copy = Self { root: root.join("target/mutants/tree") };
        fs::create_dir_all(&copy.root)?;
        let wanted = files(root)?;
        for file in &wanted {
            let bytes =
                fs::read(root.join(file)).with_context(|| format!("cannot read {}", file.display()))?;
            copy.write(file, &bytes)?;
        }
        for file in files(&copy.root)?.difference(&wanted) {
            fs::remove_file(copy.root.join(file))?;
        }
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

    /// `cargo` in the copy. Nobody looks at it with a debugger, and without debug information it links faster.
    pub(super) fn cargo(&self) -> std::process::Command {
        let mut command = cmd::cargo(&self.root);
        command
            .env("CARGO_TARGET_DIR", self.root.with_file_name("build"))
            .env("CARGO_PROFILE_DEV_DEBUG", "0");
        command
    }
}

fn files(root: &Path) -> anyhow::Result<BTreeSet<PathBuf>> {
    let mut files = BTreeSet::new();
    workspace::walk(root, &mut |path| {
        files.extend(path.strip_prefix(root).ok().map(Path::to_owned));
    })?;
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_follows_the_tree_and_leaves_alone_what_is_alike() {
        let root = std::env::temp_dir().join(format!("xtask-copy-{}", std::process::id()));
        fs::create_dir_all(root.join("src")).unwrap();
        fs::write(root.join("src/a"), "1").unwrap();
        fs::write(root.join("b"), "2").unwrap();
        let copy = Copy::of(&root).unwrap();
        let written = fs::metadata(copy.root.join("b")).unwrap().modified().unwrap();
        fs::remove_file(root.join("src/a")).unwrap();
        fs::write(root.join("src/c"), "3").unwrap();
        let copy = Copy::of(&root).unwrap();
        assert_eq!(files(&copy.root).unwrap(), files(&root).unwrap());
        assert_eq!(fs::metadata(copy.root.join("b")).unwrap().modified().unwrap(), written);
        fs::remove_dir_all(&root).unwrap();
    }
}

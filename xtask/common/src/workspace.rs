//! The workspace: its packages from `cargo metadata`, its files from git.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};
use cargo_metadata::{Artifact, Message, MetadataCommand};

pub use cargo_metadata::{DependencyKind, Package, TargetKind};

use crate::cmd;

/// The workspace of the current directory, or a checkout of another revision.
#[derive(Debug)]
pub struct Workspace {
    /// The directory of the workspace.
    pub root: PathBuf,
    /// Its members.
    pub packages: Vec<Package>,
}

impl Workspace {
    /// Reads the workspace of the current directory.
    ///
    /// The directory that this tool was built in can be another one: clones that share a `CARGO_TARGET_DIR` share the
    /// binary as well.
    pub fn load() -> anyhow::Result<Self> {
        let metadata = MetadataCommand::new().no_deps().exec()?;
        Ok(Self { root: metadata.workspace_root.into_std_path_buf(), packages: metadata.packages })
    }

    /// Reads the workspace at `root`.
    pub fn load_from(root: &Path) -> anyhow::Result<Self> {
        let metadata = MetadataCommand::new().current_dir(root).no_deps().exec()?;
        Ok(Self { root: root.to_owned(), packages: metadata.packages })
    }

    /// The crates that are published on crates.io.
    pub fn publishable(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| is_published(package))
    }

    /// The publishable crates with a target of this kind and name.
    pub fn with_target<'a>(
        &'a self,
        kind: &'a TargetKind,
        name: &'a str,
    ) -> impl Iterator<Item = &'a Package> {
        self.publishable().filter(move |package| targets(package, kind).any(|target| target == name))
    }

    /// Builds the members' test targets that are named `name`. Returns the program of each.
    ///
    /// The command selects the packages and features of `cargo test --workspace --all-features`. With `-p`, cargo would
    /// build the dependencies again, with fewer features.
    pub fn test_programs(&self, name: &str) -> anyhow::Result<Vec<(&Package, PathBuf)>> {
        let mut build = cmd::cargo(&self.root);
        build.args(["test", "--workspace", "--all-features", "--no-run", "--test", name]);
        build.args(["--message-format", "json-render-diagnostics"]);
        let output = build.stderr(Stdio::inherit()).output().context("cannot start cargo")?;
        if !output.status.success() {
            bail!("the tests named `{name}` do not build");
        }
        let mut programs = Vec::new();
        for message in Message::parse_stream(&*output.stdout) {
            let Message::CompilerArtifact(Artifact { package_id, target, executable: Some(program), .. }) =
                message?
            else {
                continue;
            };
            let package =
                self.packages.iter().find(|package| package.id == package_id && target.name == name);
            programs.extend(package.map(|package| (package, program.into_std_path_buf())));
        }
        programs.sort_by(|one, other| one.0.name.cmp(&other.0.name));
        Ok(programs)
    }

    /// The packages that are not members, such as fuzzers.
    pub fn nested(&self) -> anyhow::Result<Vec<Package>> {
        let mut found = Vec::new();
        for file in files(&self.root)?.iter().filter(|file| file.ends_with("Cargo.toml")) {
            let manifest = self.root.join(file);
            if manifest != self.root.join("Cargo.toml")
                && !self.packages.iter().any(|package| package.manifest_path == manifest)
            {
                found.extend(MetadataCommand::new().manifest_path(manifest).no_deps().exec()?.packages);
            }
        }
        Ok(found)
    }
}

/// The files of a working tree that git tracks or would add, in order.
pub fn files(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut git = Command::new("git");
    git.current_dir(root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let listed = cmd::capture(&mut git).context("the files of the workspace are listed by git")?;
    let files = listed.split('\0').filter(|file| !file.is_empty()).map(PathBuf::from);
    // git also lists a removed file until the removal is committed, and lists a file with a conflict three times.
    let mut files: Vec<_> = files.filter(|file| root.join(file).is_file()).collect();
    files.sort();
    files.dedup();
    Ok(files)
}

/// The directory of a package.
pub fn dir(package: &Package) -> &Path {
    package.manifest_path.parent().map_or(Path::new(""), |dir| dir.as_std_path())
}

/// Returns `true` if a package goes to crates.io. `publish = false` is an empty list of registries.
pub fn is_published(package: &Package) -> bool {
    package.publish.is_none()
}

/// The names of the targets of one kind.
pub fn targets<'a>(package: &'a Package, kind: &'a TargetKind) -> impl Iterator<Item = &'a str> {
    package.targets.iter().filter(move |target| target.kind.contains(kind)).map(|target| target.name.as_str())
}

/// Recognises a fuzzer by the directory name that cargo-fuzz uses.
pub fn is_fuzz(package: &Package) -> bool {
    dir(package).ends_with("fuzz")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_and_nested_packages_are_distinguished() {
        let workspace = Workspace::load().unwrap();
        let tool = workspace.packages.iter().find(|package| *package.name == "xtask").unwrap();
        assert!(!is_published(tool) && dir(tool).ends_with("xtask"));
        assert!(workspace.with_target(&TargetKind::Lib, "lsm_fs").any(|package| *package.name == "lsm-fs"));
        let nested = workspace.nested().unwrap();
        let fuzzers: Vec<_> = nested.iter().filter(|package| is_fuzz(package)).collect();
        assert!(fuzzers.iter().any(|package| *package.name == "lsm-manifest-fuzz"));
        assert!(!nested.iter().any(|package| *package.name == "xtask-common"));
    }

    #[test]
    fn removed_and_ignored_files_are_not_listed() {
        let root = std::env::temp_dir().join(format!("xtask-files-{}", std::process::id()));
        std::fs::create_dir_all(root.join("target")).unwrap();
        for (file, text) in [(".gitignore", "target\n"), ("target/a", ""), ("b", ""), ("c", "")] {
            std::fs::write(root.join(file), text).unwrap();
        }
        let git = |args: &[&str]| cmd::capture(Command::new("git").current_dir(&root).args(args)).unwrap();
        git(&["init", "-q"]);
        git(&["add", "."]);
        std::fs::remove_file(root.join("c")).unwrap();
        assert_eq!(files(&root).unwrap(), [".gitignore", "b"].map(PathBuf::from));
        std::fs::remove_dir_all(&root).unwrap();
    }
}

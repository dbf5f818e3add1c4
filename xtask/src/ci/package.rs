//! Builds the crates from the archives that would be uploaded to crates.io.
//!
//! Cargo unpacks an archive below its home, under the path of the target directory, the crate's name and its version.
//! It never unpacks the same version twice, so a second run would build the files of the first one. Each run therefore
//! begins with an empty target directory and a new home in it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::cmd;

use super::{Ci, steps::names};

/// Packages the crates together, because a crate may need another one in a version that is not published yet.
pub(super) fn run(ci: &mut Ci) -> anyhow::Result<()> {
    let changed =
        cmd::capture(cmd::tool("git").current_dir(&ci.workspace.root).args(["status", "--porcelain"]))
            .context("cargo package needs a git checkout")?;
    let dir = ci.workspace.root.join("target/packaging");
    if dir.exists() {
        fs::remove_dir_all(&dir).with_context(|| format!("remove {}", dir.display()))?;
    }
    let home = dir.join("home");
    furnish(&home, cargo_home().as_deref())?;
    let names = names(ci);
    // The default features of the command bring in the clients of three clouds, which take minutes to build.
    let mut args = vec!["package", "--target-dir", "target/packaging", "--no-default-features"];
    args.extend(names.iter().flat_map(|name| ["-p", name]));
    if !ci.strict && !changed.is_empty() {
        eprintln!("    uncommitted changes: --allow-dirty");
        args.push("--allow-dirty");
    }
    let home = home.to_str().context("the path of the workspace is not UTF-8")?;
    // Nothing of this build runs, except build scripts and macros.
    let cheap = [("CARGO_PROFILE_DEV_DEBUG", "0"), ("CARGO_PROFILE_DEV_OPT_LEVEL", "0")];
    ci.cargo_env(&args, &[&[("CARGO_HOME", home)], &cheap[..]].concat())
}

/// The directory in which cargo keeps its downloads.
fn cargo_home() -> Option<PathBuf> {
    let given = std::env::var_os("CARGO_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let home = given.or_else(|| std::env::home_dir().map(|home| home.join(".cargo")))?;
    // It must be absolute, because links to it are made elsewhere.
    std::path::absolute(home).ok()
}

/// Makes a home that shares the settings and the downloads of another one, but no unpacked archives.
fn furnish(home: &Path, from: Option<&Path>) -> anyhow::Result<()> {
    for part in ["registry/index", "registry/cache"] {
        fs::create_dir_all(home.join(part))?;
    }
    let Some(from) = from else { return Ok(()) };
    // Cargo reads the settings of a `.cargo` above the workspace anyway, and would apply them twice.
    let is_found = from.ends_with(".cargo") && from.parent().is_some_and(|above| home.starts_with(above));
    let settings = ["config.toml", "config"].into_iter().filter(|_| !is_found);
    // Downloads are shared, and so are the locks.
    for shared in settings.chain([".package-cache", ".package-cache-mutate"]) {
        if from.join(shared).exists() {
            symlink(from.join(shared), home.join(shared))?;
        }
    }
    for part in ["registry/index", "registry/cache"] {
        let Ok(registries) = fs::read_dir(from.join(part)) else { continue };
        for registry in registries {
            let registry = registry?;
            // A name is made of host and hash. The local registry that packaging creates has no host.
            if !registry.file_name().as_encoded_bytes().starts_with(b"-") {
                symlink(registry.path(), home.join(part).join(registry.file_name()))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_has_the_downloads_of_the_other_and_nothing_of_local_registries() {
        let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (dir, elsewhere) = (dir.path(), elsewhere.path().join("home"));
        let (real, home) = (dir.join(".cargo"), dir.join("home"));
        for made in ["registry/index/index.crates.io-1", "registry/cache/-2", "registry/src/-2/lsm-fs-0.1.0"]
        {
            fs::create_dir_all(real.join(made)).unwrap();
        }
        fs::write(real.join("config.toml"), "[net]").unwrap();
        fs::write(real.join(".package-cache"), "").unwrap();
        furnish(&home, Some(&real)).unwrap();
        assert!(home.join(".package-cache").is_symlink());
        assert!(!home.join("config.toml").exists(), "found by its place above");
        furnish(&elsewhere, Some(&real)).unwrap();
        assert_eq!(fs::read(elsewhere.join("config.toml")).unwrap(), b"[net]");
        assert!(home.join("registry/index/index.crates.io-1").is_dir());
        assert_eq!(fs::read_dir(home.join("registry/cache")).unwrap().count(), 0);
        assert!(!home.join("registry/src").exists());
        furnish(&dir.join("alone"), None).unwrap();
    }
}

//! Packages below the crates that are not members of the workspace: adapters for real engines, interop, fuzzers.

use std::path::Path;

use super::Ci;

/// The number of mutated inputs per fuzz target. A number, not a time, so that every run is the same.
const SHORT_FUZZ: &str = "2000";

pub(super) fn run(ci: &mut Ci) -> anyhow::Result<()> {
    let manifests = ci.workspace.nested_manifests()?;
    if manifests.is_empty() {
        ci.report.skip("no crate has a nested package".to_owned());
    }
    for manifest in manifests {
        let shown = manifest.strip_prefix(&ci.workspace.root)?.to_string_lossy().into_owned();
        // One target directory for all of them: they share the crates they depend on.
        let tail = ["--manifest-path", &*shown, "--target-dir", "target/nested"];
        ci.cargo(&["fmt", "--manifest-path", &shown, "--check"])?;
        if is_fuzz(&manifest) {
            // Running the targets of cargo-fuzz needs a nightly compiler. The loop over the corpus does not.
            ci.cargo(&[&["check"], &tail[..]].concat())?;
            let stable = [&tail[..], &["--no-default-features"]].concat();
            ci.cargo(&[&["test"], &stable[..]].concat())?;
            ci.cargo(&[&["run"], &stable[..], &["--", "--seed", "1", "--inputs", SHORT_FUZZ]].concat())?;
        } else {
            ci.cargo(&[&["test"], &tail[..]].concat())?;
        }
    }
    Ok(())
}

/// Recognises a fuzzer by the directory name that cargo-fuzz uses.
pub(crate) fn is_fuzz(manifest: &Path) -> bool {
    manifest.parent().is_some_and(|dir| dir.ends_with("fuzz"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fuzz_package_is_known_by_its_directory() {
        assert!(is_fuzz(Path::new("/w/lsm-manifest/fuzz/Cargo.toml")));
        assert!(!is_fuzz(Path::new("/w/lsm-manifest/interop/Cargo.toml")));
    }
}

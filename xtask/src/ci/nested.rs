//! Packages below the crates that the workspace leaves out: adapters for real engines, interop, fuzzers.

use std::path::Path;

use super::Ci;

/// Mutated inputs of each fuzz target: a number and not a time, so that every run is the same.
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
            // The targets of cargo-fuzz need a nightly compiler to run; the loop over the corpus does not.
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

/// Tells a fuzzer by the name that cargo-fuzz gives its directory.
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

//! The steps of CI, one function each.

use anyhow::Context;

use super::{Ci, nested};
use crate::workspace::{Package, Workspace};
use crate::{install, realfs, tidy};

/// The crates whose tests run with every set of features.
const CORE: [&str; 4] = ["lsm-fs", "lsm-fs-mem", "lsm-manifest", "lsm-checkpoint"];

/// The crash sweeps run for minutes: optimizing our own crates costs less time than it saves.
const OPTIMIZED: &[(&str, &str)] = &[("CARGO_PROFILE_TEST_OPT_LEVEL", "1")];

pub(super) fn install(ci: &mut Ci) -> anyhow::Result<()> {
    for (subcommand, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        match install::ensure_component(&ci.workspace.root, subcommand, component) {
            Ok(()) => ci.report.pass(),
            Err(error) => ci.report.fail(error.to_string()),
        }
    }
    let mut needed = vec![install::FILESYSTEM_TOOLS];
    if ci.workspace.nested_manifests()?.iter().any(|manifest| nested::is_fuzz(manifest)) {
        needed.push(install::FUZZ_TOOLS);
    }
    match install::ensure(&needed.concat()) {
        Ok(()) => ci.report.pass(),
        Err(error) => ci.cannot(format!("{error:#}")),
    }
    Ok(())
}

pub(super) fn tidy(ci: &mut Ci) -> anyhow::Result<()> {
    let findings = tidy::check(&ci.workspace)?;
    for note in &findings.notes {
        eprintln!("    note: {note}");
    }
    if findings.errors.is_empty() {
        ci.report.pass();
    }
    for error in findings.errors {
        ci.report.fail(error);
    }
    Ok(())
}

pub(super) fn fmt(ci: &mut Ci) -> anyhow::Result<()> {
    ci.cargo(&["fmt", "--all", "--check"])
}

pub(super) fn clippy(ci: &mut Ci) -> anyhow::Result<()> {
    let all = ["clippy", "--workspace", "--all-features"];
    let deny = ["--", "-D", "warnings"];
    ci.cargo(&[&all[..], &["--all-targets"], &deny].concat())?;
    // `--all-targets` leaves out the targets that plain `cargo test` leaves out.
    ci.cargo(&[&all[..], &["--test", "realfs"], &deny].concat())
}

/// A crate by itself: in the build of its tests, a dev-dependency may turn on a feature that the crate forgot.
pub(super) fn features(ci: &mut Ci) -> anyhow::Result<()> {
    for (name, features) in feature_sets(&ci.workspace) {
        let set = selection(&name, &features);
        ci.cargo(&[&["clippy"], &strs(&set)[..], &["--lib", "--", "-D", "warnings"]].concat())?;
    }
    Ok(())
}

pub(super) fn test(ci: &mut Ci) -> anyhow::Result<()> {
    // One command builds their many dependencies once. Each by itself would build some of them with other features.
    let others = ci.workspace.packages.iter().filter(|package| is_later(&package.name));
    let others: Vec<_> = others.flat_map(|package| ["-p".to_owned(), package.name.clone()]).collect();
    ci.cargo_env(&[&["test", "--no-fail-fast", "--all-features"], &strs(&others)[..]].concat(), OPTIMIZED)?;
    for (name, features) in feature_sets(&ci.workspace) {
        let set = selection(&name, &features);
        ci.cargo_env(&[&["test"], &strs(&set)[..]].concat(), OPTIMIZED)?;
    }
    Ok(())
}

/// Only `lsm-fs` itself gets the flag. In `RUSTFLAGS`, it would rebuild all dependencies.
pub(super) fn portable(ci: &mut Ci) -> anyhow::Result<()> {
    const FLAG: [&str; 2] = ["--cfg", "lsm_fs_portable"];
    let package = ["-p", "lsm-fs", "--all-features"];
    ci.cargo(&[&["clippy"], &package[..], &["--", "-D", "warnings"], &FLAG].concat())?;
    let wrapper = ci.workspace.root.join("xtask/portable-rustc");
    let wrapper = wrapper.to_str().context("the path of the workspace is not UTF-8")?;
    let env = [OPTIMIZED, &[("RUSTC_WORKSPACE_WRAPPER", wrapper)]].concat();
    // The example of the suite asserts that `StdFs` keeps the whole contract. On std alone one check fails, which the
    // tests name.
    ci.cargo_env(&[&["test"], &package[..], &["--", "--skip", "conformance.rs"]].concat(), &env)
}

pub(super) fn loom(ci: &mut Ci) -> anyhow::Result<()> {
    let names: Vec<_> =
        ci.workspace.with_target("test", "loom").map(|package| package.name.clone()).collect();
    if names.is_empty() {
        ci.report.skip("no crate has a test target named `loom`".to_owned());
    }
    for name in names {
        let args = [
            "test",
            "-p",
            &name,
            "--all-features",
            "--test",
            "loom",
            "--release",
            "--target-dir",
            "target/loom",
        ];
        ci.cargo_env(&args, &[("RUSTFLAGS", "--cfg loom")])?;
    }
    Ok(())
}

pub(super) fn doc(ci: &mut Ci) -> anyhow::Result<()> {
    let args = ["doc", "--workspace", "--exclude", "xtask", "--no-deps", "--all-features"];
    ci.cargo_env(&args, &[("RUSTDOCFLAGS", "-D warnings")])
}

pub(super) fn examples(ci: &mut Ci) -> anyhow::Result<()> {
    let examples: Vec<_> = ci
        .workspace
        .publishable()
        .flat_map(|package| package.targets("example").map(|name| (package.name.clone(), name.to_owned())))
        .collect();
    if examples.is_empty() {
        ci.report.skip("no crate has an example".to_owned());
    }
    for (package, example) in examples {
        ci.cargo(&["run", "-p", &package, "--example", &example, "--all-features"])?;
    }
    Ok(())
}

/// Builds the benches in the test profile, each crate by itself. The step `test` has already built their dependencies.
pub(super) fn benches(ci: &mut Ci) -> anyhow::Result<()> {
    let builds: Vec<Vec<String>> = ci.workspace.publishable().filter_map(bench_build).collect();
    if builds.is_empty() {
        ci.report.skip("no crate has a bench".to_owned());
    }
    for args in builds {
        ci.cargo_env(&strs(&args), OPTIMIZED)?;
    }
    Ok(())
}

/// Names the benches, so that cargo does not build the library's tests once more. Returns `None` if there is no bench.
fn bench_build(package: &Package) -> Option<Vec<String>> {
    let mut args = ["test", "--no-run", "--all-features", "-p", &package.name].map(str::to_owned).to_vec();
    let before = args.len();
    args.extend(package.targets("bench").flat_map(|name| ["--bench".to_owned(), name.to_owned()]));
    (args.len() > before).then_some(args)
}

pub(super) fn realfs(ci: &mut Ci) -> anyhow::Result<()> {
    if let Err(reason) = realfs::possible(&ci.workspace, realfs::TESTS) {
        ci.cannot(format!("{reason:#}"));
        return Ok(());
    }
    let missing = install::missing(install::FILESYSTEM_TOOLS);
    if !missing.is_empty() {
        ci.cannot(format!("missing: {} (Debian names)", missing.join(" ")));
        return Ok(());
    }
    let outcome = realfs::test(&ci.workspace, &[])?;
    ci.report.record(&outcome);
    let tests = outcome.tests.unwrap_or_default();
    if outcome.success && tests.passed == 0 {
        ci.cannot("the `realfs` targets ran no test".to_owned());
    }
    if ci.strict && tests.ignored > 0 {
        ci.report.fail(format!("required in CI: {} real-filesystem tests were ignored", tests.ignored));
    }
    Ok(())
}

pub(super) fn names(ci: &Ci, keep: fn(&Package) -> bool) -> Vec<String> {
    ci.workspace.publishable().filter(|package| keep(package)).map(|package| package.name.clone()).collect()
}

/// The feature sets of each core crate.
fn feature_sets(workspace: &Workspace) -> Vec<(String, Vec<String>)> {
    let core = workspace.packages.iter().filter(|package| !is_later(&package.name));
    core.flat_map(|package| combinations(package).into_iter().map(|set| (package.name.clone(), set)))
        .collect()
}

/// Tells whether a crate came after the core: its tests run once, with all features.
fn is_later(name: &str) -> bool {
    !CORE.contains(&name)
}

/// The arguments that select a crate with a set of its features.
fn selection(name: &str, features: &[String]) -> Vec<String> {
    let mut args = vec!["-p".to_owned(), name.to_owned(), "--no-default-features".to_owned()];
    if !features.is_empty() {
        args.extend(["--features".to_owned(), features.join(",")]);
    }
    args
}

fn strs(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

/// Returns these sets, each once: no feature, the default, each feature alone, all features.
fn combinations(package: &Package) -> Vec<Vec<String>> {
    let each = package.features.iter().map(|feature| vec![feature.clone()]);
    // The default can hold entries that `--features` refuses, such as `dep:x`, so it is selected by its own name.
    let plain = package.default.iter().all(|name| package.features.contains(name));
    let default = if plain { package.default.clone() } else { vec!["default".to_owned()] };
    let mut sets = vec![Vec::new(), default];
    sets.extend(each);
    sets.push(package.features.clone());
    for set in &mut sets {
        set.sort();
    }
    let mut unique = Vec::new();
    for set in sets {
        if !unique.contains(&set) {
            unique.push(set);
        }
    }
    unique
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets(features: &[&str], default: &[&str]) -> Vec<String> {
        let owned = |list: &[&str]| list.iter().map(|&name| name.to_owned()).collect();
        let package = Package { features: owned(features), default: owned(default), ..Package::default() };
        combinations(&package).iter().map(|set| set.join("+")).collect()
    }

    #[test]
    fn every_set_of_features_is_built_once() {
        assert_eq!(sets(&[], &[]), [""]);
        assert_eq!(sets(&["a"], &["a"]), ["", "a"]);
        assert_eq!(sets(&["b", "a"], &[]), ["", "b", "a", "a+b"]);
        assert_eq!(sets(&["a"], &["dep:b"]), ["", "default", "a"]);
        assert_eq!(sets(&["a", "b", "c"], &["a", "b"]), ["", "a+b", "a", "b", "c", "a+b+c"]);
    }
}

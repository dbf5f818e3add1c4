//! The steps of CI, one function each.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use crate::workspace::{TargetKind, Workspace, dir, files, is_fuzz, targets};
use anyhow::Context;

use super::Ci;
use crate::{cmd, forward, install, realfs};

/// The packages and features that the step `test` builds. Cargo resolves features over all packages of a command, so a
/// step that names others builds the dependencies again.
const WHOLE: [&str; 2] = ["--workspace", "--all-features"];

/// The core crates. Each set of their features is checked by itself.
const CORE: [&str; 4] = ["lsm-fs", "lsm-fs-mem", "lsm-manifest", "lsm-checkpoint"];

pub(super) fn install(ci: &mut Ci) -> anyhow::Result<()> {
    for (subcommand, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
        match install::ensure_component(&ci.workspace.root, subcommand, component) {
            Ok(()) => ci.report.pass(),
            Err(error) => ci.report.fail(error.to_string()),
        }
    }
    let mut needed = vec![install::FILESYSTEM_TOOLS];
    if ci.workspace.nested()?.iter().any(is_fuzz) {
        needed.push(install::FUZZ_TOOLS);
    }
    match install::ensure(&needed.concat()) {
        Ok(()) => ci.report.pass(),
        Err(error) => ci.cannot(format!("{error:#}")),
    }
    Ok(())
}

pub(super) fn tidy(ci: &mut Ci) -> anyhow::Result<()> {
    ci.cargo(&forward::program("tidy").unwrap_or_default())
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

/// Checks the library of each core crate by itself. In the build of its tests, a dev-dependency may turn on a feature
/// that the crate forgot to declare.
pub(super) fn features(ci: &mut Ci) -> anyhow::Result<()> {
    for set in feature_sets(&ci.workspace)? {
        let selected = strs(&set.args);
        ci.cargo(&[&["clippy"], &selected[..], &["--lib", "--", "-D", "warnings"]].concat())?;
        ci.cargo(&[&["clippy"], &selected[..], &["--tests", "--", "-D", "warnings"]].concat())?;
    }
    Ok(())
}

pub(super) fn test(ci: &mut Ci) -> anyhow::Result<()> {
    ci.cargo(&[&["test", "--no-fail-fast"], &WHOLE[..]].concat())?;
    for set in feature_sets(&ci.workspace)?.iter().filter(|set| set.is_tested) {
        ci.cargo(&[&["test"], &strs(&set.args)[..]].concat())?;
    }
    Ok(())
}

/// Tests `lsm-fs` on std alone, which `--cfg lsm_fs_portable` selects. Only `lsm-fs` itself gets the flag. In
/// `RUSTFLAGS`, the flag would rebuild all dependencies.
pub(super) fn portable(ci: &mut Ci) -> anyhow::Result<()> {
    const FLAG: [&str; 2] = ["--cfg", "lsm_fs_portable"];
    let package = ["-p", "lsm-fs", "--all-features"];
    ci.cargo(&[&["clippy"], &package[..], &["--", "-D", "warnings"], &FLAG].concat())?;
    let wrapper = wrapper(ci, "portable-rustc")?;
    let env = [("RUSTC_WORKSPACE_WRAPPER", wrapper.as_str())];
    ci.cargo_env(&[&["test"], &package[..]].concat(), &env)
}

pub(super) fn loom(ci: &mut Ci) -> anyhow::Result<()> {
    // Only our crates get the flag, so the crates that they share with the other tests are not built again.
    let wrapper = wrapper(ci, "loom-rustc")?;
    let env = [("RUSTC_WORKSPACE_WRAPPER", wrapper.as_str())];
    ci.cargo_env(&[&["test"], &WHOLE[..], &["--test", "loom"]].concat(), &env)
}

/// Returns the path of a program that calls rustc with one more flag. Cargo uses it for the members of the workspace.
fn wrapper(ci: &Ci, name: &str) -> anyhow::Result<String> {
    let path = ci.workspace.root.join("xtask").join(name);
    Ok(path.to_str().context("the path of the workspace is not UTF-8")?.to_owned())
}

pub(super) fn doc(ci: &mut Ci) -> anyhow::Result<()> {
    let names = names(ci);
    let crates = names.iter().flat_map(|name| ["-p", name]);
    let args: Vec<_> = ["doc", "--no-deps", "--all-features"].into_iter().chain(crates).collect();
    ci.cargo_env(&args, &[("RUSTDOCFLAGS", "-D warnings")])
}

pub(super) fn examples(ci: &mut Ci) -> anyhow::Result<()> {
    ci.cargo(&[&["build", "--examples", "--target-dir", "target"], &WHOLE[..]].concat())?;
    let built = ci.workspace.root.join("target/debug/examples");
    for example in ci.workspace.publishable().flat_map(|package| targets(package, &TargetKind::Example)) {
        let mut command = Command::new(built.join(example));
        ci.report.record(&cmd::run(command.current_dir(&ci.workspace.root))?);
    }
    Ok(())
}

pub(super) fn realfs(ci: &mut Ci) -> anyhow::Result<()> {
    if let Err(reason) = realfs::possible(&ci.workspace, &realfs::TESTS) {
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

pub(super) fn names(ci: &Ci) -> Vec<String> {
    ci.workspace.publishable().map(|package| package.name.to_string()).collect()
}

/// A core crate with some of its features.
struct FeatureSet {
    /// The arguments that select it.
    args: Vec<String>,
    /// `true` if the crate's tests run with this set alone.
    is_tested: bool,
}

/// Returns the feature sets of each core crate. The full set is tested together with the other crates.
///
/// If a crate has no `not(feature = …)`, every test of a smaller set is also a test of the full set, and only the full
/// set is tested. Otherwise the empty set is tested too, because every `not(feature = …)` is true in it. The tests of
/// the other sets are only compiled, by the step `features`, and the examples in documents run with all features.
fn feature_sets(workspace: &Workspace) -> anyhow::Result<Vec<FeatureSet>> {
    let mut sets = Vec::new();
    for package in workspace.packages.iter().filter(|package| !is_later(&package.name)) {
        let is_additive = !files(&workspace.root)?.iter().map(|file| workspace.root.join(file)).any(|file| {
            ["src", "tests"].iter().any(|part| file.starts_with(dir(package).join(part)))
                && fs::read_to_string(file).is_ok_and(|text| negates_a_feature(&text))
        });
        let combinations = combinations(&package.features);
        sets.extend(combinations.iter().map(|features| FeatureSet {
            args: selection(&package.name, features),
            is_tested: !is_additive && features.is_empty(),
        }));
    }
    Ok(sets)
}

fn negates_a_feature(code: &str) -> bool {
    code.lines().filter_map(|line| line.split_once("not(")).any(|(_, rest)| rest.contains("feature"))
}

/// Returns `true` for a crate outside of the core. The tests of such a crate run once, with all features.
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

/// Returns these sets, each once: no feature, the default, each feature alone. The last one has all features.
fn combinations(features: &BTreeMap<String, Vec<String>>) -> Vec<Vec<String>> {
    let all: Vec<_> = features.keys().filter(|name| *name != "default").cloned().collect();
    let mut default = features.get("default").cloned().unwrap_or_default();
    // The default can hold entries that `--features` refuses, such as `dep:x`, so it is selected by its own name.
    if !default.iter().all(|name| all.contains(name)) {
        default = vec!["default".to_owned()];
    }
    default.sort();
    let mut sets = vec![Vec::new(), default];
    sets.extend(all.iter().map(|feature| vec![feature.clone()]));
    let mut unique = Vec::new();
    for set in sets.into_iter().filter(|set| *set != all) {
        if !unique.contains(&set) {
            unique.push(set);
        }
    }
    unique.push(all);
    unique
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets(features: &[&str], default: &[&str]) -> Vec<String> {
        let default = default.iter().map(|&name| name.to_owned()).collect();
        let features = features.iter().map(|&name| (name.to_owned(), Vec::new()));
        let features = features.chain([("default".to_owned(), default)]).collect();
        combinations(&features).iter().map(|set| set.join("+")).collect()
    }

    #[test]
    fn code_for_the_absence_of_a_feature_is_found() {
        assert!(negates_a_feature("fn f() {}\n#[cfg(all(test, not(feature = \"a\")))]"));
        assert!(negates_a_feature("if cfg!(not(any(feature = \"a\", unix))) {}"));
        assert!(!negates_a_feature("#[cfg(feature = \"a\")]\n#[cfg(not(unix))]"));
    }

    #[test]
    fn every_set_of_features_is_built_once() {
        assert_eq!(sets(&[], &[]), [""]);
        assert_eq!(sets(&["a"], &["a"]), ["", "a"]);
        assert_eq!(sets(&["b", "a"], &[]), ["", "a", "b", "a+b"]);
        assert_eq!(sets(&["a"], &["dep:b"]), ["", "default", "a"]);
        assert_eq!(sets(&["a", "b", "c"], &["b", "a"]), ["", "a+b", "a", "b", "c", "a+b+c"]);
    }
}

//! The steps of CI, one function each.

use super::{Ci, nested};
use crate::workspace::Package;
use crate::{install, realfs, tidy};

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
    ci.cargo(&["clippy", "--workspace", "--all-targets", "--all-features", "--", "-D", "warnings"])?;
    for name in names(ci, |package| !package.features.is_empty()) {
        ci.cargo(&["clippy", "-p", &name, "--lib", "--no-default-features", "--", "-D", "warnings"])?;
    }
    // `--all-targets` passes by a target that plain `cargo test` leaves out.
    let realfs: Vec<_> =
        ci.workspace.with_target("test", "realfs").map(|package| package.name.clone()).collect();
    for name in realfs {
        ci.cargo(&["clippy", "-p", &name, "--all-features", "--test", "realfs", "--", "-D", "warnings"])?;
    }
    Ok(())
}

pub(super) fn features(ci: &mut Ci) -> anyhow::Result<()> {
    let builds: Vec<_> = ci.workspace.publishable().map(|p| (p.name.clone(), combinations(p))).collect();
    for (name, combinations) in builds {
        for features in combinations {
            let features = features.join(",");
            let mut args = vec!["build", "-p", &name, "--lib", "--no-default-features"];
            if !features.is_empty() {
                args.extend(["--features", &features]);
            }
            ci.cargo(&args)?;
        }
    }
    Ok(())
}

pub(super) fn test(ci: &mut Ci) -> anyhow::Result<()> {
    ci.cargo(&["test", "-p", "xtask"])?;
    let runs: Vec<_> = ci.workspace.publishable().map(|p| (p.name.clone(), combinations(p))).collect();
    for (name, combinations) in runs {
        for features in combinations {
            let features = features.join(",");
            let mut args = vec!["test", "-p", &name, "--no-default-features"];
            if !features.is_empty() {
                args.extend(["--features", &features]);
            }
            ci.cargo(&args)?;
        }
    }
    Ok(())
}

/// A target directory of its own: other `RUSTFLAGS` would rebuild everything in the shared one.
pub(super) fn portable(ci: &mut Ci) -> anyhow::Result<()> {
    let flags = [("RUSTFLAGS", "--cfg lsm_fs_portable")];
    let target = ["-p", "lsm-fs", "--all-features", "--target-dir", "target/portable"];
    ci.cargo_env(&[&["clippy"], &target[..], &["--", "-D", "warnings"]].concat(), &flags)?;
    ci.cargo_env(&[&["test"], &target[..]].concat(), &flags)
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

/// Names the benches, so that cargo does not build every library's tests in release too.
pub(super) fn benches(ci: &mut Ci) -> anyhow::Result<()> {
    let mut args = Vec::new();
    for package in ci.workspace.publishable() {
        let names: Vec<_> = package.targets("bench").collect();
        if !names.is_empty() {
            args.extend(["-p".to_owned(), package.name.clone()]);
        }
        args.extend(names.into_iter().flat_map(|name| ["--bench".to_owned(), name.to_owned()]));
    }
    if args.is_empty() {
        ci.report.skip("no crate has a bench".to_owned());
        return Ok(());
    }
    let mut all = vec!["bench", "--no-run", "--all-features"];
    all.extend(args.iter().map(String::as_str));
    ci.cargo(&all)
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

/// None, the default, each alone, all; every set once.
fn combinations(package: &Package) -> Vec<Vec<String>> {
    let each = package.features.iter().map(|feature| vec![feature.clone()]);
    // The default can hold what `--features` does not take, e.g. `dep:x`; then it goes by its own name.
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

//! `cargo xtask release --dry-run`: checks versions, changelogs, public APIs and packages before `cargo publish`.

use std::fs;

use anyhow::Context;
use xtask_common::{
    cmd,
    workspace::{DependencyKind, Package, Workspace, dir},
};

use super::api;

/// A crate as its manifest describes it.
struct Crate {
    name: String,
    version: String,
    needs: Vec<Need>,
}

/// A dependency.
struct Need {
    name: String,
    /// The requirement, such as `^0.1.0`.
    requires: String,
    dev: bool,
}

impl Crate {
    fn of(package: &Package) -> Self {
        let needs = package.dependencies.iter().map(|dependency| Need {
            name: dependency.name.clone(),
            requires: dependency.req.to_string(),
            dev: dependency.kind == DependencyKind::Development,
        });
        Self { name: package.name.to_string(), version: package.version.to_string(), needs: needs.collect() }
    }
}

/// Checks all crates and prints the command that publishes them. Returns `false` if a release would fail.
pub(super) fn run(workspace: &Workspace) -> anyhow::Result<bool> {
    let mut errors = Vec::new();
    let mut crates = Vec::new();
    for package in workspace.publishable() {
        let path = dir(package).join("CHANGELOG.md");
        let changelog =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let member = Crate::of(package);
        errors.extend(heading(&member, &changelog));
        crates.push(member);
    }
    errors.extend(crates.iter().flat_map(|member| requirements(member, &crates)));
    for error in &errors {
        println!("error: {error}");
    }
    let same_api = api::run(workspace, false)?;
    // The step packs the crates together, unpacks the archives, and checks each crate alone.
    let mut packages = cmd::cargo(&workspace.root);
    let packaged = cmd::run(packages.args(["xtask", "ci", "--only", "package"]))?.success;
    // Of several crates, cargo publishes the ones first that the others need.
    let names: Vec<_> = crates.iter().map(|member| format!("-p {}", member.name)).collect();
    println!("cargo publish {}", names.join(" "));
    Ok(errors.is_empty() && same_api && packaged)
}

/// Checks that the changelog begins with the version of the crate. A changelog without a version is an error, too.
fn heading(package: &Crate, changelog: &str) -> Option<String> {
    let newest = changelog.lines().find_map(|line| line.strip_prefix("## "));
    let found = newest.and_then(|line| line.split(' ').next()).unwrap_or("no version");
    (found != package.version).then(|| {
        let Crate { name, version, .. } = package;
        format!("{name}: the version is {version}, and its CHANGELOG.md begins with {found}")
    })
}

/// Checks that a crate requires the present versions of the other crates.
fn requirements(package: &Crate, packages: &[Crate]) -> Vec<String> {
    let others = package.needs.iter().filter_map(|dependency| {
        let other = packages.iter().find(|other| other.name == dependency.name)?;
        // A dev-dependency without a version stays out of the package.
        let is_local = dependency.dev && dependency.requires == "*";
        (!is_local && dependency.requires != format!("^{}", other.version)).then(|| {
            let Crate { name, version, .. } = other;
            format!("{}: requires {name} {}, and its version is {version}", package.name, dependency.requires)
        })
    });
    others.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, version: &str, needs: &[(&str, &str, bool)]) -> Crate {
        let need = |&(name, requires, dev): &(&str, &str, bool)| Need {
            name: name.into(),
            requires: requires.into(),
            dev,
        };
        let needs = needs.iter().map(need).collect();
        Crate { name: name.into(), version: version.into(), needs }
    }

    #[test]
    fn an_old_changelog_or_requirement_is_found() {
        let low = package("low", "1.1.0", &[("top", "*", true)]);
        assert_eq!(heading(&low, "# Changelog\n\n## 1.1.0 (unreleased)\n\n## 1.0.0\n"), None);
        let old = heading(&low, "# Changelog\n\n## 1.0.0\n").unwrap();
        assert_eq!(old, "low: the version is 1.1.0, and its CHANGELOG.md begins with 1.0.0");
        assert!(heading(&low, "# Changelog\n").unwrap().ends_with("begins with no version"));
        let top = package("top", "1.0.0", &[("low", "^1.0.0", false), ("log", "^0.4", false)]);
        let crates = [low, top];
        assert_eq!(requirements(&crates[1], &crates), ["top: requires low ^1.0.0, and its version is 1.1.0"]);
        assert_eq!(requirements(&crates[0], &crates), [""; 0]);
    }
}

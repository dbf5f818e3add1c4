//! `cargo xtask release --dry-run`: everything that has to hold before `cargo publish`.

use std::fs;

use anyhow::{Context, bail};

use crate::{
    api, ci,
    workspace::{Package, Workspace},
};

/// Checks all crates and prints them in the order of their publication. Returns `false` if a release would fail.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<bool> {
    let packages: Vec<_> = workspace.publishable().collect();
    let order = in_order(&packages)?;
    let mut errors = Vec::new();
    for package in &order {
        let path = package.dir.join("CHANGELOG.md");
        let changelog =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        errors.extend(heading(package, &changelog));
        errors.extend(requirements(package, &packages));
    }
    for error in &errors {
        println!("error: {error}");
    }
    let same_api = api::run(workspace, false)?;
    // The step builds each package from the packages of the crates below, with an empty home and without default
    // features.
    let packaged = ci::run(&["package".to_owned()])?;
    for package in &order {
        println!("cargo publish -p {}    # {}", package.name, package.version);
    }
    Ok(errors.is_empty() && same_api && packaged)
}

/// Sorts the crates so that each one comes after the crates that it depends on. crates.io needs no dev-dependencies.
fn in_order<'p>(packages: &[&'p Package]) -> anyhow::Result<Vec<&'p Package>> {
    let mut order: Vec<&Package> = Vec::new();
    while order.len() < packages.len() {
        let is_known = |name: &String| {
            order.iter().any(|done| done.name == *name) || !packages.iter().any(|other| other.name == *name)
        };
        let next = packages.iter().find(|package| {
            let needed = package.dependencies.iter().filter(|dependency| !dependency.dev);
            !order.iter().any(|done| done.name == package.name)
                && needed.map(|dependency| &dependency.name).all(is_known)
        });
        match next {
            Some(next) => order.push(next),
            None => bail!("the crates depend on each other in a circle"),
        }
    }
    Ok(order)
}

/// Checks that the changelog begins with the version of the crate.
fn heading(package: &Package, changelog: &str) -> Option<String> {
    let newest = changelog.lines().find_map(|line| line.strip_prefix("## "))?;
    let found = newest.split(' ').next().unwrap_or_default();
    (found != package.version).then(|| {
        let Package { name, version, .. } = package;
        format!("{name}: the version is {version}, and its CHANGELOG.md begins with {found}")
    })
}

/// Checks that each crate requires the present versions of the others.
fn requirements(package: &Package, packages: &[&Package]) -> Vec<String> {
    let others = package.dependencies.iter().filter_map(|dependency| {
        let other = packages.iter().find(|other| other.name == dependency.name)?;
        // A dev-dependency without a version stays out of the package.
        let is_local = dependency.dev && dependency.requires == "*";
        (!is_local && dependency.requires != format!("^{}", other.version)).then(|| {
            let Package { name, version, .. } = other;
            format!("{}: requires {name} {}, and its version is {version}", package.name, dependency.requires)
        })
    });
    others.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::Dependency;

    fn package(name: &str, version: &str, needs: &[(&str, &str, bool)]) -> Package {
        let dependency = |&(name, requires, dev): &(&str, &str, bool)| Dependency {
            name: name.into(),
            requires: requires.into(),
            dev,
        };
        Package {
            name: name.into(),
            version: version.into(),
            dependencies: needs.iter().map(dependency).collect(),
            ..Package::default()
        }
    }

    #[test]
    fn a_crate_comes_after_the_crates_below_it() {
        let top = package("top", "1.0.0", &[("low", "^1.0.0", false), ("log", "^0.4", false)]);
        // In a test, a lower crate may use a higher one.
        let low = package("low", "1.0.0", &[("top", "*", true)]);
        let names =
            |order: Vec<&Package>| order.iter().map(|package| package.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(in_order(&[&top, &low]).unwrap()), ["low", "top"]);
        let circle = package("low", "1.0.0", &[("top", "^1.0.0", false)]);
        in_order(&[&top, &circle]).unwrap_err();
    }

    #[test]
    fn an_old_changelog_or_requirement_is_found() {
        let low = package("low", "1.1.0", &[("top", "*", true)]);
        assert_eq!(heading(&low, "# Changelog\n\n## 1.1.0 (unreleased)\n\n## 1.0.0\n"), None);
        let old = heading(&low, "# Changelog\n\n## 1.0.0\n").unwrap();
        assert_eq!(old, "low: the version is 1.1.0, and its CHANGELOG.md begins with 1.0.0");
        let top = package("top", "1.0.0", &[("low", "^1.0.0", false), ("log", "^0.4", false)]);
        let found = requirements(&top, &[&low, &top]);
        assert_eq!(found, ["top: requires low ^1.0.0, and its version is 1.1.0"]);
        assert_eq!(requirements(&low, &[&low, &top]), [""; 0]);
    }
}

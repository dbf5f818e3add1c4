//! The workspace as `cargo metadata` describes it: packages, features, targets, direct dependencies.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use serde_json::Value;

use crate::cmd;

#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) packages: Vec<Package>,
}

#[derive(Debug, Default)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) dir: PathBuf,
    pub(crate) publish: bool,
    /// All features but `default`.
    pub(crate) features: Vec<String>,
    /// The features that `default` turns on.
    pub(crate) default: Vec<String>,
    pub(crate) targets: Vec<Target>,
    pub(crate) dependencies: Vec<Dependency>,
}

#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) name: String,
    /// `lib`, `bin`, `test`, `bench`, `example`.
    pub(crate) kind: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// The requirement, such as `^0.1.0`.
    pub(crate) requires: String,
    pub(crate) dev: bool,
}

impl Workspace {
    /// Reads the workspace that this tool belongs to.
    pub(crate) fn load() -> anyhow::Result<Self> {
        let root = match Path::new(env!("CARGO_MANIFEST_DIR")).parent() {
            Some(root) => root.to_owned(),
            None => bail!("xtask lies at the root of the filesystem"),
        };
        Self::load_from(&root)
    }

    /// Reads the workspace at `root` from `cargo metadata`.
    pub(crate) fn load_from(root: &Path) -> anyhow::Result<Self> {
        let text = cmd::capture(cmd::cargo(root).args(["metadata", "--format-version", "1", "--no-deps"]))?;
        let json: Value = serde_json::from_str(&text).context("cargo metadata is not JSON")?;
        let packages = items(&json, "packages").map(package).collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Self { root: root.to_owned(), packages })
    }

    /// The crates that are published on crates.io.
    pub(crate) fn publishable(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter().filter(|package| package.publish)
    }

    /// The publishable crates with a target of this kind and name.
    pub(crate) fn with_target<'a>(
        &'a self,
        kind: &'a str,
        name: &'a str,
    ) -> impl Iterator<Item = &'a Package> {
        self.publishable().filter(move |package| package.targets(kind).any(|target| target == name))
    }

    /// Manifests below the crates that are not members of the workspace.
    pub(crate) fn nested_manifests(&self) -> anyhow::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for package in &self.packages {
            walk(&package.dir, &mut |path| {
                if path.ends_with("Cargo.toml")
                    && !self.packages.iter().any(|p| p.dir.join("Cargo.toml") == path)
                {
                    found.push(path.to_owned());
                }
            })?;
        }
        found.sort();
        found.dedup();
        Ok(found)
    }

    /// The packages that are not members of the workspace, with their settings under `package.metadata.lsm`.
    pub(crate) fn nested(&self) -> anyhow::Result<Vec<Nested>> {
        let mut found = Vec::new();
        for manifest in self.nested_manifests()? {
            let mut command = cmd::cargo(&self.root);
            command
                .args(["metadata", "--format-version", "1", "--no-deps", "--manifest-path"])
                .arg(&manifest);
            let json: Value =
                serde_json::from_str(&cmd::capture(&mut command)?).context("cargo metadata is not JSON")?;
            found.extend(items(&json, "packages").map(|package| nested(package, &manifest)));
        }
        Ok(found)
    }
}

/// A package below a crate, and its use of the mounts.
#[derive(Debug)]
pub(crate) struct Nested {
    pub(crate) name: String,
    pub(crate) manifest: PathBuf,
    /// `realfs = true`: its tests run on real filesystems too.
    pub(crate) on_mounts: bool,
    /// `bench = "NAME"`: a bench that prints a table.
    pub(crate) bench: Option<String>,
}

fn nested(package: &Value, manifest: &Path) -> Nested {
    let setting = |name: &str| package.pointer(&format!("/metadata/lsm/{name}"));
    Nested {
        name: text(package, "name").to_owned(),
        manifest: manifest.to_owned(),
        on_mounts: setting("realfs").and_then(Value::as_bool).unwrap_or_default(),
        bench: setting("bench").and_then(Value::as_str).map(str::to_owned),
    }
}

impl Package {
    /// Names of the targets of one kind.
    pub(crate) fn targets<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a str> {
        self.targets.iter().filter(move |target| target.kind == kind).map(|target| target.name.as_str())
    }
}

/// Visits every file below `dir`, except build output and hidden directories.
pub(crate) fn walk(dir: &Path, visit: &mut dyn FnMut(&Path)) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(dir).with_context(|| format!("cannot list {}", dir.display()))?;
    let mut paths = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && !path.is_symlink() {
            let output = matches!(&*name, "target" | "artifacts" | "coverage" | "corpus");
            if !output && !name.starts_with('.') {
                walk(&path, visit)?;
            }
        } else {
            visit(&path);
        }
    }
    Ok(())
}

fn package(json: &Value) -> anyhow::Result<Package> {
    let name = text(json, "name").to_owned();
    let manifest = Path::new(text(json, "manifest_path"));
    let dir = manifest.parent().with_context(|| format!("{name} has no manifest path"))?.to_owned();
    let features = json.get("features").and_then(Value::as_object);
    let default = features.and_then(|features| features.get("default"));
    Ok(Package {
        name,
        version: text(json, "version").to_owned(),
        dir,
        // `publish = false` is an empty list of registries.
        publish: json.get("publish").is_none_or(Value::is_null),
        features: features
            .map(|features| features.keys().filter(|key| *key != "default").cloned().collect())
            .unwrap_or_default(),
        default: default
            .and_then(Value::as_array)
            .map(|list| list.iter().filter_map(Value::as_str).map(str::to_owned).collect())
            .unwrap_or_default(),
        targets: items(json, "targets").map(target).collect(),
        dependencies: items(json, "dependencies").map(dependency).collect(),
    })
}

fn target(json: &Value) -> Target {
    let kind = items(json, "kind").next().and_then(Value::as_str).unwrap_or_default();
    Target { name: text(json, "name").to_owned(), kind: kind.to_owned() }
}

fn dependency(json: &Value) -> Dependency {
    let (name, requires) = (text(json, "name").to_owned(), text(json, "req").to_owned());
    Dependency { name, requires, dev: text(json, "kind") == "dev" }
}

fn items<'a>(json: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    json.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(json: &'a Value, key: &str) -> &'a str {
    json.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_package() {
        let json = serde_json::json!({
            "name": "lsm-x", "manifest_path": "/w/lsm-x/Cargo.toml", "publish": null,
            "features": { "default": ["a"], "a": [], "b": [] },
            "targets": [{ "name": "lsm_x", "kind": ["lib"] }, { "name": "realfs", "kind": ["test"] }],
            "dependencies": [{ "name": "log", "kind": null }, { "name": "proptest", "kind": "dev", "req": "^1" }],
        });
        let package = package(&json).unwrap();
        assert_eq!(package.dir, Path::new("/w/lsm-x"));
        assert!(package.publish);
        assert_eq!((package.features.len(), package.default.len()), (2, 1));
        assert_eq!(package.targets("test").collect::<Vec<_>>(), ["realfs"]);
        let last = Dependency { name: "proptest".into(), requires: "^1".into(), dev: true };
        assert_eq!(package.dependencies[1], last);
    }

    #[test]
    fn a_nested_package_says_what_it_wants_of_the_mounts() {
        let manifest = Path::new("/w/lsm-x/a/Cargo.toml");
        let lsm = serde_json::json!({ "realfs": true, "bench": "versus" });
        let wants = nested(&serde_json::json!({ "name": "a", "metadata": { "lsm": lsm } }), manifest);
        assert_eq!(
            (wants.name.as_str(), wants.on_mounts, wants.bench.as_deref()),
            ("a", true, Some("versus"))
        );
        let other = nested(&serde_json::json!({ "name": "b", "metadata": null }), manifest);
        assert_eq!((other.manifest.as_path(), other.on_mounts, other.bench), (manifest, false, None));
    }

    #[test]
    fn knows_its_own_workspace() {
        let workspace = Workspace::load().unwrap();
        let xtask = workspace.packages.iter().find(|package| package.name == "xtask").unwrap();
        assert!(!xtask.publish);
        assert!(workspace.publishable().any(|package| package.name == "lsm-fs"));
    }
}

//! The dependencies that each crate may have, inside the workspace and outside.

use super::tree::{Crate, Tree};

/// A publishable crate and the members of the workspace that it may depend on. `lsm-checkpoint` depends on the
/// simulator only with its feature `conformance`, whose suite crashes engines.
const LAYERS: &[(&str, &[&str])] = &[
    ("lsm-fs", &[]),
    ("lsm-fs-mem", &["lsm-fs"]),
    ("lsm-manifest", &["lsm-fs"]),
    ("lsm-checkpoint", &["lsm-fs", "lsm-fs-mem", "lsm-manifest"]),
    ("lsm-checkpoint-store", &["lsm-fs", "lsm-manifest", "lsm-checkpoint"]),
    ("lsm-checkpoint-fjall", &["lsm-fs", "lsm-manifest", "lsm-checkpoint"]),
    ("lsm-checkpoint-cli", &["lsm-fs", "lsm-manifest", "lsm-checkpoint", "lsm-checkpoint-store"]),
];

/// The crates beside the core. They may have many dependencies, such as the clients of the clouds or fjall itself,
/// because their users need these.
const BESIDE: &[&str] = &["lsm-checkpoint-store", "lsm-checkpoint-fjall"];

/// The crates that the dependency tree of a core crate may contain with default features. Every engine has to trust
/// each of them.
const COMMON: &[&str] = &[
    "bitflags",
    "errno",
    "libc",
    "linux-raw-sys",
    "log",
    "proc-macro2",
    "quote",
    "rustix",
    "syn",
    "thiserror",
    "thiserror-impl",
    "unicode-ident",
];

/// Further crates that the dependency tree of `lsm-manifest` or `lsm-checkpoint` may contain, because these two write a
/// format.
const FORMAT: &[&str] = &["byteorder", "xxhash-rust"];

/// A third-party crate and the crates that may depend on it.
const OWNED: &[(&str, &[&str])] = &[
    ("rustix", &["lsm-fs"]),
    ("winapi-util", &["lsm-fs"]),
    // The journals of fjall have checksums of the same family, and a push compares the checksums of checkpoints.
    ("xxhash-rust", &["lsm-manifest", "lsm-checkpoint", "lsm-checkpoint-fjall", "lsm-checkpoint-store"]),
];

/// Checks that dependencies between members point downwards only.
pub(super) fn workspace_layers(tree: &Tree) -> Vec<String> {
    let mut errors = Vec::new();
    for member in tree.publishable() {
        let Some((_, below)) = LAYERS.iter().find(|(name, _)| *name == member.name) else {
            errors.push(format!(
                "{0}: this crate has no layer; add it to LAYERS in xtask/tidy/src/layers.rs",
                member.name
            ));
            continue;
        };
        for other in tree.crates.iter().filter(|other| member.full_tree.contains(&other.name)) {
            if !below.contains(&other.name.as_str()) {
                errors.push(format!(
                    "{0}/Cargo.toml: {0} stands on {1}, which is not below it; move the code down or make it a \
                     dev-dependency",
                    member.name, other.name
                ));
            }
        }
    }
    errors
}

/// Checks that the default features of a core library bring in only crates on these lists. Programs are not checked,
/// because nothing depends on them.
pub(super) fn default_dependencies(tree: &Tree) -> Vec<String> {
    let lowest = tree.crates.iter().find(|member| member.name == "lsm-fs");
    let mut errors = Vec::new();
    let is_core = |member: &&Crate| !member.is_program && !BESIDE.contains(&member.name.as_str());
    for member in tree.publishable().filter(is_core) {
        for name in &member.default_tree {
            let known = match member.name.as_str() {
                "lsm-fs-mem" => lowest.is_some_and(|lowest| lowest.default_tree.contains(name)),
                "lsm-fs" => is_common(name),
                _ => is_common(name) || FORMAT.contains(&name.as_str()),
            };
            if !known && !tree.crates.iter().any(|other| other.name == *name) {
                errors.push(format!(
                    "{0}/Cargo.toml: {0} brings in {name} by default; put it behind a feature, or justify it in \
                     xtask/tidy/src/layers.rs",
                    member.name
                ));
            }
        }
    }
    errors
}

/// Checks that only `lsm-fs` depends on crates that call the operating system, and that few crates compute checksums.
pub(super) fn owned_dependencies(tree: &Tree) -> Vec<String> {
    let mut errors = Vec::new();
    for (dependency, owners) in OWNED {
        for member in tree.publishable().filter(|member| !owners.contains(&member.name.as_str())) {
            if member.direct.iter().any(|direct| direct.name == *dependency && !direct.dev) {
                errors.push(format!(
                    "{}/Cargo.toml: only {} may depend on {dependency}; go through its API",
                    member.name,
                    owners.join(" and ")
                ));
            }
        }
    }
    errors
}

/// Checks that `lsm-fs` does not depend on `lsm-fs-mem`. Its unit tests would see two `Fs` traits: their own, and the
/// one that `lsm-fs-mem` was built against.
pub(super) fn no_dev_cycle(tree: &Tree) -> Vec<String> {
    let cyclic = |member: &&Crate| {
        member.name == "lsm-fs" && member.direct.iter().any(|direct| direct.name == "lsm-fs-mem")
    };
    let message =
        "lsm-fs/Cargo.toml: lsm-fs depends on lsm-fs-mem; test it on StdFs here and on MemFs in lsm-fs-mem";
    tree.crates.iter().filter(cyclic).map(|_| message.to_owned()).collect()
}

fn is_common(name: &str) -> bool {
    COMMON.contains(&name) || name.starts_with("windows-") || name.starts_with("windows_")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Dependency;

    fn member(name: &str, tree: &[&str]) -> Crate {
        let tree: Vec<_> = tree.iter().map(|&name| name.to_owned()).collect();
        Crate {
            name: name.into(),
            dir: name.into(),
            publish: true,
            is_program: false,
            default_tree: tree.clone(),
            full_tree: tree,
            direct: Vec::new(),
        }
    }

    fn tree(crates: Vec<Crate>) -> Tree {
        Tree { crates, ..Tree::default() }
    }

    #[test]
    fn an_arrow_that_points_up_is_found() {
        let good = tree(vec![member("lsm-fs", &["rustix"]), member("lsm-manifest", &["lsm-fs", "rustix"])]);
        assert_eq!(workspace_layers(&good), [""; 0]);
        let bad = tree(vec![member("lsm-fs", &["lsm-manifest"]), member("lsm-manifest", &["lsm-fs"])]);
        assert_eq!(workspace_layers(&bad).len(), 1);
        let tool = Crate { name: "xtask".into(), ..Crate::default() };
        assert_eq!(workspace_layers(&tree(vec![member("lsm-fs", &["xtask"]), tool])).len(), 1);
        assert!(workspace_layers(&tree(vec![member("lsm-new", &[])]))[0].contains("no layer"));
    }

    #[test]
    fn a_new_default_dependency_is_found() {
        let fs = || member("lsm-fs", &["rustix", "windows-sys"]);
        let good = tree(vec![fs(), member("lsm-manifest", &["lsm-fs", "xxhash-rust"])]);
        assert_eq!(default_dependencies(&good), [""; 0]);
        assert_eq!(default_dependencies(&tree(vec![member("lsm-fs", &["tokio"])])).len(), 1);
        assert_eq!(default_dependencies(&tree(vec![member("lsm-fs", &["xxhash-rust"])])).len(), 1);
        assert_eq!(
            default_dependencies(&tree(vec![fs(), member("lsm-fs-mem", &["lsm-fs", "log"])])).len(),
            1
        );
    }

    #[test]
    fn a_program_may_bring_in_more_and_no_library_may_stand_on_it() {
        let program =
            || Crate { is_program: true, ..member("lsm-checkpoint-cli", &["lsm-checkpoint", "clap"]) };
        assert_eq!(default_dependencies(&tree(vec![program()])), [""; 0]);
        let library = member("lsm-checkpoint", &["lsm-checkpoint-cli"]);
        assert_eq!(workspace_layers(&tree(vec![library, program()])).len(), 1);
    }

    #[test]
    fn rustix_outside_its_crate_is_found() {
        let mut manifest = member("lsm-manifest", &[]);
        manifest.direct.push(Dependency { name: "rustix".into(), dev: false });
        assert_eq!(owned_dependencies(&tree(vec![manifest])).len(), 1);
        let mut tests = member("lsm-manifest", &[]);
        tests.direct.push(Dependency { name: "rustix".into(), dev: true });
        assert_eq!(owned_dependencies(&tree(vec![tests])), [""; 0]);
    }

    #[test]
    fn a_dev_dependency_on_the_simulator_is_found() {
        let mut fs = member("lsm-fs", &[]);
        fs.direct.push(Dependency { name: "lsm-fs-mem".into(), dev: true });
        assert_eq!(no_dev_cycle(&tree(vec![fs])).len(), 1);
        assert_eq!(no_dev_cycle(&tree(vec![member("lsm-fs", &[])])), [""; 0]);
    }
}

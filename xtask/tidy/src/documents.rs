//! The documents that a visitor of the repository and a reader of crates.io find.

use super::tree::{Crate, Tree};

const TOP_LEVEL: &[&str] = &[
    "ARCHITECTURE.md",
    "BENCHMARKS.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "lsm-checkpoint",
    "lsm-fs",
    "lsm-fs-mem",
    "lsm-manifest",
    "target",
    "xtask",
];

const MAX_README: usize = 100;
/// A program has no rustdoc: its README is its manual.
const MAX_MANUAL: usize = 350;

const FORMAT_SOURCE: &str = "lsm-manifest/src/format.rs";
const FORMAT_DOCUMENT: &str = "lsm-manifest/FORMAT.md";

/// Checks the names at the top level, which is a table of contents: few names, all known.
pub(super) fn top_level(tree: &Tree) -> Vec<String> {
    let mut errors = Vec::new();
    for name in tree.top_level.iter().filter(|name| !name.starts_with('.')) {
        if !TOP_LEVEL.contains(&name.as_str()) {
            errors.push(format!("{name}: not a name of the top level; move it into the crate it belongs to"));
        }
    }
    for name in ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "Cargo.lock"] {
        if !tree.top_level.iter().any(|found| found == name) {
            errors.push(format!("{name}: missing at the top level; write it"));
        }
    }
    errors
}

/// Checks that each crate carries its own documents and licences, because it is published by itself.
pub(super) fn crate_files(tree: &Tree) -> Vec<String> {
    tree.publishable()
        .flat_map(|member| [readme(tree, member), library(tree, member), others(tree, member)].concat())
        .collect()
}

fn readme(tree: &Tree, member: &Crate) -> Vec<String> {
    let path = format!("{}/README.md", member.dir);
    let max = if member.is_program { MAX_MANUAL } else { MAX_README };
    let Some(file) = tree.file(&path) else { return vec![format!("{path}: missing; write it")] };
    let mut errors = Vec::new();
    let lines = file.text.lines().count();
    if lines > max {
        errors.push(format!("{path}: {lines} lines, {max} at most; move detail into the crate's docs"));
    }
    if !member.is_program && !file.text.lines().any(|line| line.starts_with("```rust")) {
        errors.push(format!("{path}: no ```rust block; show a program that runs"));
    }
    errors.extend(relative_links(&file.text).into_iter().map(|(line, target)| {
        format!("{path}:{line}: docs.rs and crates.io do not resolve {target}; link to its page on docs.rs")
    }));
    errors
}

/// Finds links to files beside a README, with the numbers of their lines.
fn relative_links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut is_code = false;
    for (at, line) in text.lines().enumerate() {
        is_code ^= line.trim_start().starts_with("```");
        if is_code {
            continue;
        }
        let inline = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let reference =
            line.strip_prefix('[').and_then(|rest| rest.split_once("]: ")).map(|(_, target)| target);
        let is_file = |target: &&str| {
            target.contains(['.', '/']) && !target.contains("://") && !target.starts_with('#')
        };
        found.extend(inline.chain(reference).filter(is_file).map(|target| (at + 1, target)));
    }
    found
}

fn library(tree: &Tree, member: &Crate) -> Vec<String> {
    if member.is_program {
        return Vec::new();
    }
    let path = format!("{}/src/lib.rs", member.dir);
    let expected = "#![doc = include_str!(\"../README.md\")]";
    let first = tree.file(&path).and_then(|file| file.text.lines().find(|line| !line.trim().is_empty()));
    if first == Some(expected) {
        return Vec::new();
    }
    vec![format!("{path}:1: begin with `{expected}`, which also runs the README's program as a test")]
}

fn others(tree: &Tree, member: &Crate) -> Vec<String> {
    let missing = |name: &&&str| !tree.paths.contains(&format!("{}/{name}", member.dir));
    let names = ["CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"];
    names.iter().filter(missing).map(|name| format!("{}/{name}: missing; add it", member.dir)).collect()
}

/// Checks the fields that crates.io and docs.rs show, and the lints that enforce the promises of the workspace.
pub(super) fn crate_manifests(tree: &Tree) -> Vec<String> {
    let keys = ["description", "keywords", "categories", "license", "readme"];
    let mut errors = Vec::new();
    for member in tree.publishable() {
        let path = format!("{}/Cargo.toml", member.dir);
        let text = tree.file(&path).map(|file| file.text.as_str()).unwrap_or_default();
        let has_key = |key: &str| {
            text.lines()
                .filter_map(|line| line.strip_prefix(key))
                .any(|rest| rest.starts_with([' ', '=', '.']))
        };
        for key in keys.iter().filter(|key| !has_key(key)) {
            errors.push(format!("{path}: no `{key}`; crates.io shows it"));
        }
        if !text.contains("[package.metadata.docs.rs]") {
            errors.push(format!(
                "{path}: no [package.metadata.docs.rs]; with `all-features = true` docs.rs shows all"
            ));
        }
        if !text.contains("[lints]\nworkspace = true") {
            errors.push(format!("{path}: no `[lints] workspace = true`; it forbids `unsafe` here"));
        }
    }
    errors
}

/// Ties the document of the format to a hash of its source, so that a change of the source needs a review of the
/// document.
pub(super) fn format_hash(tree: &Tree) -> Vec<String> {
    let (Some(document), Some(source)) = (tree.file(FORMAT_DOCUMENT), tree.file(FORMAT_SOURCE)) else {
        return Vec::new();
    };
    let line = format!("<!-- format.rs fnv1a64: {:016x} -->", fnv1a64(source.text.as_bytes()));
    if document.text.lines().any(|found| found == line) {
        return Vec::new();
    }
    vec![format!(
        "{FORMAT_DOCUMENT}: {FORMAT_SOURCE} changed: review the document, then write `{line}` into it"
    )]
}

fn fnv1a64(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Source;

    const GOOD: &[(&str, &str)] = &[
        ("lsm-x/README.md", "# lsm-x\n```rust\nfn main() {}\n```"),
        ("lsm-x/src/lib.rs", "#![doc = include_str!(\"../README.md\")]"),
        (
            "lsm-x/Cargo.toml",
            "description = \"a\"\nkeywords = []\ncategories = []\nlicense.workspace = true\nreadme = \"README.md\"\n\
             [package.metadata.docs.rs]\n[lints]\nworkspace = true",
        ),
    ];

    /// A tree of one good crate, in which `path` holds `text` instead.
    fn tree(path: &str, text: &str) -> Tree {
        let member = Crate { name: "lsm-x".into(), dir: "lsm-x".into(), publish: true, ..Crate::default() };
        let texts = GOOD.iter().map(|&(p, t)| Source::new(p.into(), if p == path { text } else { t }.into()));
        let paths = ["CHANGELOG.md", "LICENSE-MIT", "LICENSE-APACHE"].map(|name| format!("lsm-x/{name}"));
        Tree { files: texts.collect(), crates: vec![member], paths: paths.into(), ..Tree::default() }
    }

    #[test]
    fn a_good_crate_passes() {
        assert_eq!(crate_files(&tree("", "")), [""; 0]);
        assert_eq!(crate_manifests(&tree("", "")), [""; 0]);
    }

    #[test]
    fn gaps_of_a_crate_are_found() {
        assert_eq!(crate_files(&tree("lsm-x/README.md", "no program")).len(), 1);
        assert_eq!(crate_files(&tree("lsm-x/README.md", &"```rust\n".repeat(101))).len(), 1);
        assert_eq!(crate_files(&tree("lsm-x/src/lib.rs", "mod a;")).len(), 1);
        let mut bare = tree("", "");
        bare.paths.clear();
        assert_eq!(crate_files(&bare).len(), 3);
        assert_eq!(crate_manifests(&tree("lsm-x/Cargo.toml", "license-file = \"a\"")).len(), 7);
    }

    #[test]
    fn links_to_files_beside_a_readme_are_found() {
        let good =
            "[`a`] [b](https://docs.rs/x/A.md) [c](crate::inspect()) [d](#limits)\n```rust\na[0](b.c);\n```";
        assert_eq!(relative_links(good), []);
        let bad = "[a](A.md), [b](../b/)\n\n[c]: src/c.rs";
        assert_eq!(relative_links(bad), [(1, "A.md"), (1, "../b/"), (3, "src/c.rs")]);
        assert_eq!(crate_files(&tree("lsm-x/README.md", "```rust\n```\n[a](A.md)")).len(), 1);
    }

    #[test]
    fn a_program_needs_no_library_and_has_a_manual() {
        let mut program = tree("lsm-x/README.md", &"line\n".repeat(350));
        assert_eq!(crate_files(&program).len(), 2);
        program.crates[0].is_program = true;
        program.files.retain(|file| file.path != "lsm-x/src/lib.rs");
        assert_eq!(crate_files(&program), [""; 0]);
    }

    #[test]
    fn strangers_and_gaps_of_the_top_level_are_found() {
        let names = |list: &[&str]| list.iter().map(|&name| name.to_owned()).collect();
        let good = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "Cargo.lock", ".ci", "lsm-fs"];
        assert_eq!(top_level(&Tree { top_level: names(&good), ..Tree::default() }), [""; 0]);
        let bad = ["README.md", "ARCHITECTURE.md", "Cargo.lock", "notes.txt"];
        assert_eq!(top_level(&Tree { top_level: names(&bad), ..Tree::default() }).len(), 2);
    }

    #[test]
    fn the_root_readme_shows_a_program_that_runs() {
        let readme = include_str!("../../../README.md");
        // The step `examples` of CI runs it.
        let program = include_str!("../../../lsm-fs-mem/examples/missing_sync.rs");
        assert!(
            readme.contains(&format!("```rust\n{program}```\n")),
            "copy lsm-fs-mem/examples/missing_sync.rs into README.md"
        );
    }

    #[test]
    fn a_format_that_changed_without_its_document_is_found() {
        assert_eq!(fnv1a64(b"a"), 0xaf63_dc4c_8601_ec8c);
        let with = |document: &str| {
            let mut tree = Tree::of(FORMAT_SOURCE, "a");
            tree.files.push(Source::new(FORMAT_DOCUMENT.into(), document.into()));
            format_hash(&tree)
        };
        assert_eq!(with("# Format\n<!-- format.rs fnv1a64: af63dc4c8601ec8c -->\n"), [""; 0]);
        assert!(with("<!-- format.rs fnv1a64: 0000000000000000 -->")[0].contains("af63dc4c8601ec8c"));
        assert_eq!(format_hash(&Tree::of(FORMAT_SOURCE, "a")), [""; 0]);
    }
}

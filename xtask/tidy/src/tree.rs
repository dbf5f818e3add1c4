//! The working tree as tidy sees it: texts, manifests, dependency trees. Tests build small ones by hand.

use std::fs;
use std::path::Path;

use anyhow::Context;
use xtask_common::cmd;
use xtask_common::workspace::{self, DependencyKind, TargetKind, Workspace};

use super::lexer::{self, Line};

/// The file that holds the ceilings of the English.
pub(super) const CEILINGS: &str = "xtask/prose.txt";

/// The input of all checks.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) files: Vec<Source>,
    /// Paths of all files, including files that are not read.
    pub(super) paths: Vec<String>,
    /// Names at the top level.
    pub(super) top_level: Vec<String>,
    pub(super) crates: Vec<Crate>,
}

/// A text file.
#[derive(Debug)]
pub(super) struct Source {
    /// Relative to the root, with `/`.
    pub(super) path: String,
    pub(super) text: String,
    /// The code and comments of a Rust file. Empty for others.
    pub(super) lines: Vec<Line>,
}

/// A member of the workspace.
#[derive(Debug, Default)]
pub(super) struct Crate {
    pub(super) name: String,
    /// Its directory, relative to the root, with `/`.
    pub(super) dir: String,
    pub(super) publish: bool,
    /// `true` if it has no library, so that nothing can depend on it.
    pub(super) is_program: bool,
    /// Names of all its dependencies, direct and indirect, with default features and with all features.
    pub(super) default_tree: Vec<String>,
    pub(super) full_tree: Vec<String>,
    pub(super) direct: Vec<Dependency>,
}

#[derive(Debug)]
pub(super) struct Dependency {
    pub(super) name: String,
    pub(super) dev: bool,
}

impl Tree {
    pub(super) fn load(workspace: &Workspace) -> anyhow::Result<Self> {
        let root = &workspace.root;
        let mut tree = Self::default();
        for entry in fs::read_dir(root)? {
            tree.top_level.push(entry?.file_name().to_string_lossy().into_owned());
        }
        tree.top_level.sort();
        for path in workspace::files(root)? {
            let relative = path.to_string_lossy().replace('\\', "/");
            if is_text(&relative) {
                let text =
                    fs::read_to_string(root.join(path)).with_context(|| format!("cannot read {relative}"))?;
                tree.files.push(Source::new(relative.clone(), text));
            }
            tree.paths.push(relative);
        }
        for package in &workspace.packages {
            let direct = package.dependencies.iter().map(|dependency| Dependency {
                name: dependency.name.clone(),
                dev: dependency.kind == DependencyKind::Development,
            });
            let mut member = Crate {
                name: package.name.to_string(),
                dir: workspace::dir(package).strip_prefix(root)?.to_string_lossy().replace('\\', "/"),
                publish: workspace::is_published(package),
                is_program: workspace::targets(package, &TargetKind::Lib).next().is_none(),
                direct: direct.collect(),
                ..Crate::default()
            };
            if member.publish {
                member.default_tree = dependency_tree(root, &package.name, &[])?;
                member.full_tree = dependency_tree(root, &package.name, &["--all-features"])?;
            }
            tree.crates.push(member);
        }
        Ok(tree)
    }

    pub(super) fn rust(&self) -> impl Iterator<Item = &Source> {
        self.files.iter().filter(|file| file.is_rust())
    }

    pub(super) fn file(&self, path: &str) -> Option<&Source> {
        self.files.iter().find(|file| file.path == path)
    }

    pub(super) fn publishable(&self) -> impl Iterator<Item = &Crate> {
        self.crates.iter().filter(|member| member.publish)
    }

    /// A tree of one file, for tests.
    #[cfg(test)]
    pub(super) fn of(path: &str, text: &str) -> Self {
        Self { files: vec![Source::new(path.to_owned(), text.to_owned())], ..Self::default() }
    }
}

impl Source {
    pub(super) fn new(path: String, text: String) -> Self {
        let lines = if path.ends_with(".rs") { lexer::split(&text) } else { Vec::new() };
        Self { path, text, lines }
    }

    pub(super) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    pub(super) fn is_markdown(&self) -> bool {
        self.path.ends_with(".md")
    }

    /// Returns `true` if the whole file belongs to tests.
    pub(super) fn is_test(&self) -> bool {
        self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }

    /// Lines of code with their numbers.
    pub(super) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines.iter().enumerate().map(|(at, line)| (at + 1, line.code.as_str()))
    }

    /// Lines of prose with their numbers: the comments of a Rust file, every line of another.
    pub(super) fn prose(&self) -> Vec<(usize, &str)> {
        if self.is_rust() {
            self.lines.iter().enumerate().map(|(at, line)| (at + 1, line.comment.as_str())).collect()
        } else {
            self.numbered().collect()
        }
    }

    /// All lines with their numbers.
    pub(super) fn numbered(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(at, line)| (at + 1, line))
    }
}

/// Returns `true` if `text` contains `word` with no letter, digit or underscore around it.
pub(super) fn has_word(text: &str, word: &str) -> bool {
    let part_of_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let before = text.get(..at).and_then(|head| head.chars().next_back());
        let after = text.get(at + word.len()..).and_then(|tail| tail.chars().next());
        !before.is_some_and(part_of_word) && !after.is_some_and(part_of_word)
    })
}

fn is_text(path: &str) -> bool {
    path == CEILINGS || [".rs", ".md", ".toml"].iter().any(|ending| path.ends_with(ending))
}

/// Names of all packages that `package` depends on here, directly or not, in a build without special flags. Packages
/// that only `--cfg loom` brings in are left out.
fn dependency_tree(root: &Path, package: &str, features: &[&str]) -> anyhow::Result<Vec<String>> {
    let mut cargo = cmd::cargo(root);
    cargo.args(["tree", "-p", package, "-e", "normal", "--prefix", "none", "--format", "{p}"]);
    let text = cmd::capture(cargo.args(features))?;
    let mut names: Vec<_> =
        text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect();
    names.retain(|name| name != package && !name.is_empty());
    names.sort();
    names.dedup();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_end_at_letters_and_underscores() {
        assert!(has_word("use Fs;", "Fs"));
        assert!(has_word("Fs", "Fs"));
        assert!(!has_word("StdFs MemFsx Fs_", "Fs"));
    }
}

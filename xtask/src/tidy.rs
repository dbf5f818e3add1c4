//! `cargo xtask tidy`: what the compiler cannot check. Each message says what is wrong, where, and what to do.

mod code;
mod documents;
mod layers;
mod lexer;
mod tree;
mod words;

use crate::mutants;
use crate::workspace::Workspace;
use tree::Tree;

/// What tidy found; notes are advice and do not fail.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) errors: Vec<String>,
    pub(crate) notes: Vec<String>,
}

const CHECKS: &[fn(&Tree) -> Vec<String>] = &[
    layers::workspace_layers,
    layers::default_dependencies,
    layers::owned_dependencies,
    layers::no_dev_cycle,
    words::unfinished,
    words::references,
    words::dangling_documents,
    words::history,
    words::long_lines,
    code::long_files,
    code::banned_calls,
    code::vague_type_names,
    code::reasonless_allows,
    code::pure_files,
    code::wrappers,
    code::public_conversions,
    documents::top_level,
    documents::crate_files,
    documents::crate_manifests,
    documents::format_hash,
];

/// Prints what is wrong; `false` if something is.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<bool> {
    let findings = check(workspace)?;
    for note in &findings.notes {
        println!("note: {note}");
    }
    for error in &findings.errors {
        println!("error: {error}");
    }
    println!("tidy: {} errors, {} notes", findings.errors.len(), findings.notes.len());
    Ok(findings.errors.is_empty())
}

/// Runs every check on the working tree.
pub(crate) fn check(workspace: &Workspace) -> anyhow::Result<Findings> {
    let tree = Tree::load(workspace)?;
    let stale = mutants::stale(&workspace.root)?;
    Ok(Findings {
        errors: CHECKS.iter().flat_map(|check| check(&tree)).chain(stale).collect(),
        notes: code::full_files(&tree),
    })
}

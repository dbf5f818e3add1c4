//! `cargo xtask tidy`: checks that the compiler cannot make. A message names the place, the fault and the cure.

mod circles;
mod code;
mod documents;
mod layers;
mod lexer;
mod prose;
mod tree;
mod words;

use crate::mutants;
use crate::workspace::Workspace;
use tree::Tree;

/// The findings of all checks. Notes are advice and do not fail.
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
    circles::module_circles,
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
    prose::ceilings,
];

/// Prints the figures of the English beside their ceilings.
pub(crate) fn show_prose(workspace: &Workspace) -> anyhow::Result<bool> {
    println!("{}", prose::table(&Tree::load(workspace)?)?);
    Ok(true)
}

/// Lowers the ceilings of the English to the figures of the working tree.
pub(crate) fn lower_ceilings(workspace: &Workspace) -> anyhow::Result<bool> {
    prose::lower(&Tree::load(workspace)?, &workspace.root)?;
    show_prose(workspace)
}

/// Prints the errors and notes of all checks. Returns `false` if there is an error.
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
        notes: [code::full_files(&tree), prose::slack(&tree)].concat(),
        errors: CHECKS.iter().flat_map(|check| check(&tree)).chain(stale).collect(),
    })
}

//! `cargo xtask tidy`: checks that the compiler cannot make. A message names the place, the fault and the cure.

#![allow(clippy::print_stdout, reason = "a command-line tool talks to its terminal")]

mod circles;
mod code;
mod documents;
mod layers;
mod lexer;
mod prose;
mod tree;
mod words;

use std::process::ExitCode;

use xtask_common::workspace::Workspace;

use tree::Tree;

mod flags {
    #![allow(unreachable_pub, reason = "xflags generates public items")]

    xflags::xflags! {
        /// Check rules that the compiler cannot: layers, words, documents.
        cmd tidy {
            /// Print the figures of the English beside their ceilings, and stop.
            optional --prose
            /// Lower the ceilings of the English to the figures of the working tree, and stop.
            optional --lower
        }
    }
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
    code::silent_defaults,
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

fn main() -> ExitCode {
    let flags = flags::Tidy::from_env_or_exit();
    xtask_common::exit_code(Workspace::load().and_then(|workspace| run(&workspace, &flags)))
}

/// Prints the errors of all checks, and notes, which are advice. Returns `false` if there is an error.
fn run(workspace: &Workspace, flags: &flags::Tidy) -> anyhow::Result<bool> {
    let tree = Tree::load(workspace)?;
    if flags.lower {
        prose::lower(&tree, &workspace.root)?;
    }
    if flags.lower || flags.prose {
        println!("{}", prose::table(&Tree::load(workspace)?)?);
        return Ok(true);
    }
    let notes = [code::full_files(&tree), prose::slack(&tree)].concat();
    let stale = xtask_mutants::stale(&workspace.root)?;
    let errors: Vec<_> = CHECKS.iter().flat_map(|check| check(&tree)).chain(stale).collect();
    for note in &notes {
        println!("note: {note}");
    }
    for error in &errors {
        println!("error: {error}");
    }
    println!("tidy: {} errors, {} notes", errors.len(), notes.len());
    Ok(errors.is_empty())
}

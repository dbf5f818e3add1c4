//! `cargo xtask mutants`.

use std::process::ExitCode;

use xtask_common::workspace::Workspace;
use xtask_mutants::Task;

mod flags {
    #![allow(unreachable_pub, reason = "xflags generates public items")]

    xflags::xflags! {
        /// Break a copy of the code as `xtask/mutants` says, one place at a time. A test must fail each time.
        cmd mutants {
            /// Print the mutants and stop.
            optional --list
            /// Begin with the mutant of this number.
            optional --from number: usize
            /// Only mutants whose name or file holds one of these words.
            repeated word: String
        }
    }
}

fn main() -> ExitCode {
    let flags::Mutants { list, from, word } = flags::Mutants::from_env_or_exit();
    let task = Task { list, from: from.unwrap_or_default(), filter: &word };
    xtask_common::exit_code(
        Workspace::load().and_then(|workspace| xtask_mutants::run(&workspace.root, &task)),
    )
}

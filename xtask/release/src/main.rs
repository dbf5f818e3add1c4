//! `cargo xtask api` and `cargo xtask release`.

#![allow(clippy::print_stdout, reason = "a command-line tool talks to its terminal")]

mod api;
mod release;

use std::process::ExitCode;

use xtask_common::workspace::Workspace;

mod flags {
    #![allow(unreachable_pub, reason = "xflags generates public items")]

    xflags::xflags! {
        /// Checks before a release.
        cmd xtask {
            /// Compare the public API of each crate with its `PUBLIC_API.txt`. Needs a nightly toolchain.
            cmd api {
                /// Write the files instead.
                optional --write
            }
            /// Check that the crates can be released: versions, changelogs, public APIs, packages. Publishes nothing.
            cmd release {
                /// Required, because this command never publishes. A person makes the real release with
                /// `cargo publish`.
                required --dry-run
            }
        }
    }
}

fn main() -> ExitCode {
    let flags = flags::Xtask::from_env_or_exit();
    let done = Workspace::load().and_then(|workspace| match flags.subcommand {
        flags::XtaskCmd::Api(api) => api::run(&workspace, api.write),
        flags::XtaskCmd::Release(_) => release::run(&workspace),
    });
    xtask_common::exit_code(done)
}

//! Chores that are programs of their own: members of the workspace that lie below `xtask/`.
//!
//! A chore builds its program alone. So `cargo xtask ci` does not wait until a plotting crate is built, and `tidy` does
//! not wait for the code that mounts.

use std::ffi::OsString;

use crate::{cmd, workspace::Workspace};

/// A chore and the package of its program.
const CHORES: &[(&str, &str)] = &[
    ("api", "xtask-release"),
    ("mutants", "xtask-mutants"),
    ("plots", "xtask-plots"),
    ("release", "xtask-release"),
    ("soak", "xtask-soak"),
    ("tidy", "xtask-tidy"),
];

/// The arguments of cargo that run a chore.
pub(crate) fn program(chore: &str) -> Option<Vec<&str>> {
    let (_, package) = CHORES.iter().find(|(name, _)| *name == chore)?;
    let mut args = vec!["run", "--quiet", "--package", package, "--"];
    // One package holds two chores, which the first argument tells apart.
    args.extend(CHORES.iter().filter(|(_, other)| other == package).nth(1).map(|_| chore));
    Some(args)
}

/// Runs the chore that the first of these arguments names, with the others. Returns `None` if it is no such chore.
pub(crate) fn run(args: &[OsString]) -> Option<anyhow::Result<bool>> {
    let (chore, rest) = args.split_first()?;
    let program = program(chore.to_str()?)?;
    Some(
        Workspace::load().and_then(|workspace| {
            Ok(cmd::cargo(&workspace.root).args(program).args(rest).status()?.success())
        }),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chore_has_a_program() {
        let workspace = Workspace::load().unwrap();
        for (chore, package) in CHORES {
            assert!(workspace.packages.iter().any(|member| *member.name == *package), "{chore}");
        }
        assert_eq!(program("tidy").unwrap(), ["run", "--quiet", "--package", "xtask-tidy", "--"]);
        assert_eq!(program("api").unwrap().last(), Some(&"api"));
        assert_eq!(program("ci"), None);
    }
}

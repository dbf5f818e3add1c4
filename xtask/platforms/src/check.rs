//! Runs `cargo check` on the four core crates for each target.

use crate::{
    setup::{Tool, Toolchain, ensure},
    shell::stream,
};

/// A target, and the tools that its check needs.
pub(crate) struct Target {
    pub(crate) triple: &'static str,
    tools: &'static [Tool],
}

pub(crate) const TARGETS: &[Target] = &[
    // std's build for this target runs dlltool.
    Target {
        triple: "x86_64-pc-windows-gnu",
        tools: &[("x86_64-w64-mingw32-dlltool", "gcc-mingw-w64-x86-64-posix")],
    },
    Target { triple: "aarch64-apple-darwin", tools: &[] },
    Target { triple: "x86_64-unknown-freebsd", tools: &[] },
    Target { triple: "x86_64-unknown-linux-musl", tools: &[] },
    Target { triple: "i686-unknown-linux-gnu", tools: &[] },
    Target { triple: "aarch64-linux-android", tools: &[] },
];

pub(crate) const CRATES: [&str; 8] =
    ["-p", "lsm-fs", "-p", "lsm-fs-mem", "-p", "lsm-manifest", "-p", "lsm-checkpoint"];

/// Checks the crates with all features. Returns the result as a sentence. Warnings are an error.
pub(crate) fn run(toolchain: &Toolchain, target: &Target) -> anyhow::Result<String> {
    ensure(target.tools)?;
    let mut cargo = toolchain.cargo();
    cargo.args(["check", "-Zbuild-std=std,panic_abort", "--target", target.triple, "--all-features"]);
    cargo.args(CRATES);
    let (lines, success) = stream(&mut cargo)?;
    // Cargo closes the warnings of each crate with a line such as "`lsm-fs` (lib) generated 1 warning".
    let warned: Vec<_> =
        lines.iter().filter(|line| line.contains("`lsm-") && line.contains("warning")).collect();
    match (success, warned.first()) {
        (true, None) => Ok("the four crates compile without a warning".to_owned()),
        (true, Some(line)) => anyhow::bail!("{line}"),
        (false, _) => {
            let error = lines.iter().find(|line| line.starts_with("error"));
            anyhow::bail!("{}", error.map_or("cargo check failed", String::as_str))
        }
    }
}

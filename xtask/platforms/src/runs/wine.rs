//! Prepares wine: its prefix (the directory of its fake Windows disk), the libraries of mingw, and one library that
//! wine 8.0 lacks.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf, process::Command};

use anyhow::Context;

use crate::{setup::Toolchain, shell::capture};

/// The source of a library with `ProcessPrng`, from which std takes its random numbers. wine has this function since
/// 9.0.
const RANDOM_SOURCE: &str = include_str!("../../wine/bcryptprimitives.c");

/// Runs a program under wine with more descriptors. Each handle of Windows takes a descriptor in wine's server and one
/// in the process, and the deepest tree of the tests takes 1,500 handles.
const RUNNER: &str = "#!/bin/sh\nulimit -n 16384\nexec wine \"$@\"\n";

const COMPILER: &str = "x86_64-w64-mingw32-gcc";

/// Makes the prefix and the libraries. Returns the command that runs a program.
pub(super) fn prepare(toolchain: &Toolchain) -> anyhow::Result<String> {
    let libraries = libraries(toolchain);
    fs::create_dir_all(&libraries)?;
    for name in ["libgcc_s_seh-1.dll", "libwinpthread-1.dll"] {
        let found = capture(Command::new(COMPILER).arg(format!("-print-file-name={name}")))?;
        let from = PathBuf::from(found.trim());
        let from = if from.exists() { from } else { PathBuf::from("/usr/x86_64-w64-mingw32/lib").join(name) };
        fs::copy(&from, libraries.join(name)).with_context(|| format!("mingw has no {name}"))?;
    }
    let source = libraries.join("bcryptprimitives.c");
    fs::write(&source, RANDOM_SOURCE)?;
    let mut compile = Command::new(COMPILER);
    compile.args(["-shared", "-o"]).arg(libraries.join("bcryptprimitives.dll")).arg(&source);
    capture(compile.arg("-ladvapi32"))?;
    let runner = toolchain.scratch().join("run-wine");
    fs::write(&runner, RUNNER)?;
    fs::set_permissions(&runner, fs::Permissions::from_mode(0o755))?;
    let mut boot = Command::new(&runner);
    boot.args(["wineboot", "--init"]);
    environment(&mut boot, toolchain);
    capture(&mut boot)?;
    Ok(runner.display().to_string())
}

pub(super) fn environment(command: &mut Command, toolchain: &Toolchain) {
    command.env("WINEPREFIX", toolchain.scratch().join("wine")).env("WINEDEBUG", "-all");
    command.env("WINEPATH", libraries(toolchain)).env("LSM_FS_WINE", "1");
    // wine then opens no window, and does not ask to install .NET or a browser engine.
    command.env_remove("DISPLAY").env("WINEDLLOVERRIDES", "mscoree,mshtml=");
}

fn libraries(toolchain: &Toolchain) -> PathBuf {
    toolchain.scratch().join("wine-libraries")
}

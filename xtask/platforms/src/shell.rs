//! Runs commands: echoes each one, and returns or shows its output.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use anyhow::{Context, bail};

/// Runs a command without showing it, and returns its stdout.
pub(crate) fn capture(command: &mut Command) -> anyhow::Result<String> {
    let shown = show(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start `{shown}`"))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("`{shown}` failed: {}", stderr.trim().lines().last().unwrap_or("it says nothing"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a command and shows its output. Returns all lines of stdout and stderr, and `true` if it succeeded.
pub(crate) fn stream(command: &mut Command) -> anyhow::Result<(Vec<String>, bool)> {
    let shown = show(command);
    eprintln!("    $ {shown}");
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{shown}`"))?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let errors = std::thread::spawn(move || stderr.map(read).unwrap_or_default());
    let mut lines = stdout.map(read).unwrap_or_default();
    lines.extend(errors.join().unwrap_or_default());
    Ok((lines, child.wait()?.success()))
}

fn read(from: impl std::io::Read) -> Vec<String> {
    let mut lines = Vec::new();
    for line in BufReader::new(from).split(b'\n').map_while(Result::ok) {
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        eprintln!("{line}");
        lines.push(line);
    }
    lines
}

fn show(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

//! Runs commands: echoes each one, streams its output, measures its time and counts the tests it reports.
//!
//! The echo goes to stderr, so that the stdout of a chore holds only the output of its children.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// The result of a command.
#[derive(Debug)]
pub struct Outcome {
    /// The command as a person would type it.
    pub command: String,
    /// `true` if the command ended with success.
    pub success: bool,
    /// The sum of the `test result:` lines, or `None` if there was no such line.
    pub tests: Option<Tests>,
    /// The duration of the command.
    pub time: Duration,
}

/// Counts of a libtest (or libtest-mimic) run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tests {
    /// Tests that passed.
    pub passed: u64,
    /// Tests that failed.
    pub failed: u64,
    /// Tests that did not run.
    pub ignored: u64,
}

/// `cargo` in `dir`.
pub fn cargo(dir: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(dir);
    command
}

/// Makes the command of a system tool. The tool may be in an `sbin` directory that the user's `PATH` leaves out.
pub fn tool(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    command.env("PATH", search_path());
    command
}

/// `PATH`, with the `sbin` directories appended.
pub fn search_path() -> String {
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{path}:/usr/local/sbin:/usr/sbin:/sbin")
}

/// Runs `command` and shows its output while it runs.
pub fn run(command: &mut Command) -> anyhow::Result<Outcome> {
    run_with(command, &mut |_| ())
}

/// As [`run`], and kills the processes of the command's group if it does not end within `limit`. Only Linux has the
/// limit, because macOS and Windows lack the tool `timeout`.
pub fn run_within(command: &mut Command, limit: Duration) -> anyhow::Result<Outcome> {
    if !cfg!(target_os = "linux") {
        return run(command);
    }
    let shown = show(command);
    let outcome = stream(&mut within(command, limit), &shown, &mut std::io::stdout(), &mut |_| ())?;
    if !outcome.success && outcome.time >= limit {
        eprintln!("    ! killed, because it did not end within {} s: {shown}", limit.as_secs());
    }
    Ok(outcome)
}

/// Builds the programs of a `cargo test` command, and runs it within `limit`. `command` returns the command with more
/// flags.
pub fn test_within(command: impl Fn(&[&str]) -> Command, limit: Duration) -> anyhow::Result<Outcome> {
    let built = run(&mut command(&["--no-run"]))?;
    if !built.success {
        return Ok(built);
    }
    let tested = run_within(&mut command(&[]), limit)?;
    Ok(Outcome { time: built.time + tested.time, ..tested })
}

/// As [`run`], and passes each line of stdout to `on_line` too.
pub fn run_with(command: &mut Command, on_line: &mut dyn FnMut(&str)) -> anyhow::Result<Outcome> {
    let shown = show(command);
    stream(command, &shown, &mut std::io::stdout(), on_line)
}

/// Runs a command that the echo calls `shown`.
fn stream(
    command: &mut Command,
    shown: &str,
    out: &mut dyn Write,
    on_line: &mut dyn FnMut(&str),
) -> anyhow::Result<Outcome> {
    eprintln!("    $ {shown}");
    let start = Instant::now();
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start `{shown}`"))?;
    let mut tests: Option<Tests> = None;
    if let Some(pipe) = child.stdout.take() {
        let mut pipe = BufReader::new(pipe);
        let mut raw = Vec::new();
        while pipe.read_until(b'\n', &mut raw)? > 0 {
            out.write_all(&raw)?;
            out.flush()?;
            let line = String::from_utf8_lossy(&raw);
            if let Some(found) = parse_test_result(line.trim_end()) {
                let sum = tests.get_or_insert_default();
                sum.passed += found.passed;
                sum.failed += found.failed;
                sum.ignored += found.ignored;
            }
            on_line(line.trim_end_matches('\n'));
            raw.clear();
        }
    }
    let status = child.wait()?;
    let time = start.elapsed();
    eprintln!("    # {:.1} s: {shown}", time.as_secs_f64());
    if !status.success() {
        eprintln!("    ! {status}: {shown}");
    }
    Ok(Outcome { command: shown.to_owned(), success: status.success(), tests, time })
}

/// Returns the command under `timeout`, which ends cargo and the processes that cargo starts.
pub fn within(command: &Command, limit: Duration) -> Command {
    let mut timeout = Command::new("timeout");
    timeout.args(["--signal=KILL", &limit.as_secs().to_string()]);
    timeout.arg(command.get_program()).args(command.get_args());
    timeout.envs(command.get_envs().filter_map(|(key, value)| Some((key, value?))));
    timeout.current_dir(command.get_current_dir().unwrap_or(Path::new(".")));
    timeout
}

/// Runs `command` without showing it and returns its stdout. An error carries its stderr.
pub fn capture(command: &mut Command) -> anyhow::Result<String> {
    let shown = show(command);
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start `{shown}`"))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("`{shown}` failed ({}): {}", output.status, stderr.trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{shown}` printed bytes that are not UTF-8"))
}

/// The command as a person would type it, after the variables that affect its build and its inputs.
pub fn show(command: &Command) -> String {
    let mut words = Vec::new();
    for (key, value) in command.get_envs() {
        let key = key.to_string_lossy();
        let matters =
            ["RUST", "CARGO_PROFILE", "PROPTEST_", "LSM_SWEEP_"].iter().any(|start| key.starts_with(start));
        if let Some(value) = value.filter(|_| matters) {
            words.push(format!("{key}={}", quoted(value)));
        }
    }
    let program = Path::new(command.get_program());
    words.push(quoted(program.file_name().unwrap_or(program.as_os_str())));
    words.extend(command.get_args().map(quoted));
    words.join(" ")
}

fn quoted(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    if word.is_empty() || word.contains(char::is_whitespace) {
        format!("'{word}'")
    } else {
        word.into_owned()
    }
}

/// Reads `test result: ok. 3 passed; 0 failed; 1 ignored; …`.
pub fn parse_test_result(line: &str) -> Option<Tests> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut tests = Tests::default();
    for part in counts.split("; ") {
        match part.split_once(' ') {
            Some((count, "passed")) => tests.passed = count.parse().ok()?,
            Some((count, "failed")) => tests.failed = count.parse().ok()?,
            Some((count, "ignored")) => tests.ignored = count.parse().ok()?,
            _ => (),
        }
    }
    Some(tests)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_closing_line_of_libtest_and_of_libtest_mimic() {
        let libtest =
            "test result: FAILED. 12 passed; 2 failed; 3 ignored; 0 measured; 1 filtered out; finished";
        assert_eq!(parse_test_result(libtest), Some(Tests { passed: 12, failed: 2, ignored: 3 }));
        let mimic =
            "test result: ok. 7 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s";
        assert_eq!(parse_test_result(mimic), Some(Tests { passed: 7, failed: 0, ignored: 0 }));
        assert_eq!(parse_test_result("test names::rename ... ok"), None);
    }

    #[test]
    fn streams_lines_and_sums_the_results_of_several_binaries() {
        let script = "echo one; echo 'test result: ok. 2 passed; 0 failed; 1 ignored; x'; \
                      echo 'test result: FAILED. 1 passed; 1 failed; 0 ignored; x'; exit 3";
        // Into memory: on stdout these lines would count among the results of this very test run.
        let (mut shown, mut lines) = (Vec::new(), Vec::new());
        let mut on_line = |line: &str| lines.push(line.to_owned());
        let outcome =
            stream(Command::new("sh").args(["-c", script]), "sh", &mut shown, &mut on_line).unwrap();
        assert!(shown.starts_with(b"one\n"));
        assert_eq!(lines[0], "one");
        assert!(!outcome.success);
        assert_eq!(outcome.tests, Some(Tests { passed: 3, failed: 1, ignored: 1 }));
    }

    #[test]
    fn a_failed_capture_carries_the_output_of_the_command() {
        let error =
            capture(Command::new("sh").args(["-c", "echo the disk is gone >&2; exit 1"])).unwrap_err();
        assert!(error.to_string().contains("the disk is gone"), "{error}");
    }

    #[test]
    fn shows_flags_and_quotes_blanks() {
        let mut command = Command::new("/usr/bin/cargo");
        command.env("RUSTFLAGS", "--cfg loom").env("PATH", "/sbin").arg("test");
        assert_eq!(show(&command), "RUSTFLAGS='--cfg loom' cargo test");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_command_with_a_limit_keeps_its_variables_and_is_killed_when_it_waits() {
        let mut command = Command::new("sh");
        command.env("ANSWER", "7").args(["-c", "exit $ANSWER"]);
        assert_eq!(within(&command, Duration::from_secs(600)).status().unwrap().code(), Some(7));
        let mut waits = Command::new("tail");
        waits.args(["-f", "/dev/null"]);
        let outcome = run_within(&mut waits, Duration::from_secs(1)).unwrap();
        assert!(!outcome.success && outcome.command == "tail -f /dev/null", "{outcome:?}");
    }
}

//! `cargo xtask bench`: runs the benches that print tables, on real filesystems. The Markdown names the machine.

mod against;
mod document;
mod record;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) use against::Against;
use anyhow::{Context, bail};
use record::{Limits, Ratios};

use crate::cmd;
use crate::install;
use crate::realfs::{self, Mounts, Plan};
use crate::workspace::Workspace;

/// Kind and name of the benches that print tables.
const TABLES: (&str, &str) = ("bench", "table");

/// The tools that count system calls.
const TRACING_TOOLS: &[install::Tool] = &[("strace", "strace")];

/// The document that holds the recorded ratios.
const RECORD: &str = "BENCHMARKS.md";

/// The use of the tables that the benches print.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Use<'a> {
    /// Put them into this document, in place of the tables of the last run of the same jobs.
    pub(crate) out: Option<&'a Path>,
    /// Compare their ratios with the recorded ones.
    pub(crate) check: bool,
    /// Compare with another revision instead.
    pub(crate) against: Option<Against<'a>>,
}

/// Runs the benches. Returns `false` if one failed, or if a ratio is worse than recorded.
pub(crate) fn run(workspace: &Workspace, job: &[String], usage: Use<'_>) -> anyhow::Result<bool> {
    if let Some(dir) = realfs::inside() {
        show_dirty_pages();
        if let Some(against) = usage.against {
            let mounts = Mounts::set_up(&dir, &Plan::benches())?;
            return against::run_inside(workspace, &mounts, &against::jobs(job), against);
        }
        return run_inside(workspace, &Mounts::set_up(&dir, &Plan::benches())?, job);
    }
    realfs::possible(workspace, TABLES)?;
    if let Some(against) = usage.against {
        if usage.check || usage.out.is_some() {
            bail!("--against records nothing; leave out --out and --check, or use --limit to fail a run");
        }
        return run_against(workspace, job, against);
    }
    // Before the benches run, so that an unusable document does not waste a run.
    let recorded = if usage.check { Some(recorded(&workspace.root.join(RECORD))?) } else { None };
    let document = usage.out.map(|path| existing(path, job)).transpose()?;
    install::ensure(install::FILESYSTEM_TOOLS)?;
    install::ensure(TRACING_TOOLS)?;
    for (_, mut command) in commands(workspace)? {
        if !cmd::run(command.arg("--no-run"))?.success {
            return Ok(false);
        }
    }
    let Some(markdown) = measure(job)? else { return Ok(false) };
    if let Some(recorded) = recorded {
        match check(&recorded, &markdown, job)? {
            Verdict::Fine => {}
            Verdict::FineInTheEnd if document.is_none() => {}
            Verdict::FineInTheEnd => {
                bail!("not recorded: some rows were worse in the first run; run again on a quiet machine")
            }
            Verdict::Worse => return Ok(false),
        }
    }
    if let Some((path, text)) = document {
        let text = document::splice(&text, job, &markdown)?;
        Ratios::of_record(&text).context("the tables are not written")?;
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(true)
}

/// Builds the other revision, and runs it and the working tree in turn on mounts made for the run.
fn run_against(workspace: &Workspace, job: &[String], against: Against<'_>) -> anyhow::Result<bool> {
    against::check_out(&workspace.root, against.revision)?;
    install::ensure(&[install::FILESYSTEM_TOOLS, TRACING_TOOLS].concat())?;
    if !against::build(workspace)? {
        return Ok(false);
    }
    let args = [&["bench".to_owned()], &against.flags()[..], &["--".to_owned()], job].concat();
    Ok(realfs::within_namespaces(&args, &mut |_| ())?.success)
}

/// Runs jobs on mounts made for them, and returns their tables, or `None` if one failed.
fn measure(job: &[String]) -> anyhow::Result<Option<String>> {
    let mut args = vec!["bench".to_owned(), "--".to_owned()];
    args.extend_from_slice(job);
    let mut markdown = String::new();
    let outcome = realfs::within_namespaces(&args, &mut |line| {
        markdown.push_str(line);
        markdown.push('\n');
    })?;
    Ok(outcome.success.then(|| document::without_empty_sections(&markdown)))
}

/// Reads the document that will take the tables, and checks that it can.
fn existing(path: &Path, job: &[String]) -> anyhow::Result<(PathBuf, String)> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        read => read.with_context(|| format!("cannot read {}", path.display()))?,
    };
    document::splice(&text, job, "").with_context(|| path.display().to_string())?;
    if let Some(other) = document::overlapping(&text, job) {
        bail!(
            "{}: the tables of `{other}` hold some of these rows; record those jobs instead",
            path.display()
        );
    }
    Ok((path.to_owned(), text))
}

fn recorded(path: &Path) -> anyhow::Result<Ratios> {
    let shown = path.display();
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {shown}"))?;
    let ratios = Ratios::of_record(&text).with_context(|| shown.to_string())?;
    if ratios.is_empty() {
        bail!("{shown} records no ratio: cargo xtask bench --out {RECORD}");
    }
    Ok(ratios)
}

/// The comparison of a run with the record.
enum Verdict {
    Fine,
    /// Fine after a second run.
    FineInTheEnd,
    Worse,
}

/// Names the rows that are worse than recorded or over their target, and the rows that are missing. Another program
/// that uses the disk for a minute makes rows worse too, so their jobs run a second time. Only rows that are worse in
/// both runs count.
fn check(recorded: &Ratios, markdown: &str, job: &[String]) -> anyhow::Result<Verdict> {
    let (mut ratios, mut limits) = (Ratios::of_run(markdown), Limits::of_run(markdown));
    if let Some(unknown) = job.iter().find(|job| !ratios.has_row_of(job)) {
        bail!("no row of this run belongs to the job `{unknown}`; check its spelling");
    }
    let findings = |ratios: &Ratios, limits: &Limits| {
        let mut findings = record::compare(recorded, ratios, !job.is_empty());
        findings.extend(limits.exceeded());
        findings
    };
    let first = findings(&ratios, &limits);
    report("in the first run", &first);
    if first.is_empty() {
        return Ok(Verdict::Fine);
    }
    let Some(again) = measure(&record::jobs(&first))? else { return Ok(Verdict::Worse) };
    ratios.best_of(Ratios::of_run(&again));
    limits.best_of(Limits::of_run(&again));
    let last = findings(&ratios, &limits);
    report("in both runs", &last);
    Ok(if last.is_empty() { Verdict::FineInTheEnd } else { Verdict::Worse })
}

fn report(when: &str, findings: &[record::Finding]) {
    for finding in findings {
        eprintln!("worse: {finding}");
    }
    let (rows, percent) = (findings.len(), record::TOLERANCE * 100.0);
    eprintln!(
        "bench: {when} {rows} rows are missing, over their target, or {percent} % above their recorded ratio"
    );
}

fn run_inside(workspace: &Workspace, mounts: &Mounts, job: &[String]) -> anyhow::Result<bool> {
    let args = if job.is_empty() { String::new() } else { format!("-- {}", job.join(" ")) };
    println!("{}", header(workspace, mounts.description(), &args)?);
    let mut success = true;
    for (package, mut command) in commands(workspace)? {
        println!("\n## {package}\n");
        command
            .arg("--")
            .args(job)
            .envs(mounts.env())
            .env("LSM_BENCH_MOUNTS", mounts.description().join("; "));
        success &= cmd::run(&mut command)?.success;
    }
    Ok(success)
}

/// Mounts debugfs, where the kernel shows the dirty pages of each device. The mount ends with the namespace. Without it
/// the benches count the pages of the whole machine, and say so.
fn show_dirty_pages() {
    let debug = "/sys/kernel/debug";
    if let Err(error) = cmd::capture(cmd::tool("mount").args(["-t", "debugfs", "lsm-xtask", debug])) {
        eprintln!("warning: {error:#}");
    }
}

/// Returns the commands that print the tables, by package: the bench `table` of a crate, or the bench that a nested
/// package names.
fn commands(workspace: &Workspace) -> anyhow::Result<Vec<(String, Command)>> {
    let crates = workspace
        .with_target(TABLES.0, TABLES.1)
        .map(|package| (package.name.clone(), table_of(&workspace.root, &package.name)));
    let nested = workspace.nested()?.into_iter().filter_map(|package| {
        // The same flags as in the step `nested`, so that cargo builds it once.
        let mut command = cmd::cargo(&workspace.root);
        command.args(["bench", "--target-dir", "target/nested", "--bench", package.bench.as_deref()?]);
        command.arg("--manifest-path").arg(&package.manifest);
        Some((package.name, command))
    });
    Ok(crates.chain(nested).collect())
}

/// The command that runs the table of a crate.
fn table_of(root: &Path, package: &str) -> Command {
    let mut command = cmd::cargo(root);
    command.args(["bench", "-p", package, "--all-features", "--bench", TABLES.1]);
    command
}

/// Describes the machine, without which a figure means nothing.
fn header(workspace: &Workspace, mounts: &[String], args: &str) -> anyhow::Result<String> {
    let cpu = field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown CPU".to_owned());
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = field("/proc/meminfo", "MemTotal").unwrap_or_else(|| "unknown".to_owned());
    let kernel = cmd::capture(cmd::tool("uname").arg("-sr"))?;
    let date = cmd::capture(cmd::tool("date").args(["-u", "+%Y-%m-%d"]))?;
    let compiler = cmd::capture(cmd::tool("rustc").arg("--version"))?;
    let mut git = cmd::tool("git");
    git.current_dir(&workspace.root).args(["describe", "--always", "--dirty", "--exclude", "*"]);
    let revision = cmd::capture(&mut git).unwrap_or_else(|_| "unknown".to_owned());
    let args = if args.is_empty() { String::new() } else { format!(" {args}") };
    Ok(format!(
        "- Command: `cargo xtask bench{args}`, revision {}, {}\n\
         - Machine: {cpu}, {cores} cores, {memory} memory\n\
         - System: {}, {}\n\
         - Mounts:\n  - {}",
        revision.trim(),
        date.trim(),
        kernel.trim(),
        compiler.trim(),
        mounts.join("\n  - "),
    ))
}

/// The first value of `key` in a file of `key: value` lines.
fn field(path: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let (_, value) = text.lines().find(|line| line.starts_with(key))?.split_once(':')?;
    Some(value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_those_of_crates_and_of_nested_packages() {
        let commands = commands(&Workspace::load().unwrap()).unwrap();
        let names: Vec<_> = commands.iter().map(|(name, _)| name.as_str()).collect();
        assert!(names.contains(&"lsm-checkpoint") && names.contains(&"lsm-checkpoint-engines"), "{names:?}");
    }

    #[test]
    fn the_record_can_be_held_against_a_run() {
        let path = Workspace::load().unwrap().root.join(RECORD);
        assert!(!recorded(&path).unwrap().is_empty());
        assert_eq!(Limits::of_run(&fs::read_to_string(path).unwrap()).exceeded(), []);
    }

    #[test]
    fn the_header_names_command_machine_and_mounts() {
        let workspace = Workspace::load().unwrap();
        let header = header(&workspace, &["ext4: 1 MiB, -o loop".to_owned()], "-- links").unwrap();
        for part in ["cargo xtask bench -- links", "cores", "rustc", "ext4: 1 MiB, -o loop"] {
            assert!(header.contains(part), "{part} is missing from:\n{header}");
        }
    }
}

//! `cargo xtask bench`: runs the benches that print tables, on real filesystems. The Markdown names the machine.

mod against;

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::cmd;
use crate::workspace::{TargetKind, Workspace};
pub(crate) use against::Against;
use anyhow::{Context, bail};
use xtask_tables::{Finding, Limits, Ratios, TOLERANCE};

use crate::realfs::{self, Mounts, Plan};
use crate::{forward, install};

/// Kind and name of the benches that print tables.
static TABLES: (TargetKind, &str) = (TargetKind::Bench, "table");

/// The tools that count system calls.
const TRACING_TOOLS: &[install::Tool] = &[("strace", "strace")];

/// The programs that the bench of `lsm-checkpoint-store` compares with. The bench leaves out the missing ones.
const PEERS: &[install::Tool] = &[("rclone", "rclone"), ("restic", "restic")];

/// The folder of the recorded tables: a file per run.
const RECORD: &str = "xtask/bench";

/// The use of the tables that the benches print.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Use<'a> {
    /// Record them, in place of the tables of the last run of the same jobs.
    pub(crate) out: bool,
    /// Compare their ratios with the recorded ones.
    pub(crate) check: bool,
    /// Compare with another revision instead.
    pub(crate) against: Option<Against<'a>>,
}

/// Runs the benches. Returns `false` if one failed, or if the check found a row that is worse in two runs.
pub(crate) fn run(workspace: &Workspace, job: &[String], usage: Use<'_>) -> anyhow::Result<bool> {
    if let Some(dir) = realfs::inside() {
        show_dirty_pages();
        if let Some(against) = usage.against {
            let mounts = Mounts::set_up(&dir, &Plan::benches())?;
            return against::run_inside(workspace, &mounts, &against::jobs(job), against);
        }
        return run_inside(workspace, &Mounts::set_up(&dir, &Plan::benches())?, job);
    }
    realfs::possible(workspace, &TABLES)?;
    if let Some(against) = usage.against {
        if usage.check || usage.out {
            bail!("--against records nothing; leave out --out and --check, or use --limit to fail a run");
        }
        return run_against(workspace, job, against);
    }
    // Before the benches run, so that an unusable record does not waste a run.
    let record = workspace.root.join(RECORD);
    let recorded = if usage.check { Some(recorded(&record)?) } else { None };
    if usage.out
        && let Some(other) = xtask_tables::overlapping(&names(&record)?, job)
    {
        bail!("{RECORD}/{other} holds some of these rows; record the same jobs again, or remove the file");
    }
    install::ensure(install::FILESYSTEM_TOOLS)?;
    install::ensure(TRACING_TOOLS)?;
    if let Err(error) = install::ensure(PEERS) {
        eprintln!("warning: {error:#}");
    }
    for (_, mut command) in commands(workspace, job) {
        if !cmd::run(command.arg("--no-run"))?.success {
            return Ok(false);
        }
    }
    let Some(markdown) = measure(job)? else { return Ok(false) };
    if let Some(recorded) = recorded {
        match check(&recorded, &markdown, job)? {
            Verdict::Fine => {}
            Verdict::FineInTheEnd if !usage.out => {}
            Verdict::FineInTheEnd => {
                bail!("not recorded: some rows were worse in the first run; run again on a quiet machine")
            }
            Verdict::Worse => return Ok(false),
        }
    }
    if usage.out {
        let path = record.join(xtask_tables::file_of(job));
        fs::write(&path, markdown.trim().to_owned() + "\n")
            .with_context(|| format!("cannot write {}", path.display()))?;
        let plots = forward::program("plots").unwrap_or_default();
        return Ok(cmd::run(cmd::cargo(&workspace.root).args(plots))?.success);
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
    Ok(outcome.success.then(|| xtask_tables::without_empty_sections(&markdown)))
}

/// The names of the recorded files.
fn names(record: &Path) -> anyhow::Result<Vec<String>> {
    let entries = fs::read_dir(record).with_context(|| format!("cannot list {RECORD}"))?;
    let mut names = entries
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<std::io::Result<Vec<_>>>()?;
    names.retain(|name| name.ends_with(".md") && name != "README.md");
    names.sort();
    Ok(names)
}

fn recorded(record: &Path) -> anyhow::Result<Ratios> {
    let files = names(record)?.into_iter().map(|name| {
        let path = record.join(name);
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
    });
    let ratios = Ratios::of_record(&files.collect::<anyhow::Result<Vec<_>>>()?).context(RECORD)?;
    if ratios.is_empty() {
        bail!("{RECORD} records no ratio: cargo xtask bench --out");
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
/// both runs fail the check.
fn check(recorded: &Ratios, markdown: &str, job: &[String]) -> anyhow::Result<Verdict> {
    let (mut ratios, mut limits) = (Ratios::of_run(markdown), Limits::of_run(markdown));
    if let Some(unknown) = job.iter().find(|job| !ratios.has_row_of(job)) {
        bail!("no row of this run belongs to the job `{unknown}`; check its spelling");
    }
    let findings = |ratios: &Ratios, limits: &Limits| {
        let mut findings = xtask_tables::compare(recorded, ratios, !job.is_empty());
        findings.extend(limits.exceeded());
        findings
    };
    let first = findings(&ratios, &limits);
    report("in the first run", &first);
    if first.is_empty() {
        return Ok(Verdict::Fine);
    }
    let Some(again) = measure(&xtask_tables::jobs(&first))? else { return Ok(Verdict::Worse) };
    ratios.best_of(Ratios::of_run(&again));
    limits.best_of(Limits::of_run(&again));
    let last = findings(&ratios, &limits);
    report("in both runs", &last);
    Ok(if last.is_empty() { Verdict::FineInTheEnd } else { Verdict::Worse })
}

fn report(when: &str, findings: &[Finding]) {
    for finding in findings {
        eprintln!("worse: {finding}");
    }
    let (count, percent) = (findings.len(), TOLERANCE * 100.0);
    eprintln!("bench: {when} {count} rows are missing, over target, or {percent} % above the record");
}

fn run_inside(workspace: &Workspace, mounts: &Mounts, job: &[String]) -> anyhow::Result<bool> {
    let args = if job.is_empty() { String::new() } else { format!(" -- {}", job.join(" ")) };
    println!("{}", header(workspace, mounts.description(), &args)?);
    let mut success = true;
    for (package, mut command) in commands(workspace, job) {
        println!("\n## {package}\n");
        command.arg("--").args(job).envs(mounts.env());
        command.env("LSM_BENCH_MOUNTS", mounts.description().join("; "));
        success &= cmd::run(&mut command)?.success;
    }
    Ok(success)
}

/// Mounts debugfs, where the kernel shows the dirty pages of each device. The mount ends with the namespace. Without
/// debugfs, the benches count the pages of the whole machine, and say so.
fn show_dirty_pages() {
    let debug = "/sys/kernel/debug";
    if let Err(error) = cmd::capture(cmd::tool("mount").args(["-t", "debugfs", "lsm-xtask", debug])) {
        eprintln!("warning: {error:#}");
    }
}

/// Returns the commands that print the tables, by package: the bench `table` of a crate, or the bench that another
/// package names in its manifest, under `package.metadata.lsm`. Such a bench is left out if no job is of its kind,
/// because its build takes many minutes.
fn commands(workspace: &Workspace, job: &[String]) -> Vec<(String, Command)> {
    let crates = workspace
        .with_target(&TABLES.0, TABLES.1)
        .map(|package| (package.name.to_string(), table_of(&workspace.root, &package.name)));
    let others = workspace.packages.iter().filter_map(|package| {
        let bench = package.metadata.pointer("/lsm/bench")?.as_str()?;
        let own = package.metadata.pointer("/lsm/job").and_then(|own| own.as_str()).unwrap_or_default();
        if !job.is_empty() && !job.iter().any(|job| own.contains(job.as_str()) || job.starts_with(own)) {
            return None;
        }
        Some((package.name.to_string(), bench_of(&workspace.root, &package.name, bench)))
    });
    crates.chain(others).collect()
}

/// The command that runs the table of a crate.
fn table_of(root: &Path, package: &str) -> Command {
    bench_of(root, package, TABLES.1)
}

fn bench_of(root: &Path, package: &str, bench: &str) -> Command {
    let mut command = cmd::cargo(root);
    command.args(["bench", "-p", package, "--all-features", "--bench", bench]);
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
    let describe = ["describe", "--always", "--dirty", "--exclude", "*"];
    let revision = cmd::capture(cmd::tool("git").current_dir(&workspace.root).args(describe))
        .unwrap_or_else(|_| "unknown".to_owned());
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
    fn tables_come_from_crates_and_from_packages_that_name_a_bench() {
        let workspace = Workspace::load().unwrap();
        let count = |job: &[String]| commands(&workspace, job).len();
        let [versus, engine, linked] = ["versus", "7.4.0", "linked"].map(|job| count(&[job.to_owned()]));
        assert!(count(&[]) > versus && versus > linked && linked > 0, "{versus}, {linked}");
        assert_eq!(versus, engine);
    }

    #[test]
    fn the_record_can_be_held_against_a_run() {
        let record = Workspace::load().unwrap().root.join(RECORD);
        assert!(!recorded(&record).unwrap().is_empty());
        for name in names(&record).unwrap() {
            let text = fs::read_to_string(record.join(&name)).unwrap();
            assert_eq!(Limits::of_run(&text).exceeded(), [], "{name}");
        }
    }

    #[test]
    fn the_header_names_command_machine_and_mounts() {
        let workspace = Workspace::load().unwrap();
        let header = header(&workspace, &["ext4: 1 MiB, -o loop".to_owned()], " -- links").unwrap();
        for part in ["cargo xtask bench -- links", "cores", "rustc", "ext4: 1 MiB, -o loop"] {
            assert!(header.contains(part), "{part} is missing from:\n{header}");
        }
    }
}

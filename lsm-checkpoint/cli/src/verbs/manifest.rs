//! `manifest`: inspects and repairs a single manifest archive.

mod relation;

use std::{
    io::IsTerminal,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand};
use lsm_fs::{DirectorySync, StdFs};
use lsm_manifest::{BlockState, ManifestArchiveReader, ReadOptions, Report, inspect, repair};

use crate::{
    exit::Exit,
    failure::{Failure, of_manifest::HOPELESS},
    output::Form,
    record::{Record, base64},
    session::{Result, Session},
    table::{Column, Columns},
    text,
};
use relation::Relation;

/// Inspect, verify, dump or repair a manifest archive: a `v{N}`, or the `CHECKPOINT` file of a checkpoint.
#[derive(Args, Debug)]
pub(crate) struct ManifestArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show the state of both footers and of every section, and compare the digest with CURRENT.
    Inspect {
        /// The archive.
        file: PathBuf,
    },
    /// Exit with 2 if a footer or a section is damaged, or if CURRENT is damaged or names this version with another
    /// digest.
    Verify {
        /// The archive.
        file: PathBuf,
    },
    /// Write the payload of a section to stdout as raw bytes, or in base64 with --json.
    Dump {
        /// The archive.
        file: PathBuf,
        /// The name of the section.
        section: String,
    },
    /// Rewrite damaged parts from their copies or their parity. The repaired file replaces the damaged one atomically.
    Repair {
        /// The archive.
        file: PathBuf,
        /// Show the parts to rewrite, and write nothing.
        #[arg(long)]
        dry_run: bool,
    },
}

impl ManifestArgs {
    pub(crate) fn run(&self, session: &Session) -> Result {
        match &self.action {
            Action::Inspect { file } => look(session, file, true),
            Action::Verify { file } => look(session, file, false),
            Action::Dump { file, section } => dump(session, file, section),
            Action::Repair { file, dry_run: true } => would_repair(session, file),
            Action::Repair { file, dry_run: false } => mend(session, file),
        }
    }
}

/// Lists the parts of an archive with their states.
fn parts(report: &Report) -> Vec<(String, &BlockState)> {
    let footers = [("tail".to_owned(), &report.tail), ("mirror".to_owned(), &report.mirror)];
    let sections =
        report.sections.iter().map(|section| (format!("section {}", section.entry.name), &section.state));
    footers.into_iter().chain(sections).collect()
}

/// Returns `true` if at least one footer can be read.
fn is_readable(report: &Report) -> bool {
    [&report.tail, &report.mirror]
        .iter()
        .any(|state| matches!(state, BlockState::Good | BlockState::Restorable))
}

fn word(state: &BlockState) -> &'static str {
    match state {
        BlockState::Good => "good",
        BlockState::Restorable => "restorable",
        BlockState::Absent => "absent",
        _ => "bad",
    }
}

fn look(session: &Session, file: &Path, in_detail: bool) -> Result {
    let report = inspect(&StdFs, file, &ReadOptions::new())?;
    let relation = Relation::find(&StdFs, file)?;
    let is_sound = report.is_healthy() && relation.is_sound();
    if in_detail {
        show(session, &report);
        session.out.line(relation.text());
    } else {
        let verdict = if is_sound { "sound" } else { "NOT SOUND" };
        session.out.line(format!("{}: {verdict}", text::path(file)));
        for (part, state) in
            parts(&report).iter().filter(|(_, state)| !matches!(state, BlockState::Good | BlockState::Absent))
        {
            session.out.line(format!("  {part}: {state}"));
        }
        if !relation.is_sound() {
            session.out.line(format!("  {}", relation.text()));
        }
    }
    if !report.copies_agree {
        session.out.line("  tail and mirror disagree");
    }
    for section in &report.sections {
        session.out.record(
            &Record::new("manifest_section")
                .with("name", section.entry.name.as_str())
                .number("offset", section.entry.offset)
                .number("bytes", u64::from(section.entry.size))
                .checksum("checksum", Some(section.entry.checksum))
                .with("encrypted", section.header.is_some_and(|header| header.encrypted))
                .with("parity", section.header.is_some_and(|header| header.parity))
                .with("state", word(&section.state)),
        );
    }
    session.out.record(
        &Record::new("manifest")
            .path("file", file)
            .number("bytes", report.len)
            .with("tail", word(&report.tail))
            .with("mirror", word(&report.mirror))
            .with("copies_agree", report.copies_agree)
            .with("current", relation.word())
            .with("sound", is_sound),
    );
    let (repairable, lost) = bad_parts(&report);
    if !is_readable(&report) {
        session.out.line(format!("  next: {HOPELESS}"));
    } else if !repairable.is_empty() {
        session.out.line(format!("  next: `lsm-checkpoint manifest repair --dry-run {}`", text::word(file)));
    } else if !lost.is_empty() {
        session.out.line("  next: restore it from a checkpoint; a repair cannot bring the lost parts back");
    }
    Ok(if is_sound { Exit::Done } else { Exit::Unsound })
}

fn show(session: &Session, report: &Report) {
    session.out.line(format!("{}: {}", text::path(&report.file), session.size(report.len)));
    let mut table = Columns::new([
        Column::text("PART"),
        Column::number("OFFSET").gives_way(1),
        Column::number("SIZE"),
        Column::text("CHECKSUM").gives_way(2),
        Column::text("STATE"),
    ]);
    let none = || "-".to_owned();
    for (part, state) in [("tail", &report.tail), ("mirror", &report.mirror)] {
        table.row([part.to_owned(), none(), none(), none(), state.to_string()]);
    }
    for section in &report.sections {
        let sealed = section.header.is_some_and(|header| header.encrypted);
        let parity = section.header.is_some_and(|header| header.parity);
        let marks = [(sealed, ", encrypted"), (parity, ", with parity")];
        let marks: String = marks.iter().filter(|(is, _)| *is).map(|(_, mark)| *mark).collect();
        table.row([
            format!("section {}", section.entry.name),
            section.entry.offset.to_string(),
            session.size(u64::from(section.entry.size)),
            format!("{:032x}", section.entry.checksum),
            format!("{}{marks}", section.state),
        ]);
    }
    session.out.lines(&table.show());
}

fn dump(session: &Session, file: &Path, name: &str) -> Result {
    let archive = ManifestArchiveReader::open(&StdFs, file, &ReadOptions::new())?;
    let section = archive.read_section(name)?;
    if section.healed {
        session.out.note(format!("section {name} is damaged; this is its content, restored from parity"));
    }
    match session.out.form {
        Form::Json => session.out.record(
            &Record::new("manifest_payload")
                .path("file", file)
                .with("section", name)
                .with("healed", section.healed)
                .with("base64", base64(&section.payload)),
        ),
        Form::Text if std::io::stdout().is_terminal() => {
            return Err(Failure::refused("terminal", "the payload is binary, and stdout is a terminal")
                .hint("redirect it to a file, pipe it through `xxd`, or use --json"));
        }
        Form::Text => session.out.bytes(&section.payload),
    }
    Ok(Exit::Done)
}

/// Returns the damaged parts that a repair rewrites, and the parts that are lost.
fn bad_parts(report: &Report) -> (Vec<String>, Vec<String>) {
    let (mut repairable, mut lost) = (Vec::new(), Vec::new());
    let is_readable = is_readable(report);
    for (part, state) in parts(report) {
        match state {
            BlockState::Good | BlockState::Absent => {}
            BlockState::Restorable => repairable.push(part),
            _ if is_readable && !part.starts_with("section ") => repairable.push(part),
            _ => lost.push(part),
        }
    }
    (repairable, lost)
}

/// Prints the parts that a repair would rewrite, and the parts that are lost.
fn would_repair(session: &Session, file: &Path) -> Result {
    let report = inspect(&StdFs, file, &ReadOptions::new())?;
    let (written, lost) = bad_parts(&report);
    tell(session, file, "would be rewritten (dry run)", &written, &lost);
    Ok(if lost.is_empty() && report.copies_agree { Exit::Done } else { Exit::Unsound })
}

fn mend(session: &Session, file: &Path) -> Result {
    let done = repair(&StdFs, file, &ReadOptions::new())?;
    let written: Vec<_> = done.parts.iter().map(ToString::to_string).collect();
    let lost: Vec<_> = done.damaged.iter().map(|name| format!("section {name}")).collect();
    tell(session, file, "rewritten", &written, &lost);
    if done.directory_sync == Some(DirectorySync::NotSupported) {
        session.out.note("this filesystem cannot sync directories: a crash may bring the damaged file back");
    }
    Ok(if lost.is_empty() { Exit::Done } else { Exit::Unsound })
}

fn tell(session: &Session, file: &Path, verb: &str, written: &[String], lost: &[String]) {
    let shown = text::path(file);
    if written.is_empty() && lost.is_empty() {
        session.out.line(format!("{shown}: healthy, nothing to repair"));
    }
    for part in written {
        session.out.line(format!("{shown}: {part}: {verb}"));
    }
    for part in lost {
        session.out.line(format!("{shown}: {part}: lost; restore the file from a checkpoint"));
    }
    session.out.record(
        &Record::new("repair")
            .path("file", file)
            .with("dry_run", verb.contains("dry run"))
            .with("written", written.to_vec())
            .with("lost", lost.to_vec()),
    );
}

//! `verify`: compares the files of a checkpoint with its catalog.

mod advice;

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use clap::Args;
use lsm_checkpoint::{Defect, Problem, Subset, VerifyOptions, VerifyReport, verify};
use lsm_fs::StdFs;
use lsm_manifest::version_file_name;

use super::each::each;
use crate::{
    exit::Exit,
    failure::{Failure, of_defect},
    location::resolve,
    record::Record,
    session::{Result, Session},
    text,
};
use advice::are_denied;

/// Verify checkpoints: compare the names, lengths and checksums of all files with the catalog.
///
/// Files are read past the page cache where the platform allows it, so that the disk is tested and the cache stays
/// warm. Exits with 2 if a checkpoint is not sound.
#[derive(Args, Debug)]
pub(crate) struct VerifyArgs {
    /// Checkpoints, or DIR@latest.
    #[arg(required = true)]
    checkpoints: Vec<PathBuf>,
    /// Read only the manifests. Of all other files, compare names and lengths.
    #[arg(long, conflicts_with = "subset")]
    quick: bool,
    /// Read only part N of M of the files, such as 3/7. Parts 1/7 to 7/7 together cover all.
    #[arg(long, value_name = "N/M", value_parser = parse_subset)]
    subset: Option<Subset>,
    /// The number of files to read at a time.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=64))]
    threads: u8,
}

/// The files whose bytes are read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Depth {
    /// The manifests.
    Quick,
    /// The manifests and a part of the others.
    Part(Subset),
    /// All files.
    Full,
}

impl Depth {
    const fn name(self) -> &'static str {
        match self {
            Self::Quick => "quick",
            Self::Part(_) => "subset",
            Self::Full => "full",
        }
    }
}

fn parse_subset(text: &str) -> std::result::Result<Subset, String> {
    let numbers =
        text.split_once('/').and_then(|(part, parts)| Some((part.parse().ok()?, parts.parse().ok()?)));
    let subset = numbers.and_then(|(part, parts)| Subset::new(part, parts));
    subset.ok_or_else(|| "not a part such as 3/7, which is one of 1/7 to 7/7".to_owned())
}

impl VerifyArgs {
    pub(crate) fn run(&self, session: &Session) -> Result {
        let depth = match self.subset {
            Some(subset) => Depth::Part(subset),
            None if self.quick => Depth::Quick,
            None => Depth::Full,
        };
        each(session, &self.checkpoints, |given| {
            let path = resolve(session, given)?;
            let report = examine(session, &path, depth, self.threads)?;
            show(session, &path, depth, &report);
            match report.is_sound() {
                true => Ok(Exit::Done),
                false if are_denied(&report.problems) => Err(denied(&path, &report.problems)),
                false => Ok(Exit::Unsound),
            }
        })
    }
}

/// Verifies a checkpoint and shows progress.
pub(crate) fn examine(session: &Session, path: &Path, depth: Depth, threads: u8) -> Result<VerifyReport> {
    let options = match depth {
        Depth::Quick => VerifyOptions::quick(),
        Depth::Part(subset) => VerifyOptions::full().subset(subset),
        Depth::Full => VerifyOptions::full(),
    };
    let name = path.file_name().map_or_else(|| text::path(path), text::name);
    let meter = session.meter(format!("verify {name}"));
    let tell = |progress: &_| meter.tell(progress);
    let options = options.direct_io(true).threads(usize::from(threads)).progress(&tell);
    Ok(verify(&StdFs, path, &options)?)
}

/// Verifies a checkpoint before it is used. Fails if it is not sound.
pub(crate) fn require_sound(session: &Session, path: &Path, depth: Depth) -> Result<VerifyReport> {
    let report = examine(session, path, depth, 2)?;
    if report.is_sound() {
        return Ok(report);
    }
    show(session, path, depth, &report);
    if are_denied(&report.problems) {
        return Err(denied(path, &report.problems));
    }
    let problems = text::count(report.problems.len() as u64, "problem");
    let message = format!("{}: not sound: {problems}", text::path(path));
    let advice = advice::next(path, &report.problems);
    Err(Failure::new(Exit::Unsound, "not_sound", message).hint_if(advice))
}

/// Makes the failure of a checkpoint that this user may not read. Nobody knows if it is sound.
fn denied(path: &Path, problems: &[Problem]) -> Failure {
    let entries: BTreeSet<_> = problems.iter().map(|problem| &problem.path).collect();
    let number = entries.len();
    let entries = if number == 1 { "1 entry".to_owned() } else { format!("{number} entries") };
    Failure::new(Exit::Io, "io", format!("{}: this user may not read {entries} in it", text::path(path)))
        .hint("run the command as the user that owns the checkpoint, or as root; no damage was found")
}

/// Prints a report.
pub(crate) fn show(session: &Session, path: &Path, depth: Depth, report: &VerifyReport) {
    for problem in &report.problems {
        session.out.record(
            &Record::new("problem")
                .path("checkpoint", path)
                .path("path", &problem.path)
                .with("kind", kind(&problem.what))
                .with("message", of_defect(&problem.what)),
        );
    }
    for note in &report.notes {
        let record = Record::new("note").path("checkpoint", path).path("path", &note.path);
        session.out.record(&record.with("message", note.what.to_string()));
    }
    session.out.record(
        &Record::new("verification")
            .path("checkpoint", path)
            .with("mode", depth.name())
            .with("sound", report.is_sound())
            .with("identity", report.catalog.identity.as_str())
            .number("files", report.catalog.files.len() as u64)
            .number("checked_files", report.checked_files)
            .number("unchecked_files", report.unchecked_files)
            .number("problems", report.problems.len() as u64)
            .number("unlisted", report.unlisted)
            .with("healed_sections", report.healed.clone()),
    );
    show_text(session, path, depth, report);
}

fn show_text(session: &Session, path: &Path, depth: Depth, report: &VerifyReport) {
    let (shown, problems) = (text::path(path), report.problems.len() as u64 + report.unlisted);
    let verdict = match problems {
        0 => "sound".to_owned(),
        problems if are_denied(&report.problems) => {
            format!("NOT READABLE, {}", text::count(problems, "problem"))
        }
        problems => format!("NOT SOUND, {}", text::count(problems, "problem")),
    };
    let files = text::count(report.catalog.files.len() as u64, "file");
    let unchecked = match report.unchecked_files {
        0 => String::new(),
        number => format!(", {number} read without a checksum to compare"),
    };
    session.out.line(format!(
        "{shown}: {verdict} ({}: {files}, {} compared with a checksum{unchecked})",
        depth.name(),
        report.checked_files
    ));
    for problem in &report.problems {
        session.out.line(format!("  {}: {}", text::path(&problem.path), of_defect(&problem.what)));
    }
    if report.unlisted > 0 {
        session.out.line(format!("  and {} more entries that are not in the catalog", report.unlisted));
    }
    for note in &report.notes {
        session.out.line(format!("  {}: {} (harmless)", text::path(&note.path), note.what));
    }
    if problems > 0 && !are_denied(&report.problems) {
        session.out.line(format!("  lost: {}", advice::lost(session, &report.catalog, &report.problems)));
    }
    if let Some(next) = advice::next(path, &report.problems) {
        session.out.line(format!("  next: {next}"));
    }
    for tree in report.catalog.trees.iter().filter(|_| !report.healed.is_empty()) {
        let file = path.join(&tree.folder).join(version_file_name(tree.version_id));
        let repair = format!("lsm-checkpoint manifest repair {}", text::word(&file));
        session.out.line(format!(
            "  readable only by parity: {}; rewrite with `{repair}`",
            report.healed.join(", ")
        ));
    }
}

/// Returns the word for a defect.
fn kind(defect: &Defect) -> &'static str {
    match defect {
        Defect::Missing => "missing",
        Defect::Unexpected => "unexpected",
        Defect::NotAFile => "not_a_file",
        Defect::Length { .. } => "length",
        Defect::Checksum { .. } => "checksum",
        Defect::Version { .. } => "version",
        Defect::Manifest(_) => "manifest",
        Defect::Degraded => "degraded",
        Defect::Unreadable(_) => "unreadable",
        _ => "other",
    }
}

//! [`Refusal`]: the reason why no crash leaves a tree.

use std::{
    collections::BTreeSet,
    error, fmt,
    path::{Path, PathBuf},
};

use crate::{
    crash::{Covered, Disk, Fact, MatchedDir, Misfit, Question},
    found::{FoundDir, FoundTree},
    machine::{Hardware, ROOT},
    micro::Ino,
    profile::{CrashModel, NameOrder},
};

/// The reason why no crash leaves a tree that was found.
///
/// It names a smallest part of the tree that no crash leaves: a single name or content, or several that exclude each
/// other.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// The crash model.
    pub model: CrashModel,
    /// The names that exclude each other. If a content is refused, the first name of its file.
    pub paths: Vec<PathBuf>,
    /// The reason, in one line.
    pub reason: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no crash leaves this tree under {}: {}", self.model, self.reason)
    }
}

impl error::Error for Refusal {}

/// Decides whether a crash may leave this tree.
pub(crate) fn is_admitted(disk: &Disk, hardware: &Hardware, found: &FoundTree) -> bool {
    let covered = covered(hardware);
    refused(&Question::new(disk, found, &covered), hardware).is_none()
}

/// Decides whether a crash may leave this tree. An error contains the explanation, which takes many more decisions to
/// find.
pub(crate) fn admits(
    disk: &Disk,
    hardware: &Hardware,
    model: CrashModel,
    found: &FoundTree,
) -> Result<(), Refusal> {
    let covered = covered(hardware);
    let question = Question::new(disk, found, &covered);
    match refused(&question, hardware) {
        None => Ok(()),
        Some((place, path, facts)) => Err(explain(&question, (place, &path), model, facts)),
    }
}

fn covered(hardware: &Hardware) -> BTreeSet<Ino> {
    hardware.mounts().map(|(covered, _)| covered).collect()
}

/// Returns the root of the first volume that no crash leaves as found, and the facts that led to this answer.
fn refused<'q>(
    question: &Question<'q>,
    hardware: &Hardware,
) -> Option<(MatchedDir<'q>, PathBuf, BTreeSet<Fact>)> {
    let mut places: Vec<(Ino, PathBuf)> = vec![(ROOT, PathBuf::from("/"))];
    while let Some((ino, path)) = places.pop() {
        let found = at(question.found, &path);
        debug_assert!(found.is_some(), "{} was found as a mount point", path.display());
        let Some(dir) = found else { continue };
        let place = MatchedDir { dir, ino };
        match question.admits((place, &path), &BTreeSet::new()) {
            Ok(below) => places.extend(mounted(hardware, below)),
            Err(facts) => return Some((place, path, facts)),
        }
    }
    None
}

/// Returns the roots that cover these directories, each with the path at which it was found.
fn mounted(hardware: &Hardware, covered: Covered) -> impl Iterator<Item = (Ino, PathBuf)> {
    let root = |wanted: Ino| hardware.mounts().find(|(covered, _)| *covered == wanted).map(|(_, root)| root);
    covered.into_iter().filter_map(move |(ino, path)| Some((root(ino)?, path)))
}

fn at<'f>(found: &'f FoundTree, path: &Path) -> Option<&'f FoundDir> {
    path.iter().skip(1).try_fold(&found.root, |dir, name| found.dir_in(dir, name))
}

/// Reduces the facts to a smallest set that no crash leaves, and returns the reason.
fn explain<'q>(
    question: &Question<'q>,
    place: (MatchedDir<'q>, &Path),
    model: CrashModel,
    facts: BTreeSet<Fact>,
) -> Refusal {
    let mut ignored: BTreeSet<Fact> = BTreeSet::new();
    let mut left: Vec<Fact> = facts.into_iter().collect();
    let mut size = left.len().div_ceil(2);
    while size > 0 {
        let mut kept: Vec<Fact> = Vec::new();
        for chunk in left.chunks(size) {
            let more: BTreeSet<Fact> = ignored.iter().chain(chunk).cloned().collect();
            if question.admits(place, &more).is_err() {
                ignored = more;
            } else {
                kept.extend(chunk.iter().cloned());
            }
        }
        left = kept;
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
    let left = telling(question.found, &left);
    let paths = left.iter().map(|fact| path_of(question.found, fact)).collect();
    let mut parts: Vec<String> = left.iter().map(|fact| describe(question, place.0, fact)).collect();
    if left.len() > 1 {
        parts.push("no crash leaves all of this".to_owned() + rule(question.disk));
    }
    Refusal { model, paths, reason: parts.join("; ") }
}

/// Removes the facts that only lead to another fact: directories above it, and the name of a file whose content is
/// refused.
fn telling(found: &FoundTree, facts: &[Fact]) -> Vec<Fact> {
    let leads = |fact: &Fact, path: &Path| {
        let other = path_of(found, fact);
        match fact {
            Fact::Name(_) => other != path && other.starts_with(path),
            Fact::Content(_) => other.starts_with(path),
        }
    };
    let is_telling = |fact: &&Fact| match fact {
        Fact::Name(path) => !facts.iter().any(|other| leads(other, path)),
        Fact::Content(_) => true,
    };
    facts.iter().filter(is_telling).cloned().collect()
}

/// The rule that relates several names.
fn rule(disk: &Disk) -> &'static str {
    if disk.journal.iter().all(|micro| micro.binding().is_none()) {
        return "";
    }
    match disk.rules().order {
        NameOrder::Free => ", since a rename may leave both names but never none",
        NameOrder::AsMade => ", since names persist in the order of the calls",
        NameOrder::Logged => {
            ", since names persist in the order of the calls up to a commit, and later ones only if a sync logs them"
        }
    }
}

/// Returns the path of a name, or the first path of a file.
fn path_of(found: &FoundTree, fact: &Fact) -> PathBuf {
    match fact {
        Fact::Name(path) => path.clone(),
        Fact::Content(file) => {
            let path = first_name(found, *file);
            debug_assert!(path.is_some(), "file {file} was found without a name");
            path.unwrap_or_else(|| PathBuf::from(format!("file {file}")))
        }
    }
}

fn first_name(found: &FoundTree, wanted: usize) -> Option<PathBuf> {
    let mut open = vec![(&found.root, PathBuf::from("/"))];
    while let Some((dir, path)) = open.pop() {
        if let Some((name, _)) = dir.files.iter().find(|(_, file)| **file == wanted) {
            return Some(path.join(name));
        }
        let below = dir.dirs.keys().rev();
        open.extend(below.filter_map(|name| Some((found.dir_in(dir, name)?, path.join(name)))));
    }
    None
}

fn describe<'q>(question: &Question<'q>, place: MatchedDir<'q>, fact: &Fact) -> String {
    let path = path_of(question.found, fact);
    let shown = path.display();
    match fact {
        Fact::Content(file) => {
            let bytes = question.found.content(*file).len();
            match question.misfit(*file) {
                Some(Misfit::Byte(at)) => {
                    format!("{shown} has {bytes} bytes, and byte {at} is neither durable nor pending there")
                }
                Some(Misfit::Length(_)) => {
                    format!("{shown} has {bytes} bytes, which is not a possible length")
                }
                None => format!("{shown} has its content of {bytes} bytes"),
            }
        }
        Fact::Name(_) => {
            let parent = path.parent().and_then(|parent| at(question.found, parent));
            let place_of_name = parent.zip(path.file_name());
            let mut names = path.iter().skip(1);
            let on_disk = names.try_fold(place.ino, |dir, name| question.disk.image.lookup(dir, name));
            let is_durable = on_disk.is_some();
            let durable = if is_durable { " (its name is on disk)" } else { "" };
            match place_of_name.map(|(dir, name)| (dir.dirs.contains_key(name), dir.files.get(name))) {
                Some((true, _)) => format!("{shown} is a directory"),
                Some((_, Some(file))) => match first_name(question.found, *file) {
                    Some(first) if first != path => {
                        format!("{shown} is the same file as {}", first.display())
                    }
                    _ => format!("{shown} is a file"),
                },
                _ => format!("{shown} is missing{durable}"),
            }
        }
    }
}

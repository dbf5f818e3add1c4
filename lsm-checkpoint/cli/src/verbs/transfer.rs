//! Functions that `restore` and `copy` share.

use std::path::Path;

use clap::ValueEnum;
use lsm_checkpoint::{CheckpointInfo, Error, Method, Occupant, Policy, is_checkpoint};
use lsm_fs::{DirectorySync, Fs, FsExt, StdFs, parent_of};

use super::verify::Depth;
use crate::{
    exit::Exit,
    failure::Failure,
    record::Record,
    session::{Result, Session},
    text,
};

/// The order in which links, clones and copies are tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PolicyArg {
    /// Clone, else copy. No inode is shared with the checkpoint. A clone shares its blocks until one is written.
    Independent,
    /// Clone, else hard-link, else copy.
    PreferReflink,
    /// Hard-link, else clone, else copy.
    PreferLink,
    /// Hard-link only.
    LinkOnly,
}

impl PolicyArg {
    pub(crate) const fn policy(self) -> Policy {
        match self {
            Self::Independent => Policy::Independent,
            Self::PreferReflink => Policy::PreferReflink,
            Self::PreferLink => Policy::PreferLink,
            Self::LinkOnly => Policy::LinkOnly,
        }
    }
}

/// Refuses a target in a checkpoint, because it would make that checkpoint unsound.
pub(crate) fn refuse_inside(target: &Path) -> Result<()> {
    let parent = parent_of(target);
    let parent = parent.canonicalize().unwrap_or_else(|_| parent.to_path_buf());
    let is_around = |dir: &&Path| is_checkpoint(&StdFs, dir).unwrap_or(false);
    match parent.ancestors().find(is_around) {
        Some(root) => {
            let message =
                format!("{}: the target lies in the checkpoint {}", text::path(target), text::path(root));
            Err(Failure::refused("nested_target", message).hint("choose a target outside the checkpoint"))
        }
        None => Ok(()),
    }
}

/// Makes the failure of a transfer. If space is lacking, the message names the target, because its volume is full.
pub(crate) fn failed(target: &Path, error: Error) -> Failure {
    let is_full = matches!(error, Error::NoSpace { .. });
    let mut failure = Failure::from(error);
    if is_full {
        failure.message = format!("{}: {}", text::path(target), failure.message);
    }
    failure
}

/// Refuses a target that exists, before any long step begins. The library checks again when it makes the target.
pub(crate) fn refuse_existing(target: &Path) -> Result<()> {
    refuse_inside(target)?;
    let parent = parent_of(target);
    if !StdFs.exists(parent)? {
        let message = format!("{}: the directory {} does not exist", text::path(target), text::path(parent));
        return Err(Failure::refused("no_parent", message).hint("create it, or check the path"));
    }
    if !StdFs.exists(target)? {
        return Ok(());
    }
    let is_mount_point = || match (StdFs.volume_id(target), StdFs.volume_id(parent_of(target))) {
        (Ok(here), Ok(above)) => here != above,
        _ => false,
    };
    let occupant = match StdFs.symlink_metadata(target)? {
        metadata if !metadata.is_dir() => Occupant::Other,
        _ if is_mount_point() => Occupant::MountPoint,
        _ if StdFs.read_dir(target)?.is_empty() => Occupant::EmptyDirectory,
        _ => Occupant::Other,
    };
    Err(Error::TargetExists { target: target.to_path_buf(), occupant }.into())
}

/// Chooses the depth of the verification before a transfer. A copy is compared with its checksum while it is made, so a
/// quick verification is enough. A link or a clone is not, so the files are read before. If clones may be possible, the
/// files are read before too, and a file that is then copied is read twice. `parent` is a directory on the volume of
/// the target.
pub(crate) fn depth(checkpoint: &Path, parent: &Path, policy: PolicyArg) -> Depth {
    let is_same = match (StdFs.volume_id(checkpoint), StdFs.volume_id(parent)) {
        (Ok(one), Ok(other)) => one == other,
        _ => true,
    };
    let may_clone = || StdFs.capabilities(parent).map_or(true, |can| can.reflink);
    let may_link = matches!(policy, PolicyArg::PreferLink | PolicyArg::LinkOnly | PolicyArg::PreferReflink);
    if is_same && (may_link || may_clone()) { Depth::Full } else { Depth::Quick }
}

/// Prints the result of a transfer: `verb` is a past participle such as `restored`.
pub(crate) fn show(session: &Session, verb: &'static str, target: &Path, info: &CheckpointInfo) -> Result {
    let methods = Method::ALL.into_iter().map(|method| (method, info.by_method(method)));
    let methods: Vec<_> = methods.filter(|(_, totals)| totals.files > 0).collect();
    let files = info.sst_files + info.blob_files + info.other_files;
    let shown: Vec<_> = methods
        .iter()
        .map(|(method, totals)| {
            // A link to the source was preceded by a full verification. Nothing was read for a link to the base.
            let not_read = if *method == Method::BaseLink { ", not read" } else { "" };
            format!(
                "{}{not_read}: {}, {}",
                method.name(),
                text::count(totals.files, "file"),
                session.size(totals.bytes)
            )
        })
        .collect();
    session.out.line(format!(
        "{}: {verb}, {}, {} ({})",
        text::path(target),
        text::count(files, "file"),
        session.size(info.total_bytes),
        shown.join("; ")
    ));
    let by_method = methods.iter().map(|(method, totals)| {
        let totals =
            serde_json::json!({ "files": totals.files.to_string(), "bytes": totals.bytes.to_string() });
        (method.name().to_owned(), totals)
    });
    let is_durable = info.durability == DirectorySync::Durable;
    session.out.record(
        &Record::new(verb)
            .path("target", target)
            .number("files", files)
            .number("bytes", info.total_bytes)
            .number("seqno", info.seqno)
            .number("version_id", info.version_id)
            .with("by_method", by_method.collect::<serde_json::Map<_, _>>())
            .with("durable", is_durable)
            .number("modes_not_kept", info.modes_not_kept)
            .number("owners_not_kept", info.owners_not_kept),
    );
    note_permissions(session, target, info);
    if is_durable {
        return Ok(Exit::Done);
    }
    Err(Failure::not_durable(target))
}

/// Prints the number of files and directories whose mode or owner could not be set. The engine may be unable to open
/// them.
fn note_permissions(session: &Session, target: &Path, info: &CheckpointInfo) {
    for (refused, attribute) in [(info.modes_not_kept, "mode"), (info.owners_not_kept, "owner and group")] {
        if refused > 0 {
            session.out.note(format!(
                "{}: {refused} files and directories did not get their {attribute}",
                text::path(target)
            ));
        }
    }
}

/// Prints the plan of a dry run. `volume` is a directory on the volume of the target.
pub(crate) fn show_plan(
    session: &Session,
    verb: &'static str,
    (target, volume): (&Path, &Path),
    bytes: u64,
) -> Result {
    let available = StdFs.available_space(volume).ok();
    let space = available.map_or_else(|| "an unknown amount".to_owned(), |bytes| session.size(bytes));
    session.out.line(format!(
        "{}: would be {verb}, {}; {space} available there (dry run)",
        text::path(target),
        session.size(bytes)
    ));
    session.out.record(
        &Record::new("plan")
            .with("action", verb)
            .path("target", target)
            .number("bytes", bytes)
            .number("available_bytes", available),
    );
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lack_of_space_names_the_target() {
        let failure = failed(Path::new("/data/db"), Error::NoSpace { needed: 2048, available: 1024 });
        assert_eq!(
            failure.message,
            "/data/db: 2.0 KiB are needed on the target's volume, but only 1.0 KiB are available"
        );
        assert_eq!(failed(Path::new("/data/db"), Error::Cancelled).message, "interrupted by a signal");
    }
}

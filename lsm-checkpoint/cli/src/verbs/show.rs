//! `show`: prints the catalog of a checkpoint.

use std::path::{Path, PathBuf};

use clap::Args;
use lsm_checkpoint::{Catalog, CatalogFile};
use lsm_fs::StdFs;

use crate::{
    exit::Exit,
    location::resolve,
    record::Record,
    session::{Result, Session},
    table::{Column, Columns},
    text,
};

/// Show the catalog of a checkpoint: its trees and its files.
///
/// Only the catalog is read. To compare it with the files, use `verify`.
#[derive(Args, Debug)]
pub(crate) struct ShowArgs {
    /// A checkpoint, or DIR@latest.
    checkpoint: PathBuf,
}

const COLUMNS: [Column; 5] = [
    Column::text("FILE"),
    Column::number("LENGTH"),
    Column::text("XXH3-128").gives_way(1),
    Column::text("METHOD"),
    Column::text("MODE").gives_way(2),
];

impl ShowArgs {
    pub(crate) fn run(&self, session: &Session) -> Result {
        let path = resolve(session, &self.checkpoint)?;
        show_catalog(session, &path, &Catalog::read(&StdFs, &path)?);
        Ok(Exit::Done)
    }
}

/// Prints a catalog.
pub(crate) fn show_catalog(session: &Session, path: &Path, catalog: &Catalog) {
    let created = text::since_epoch(catalog.created);
    let seqno = catalog.seqno.map_or_else(|| "unknown".to_owned(), |seqno| seqno.to_string());
    session.out.line(format!("checkpoint  {}", text::path(path)));
    session.out.line(format!("identity    {}", identity(catalog)));
    let ago = if created > session.now { "" } else { " ago" };
    session.out.line(format!("made        {} ({}{ago})", session.time(created), session.age(created)));
    session.out.line(format!("up to       {seqno}"));
    session.out.line(format!(
        "holds       {}, {}",
        text::count(catalog.files.len() as u64, "file"),
        session.size(catalog.total_bytes())
    ));
    session.out.record(
        &Record::new("catalog")
            .path("path", path)
            .with("format", catalog.format)
            .with("identity", catalog.identity.as_str())
            .number("seqno", catalog.seqno)
            .time("created", created)
            .number("files", catalog.files.len() as u64)
            .number("bytes", catalog.total_bytes()),
    );
    for tree in &catalog.trees {
        let folder = if tree.folder.is_empty() { "." } else { &tree.folder };
        session.out.line(format!("tree        {folder}, version {}", tree.version_id));
        session.out.record(
            &Record::new("tree")
                .with("folder", tree.folder.as_str())
                .number("version_id", tree.version_id)
                .with("folders", tree.folders.clone()),
        );
    }
    let mut table = Columns::new(COLUMNS);
    for file in &catalog.files {
        table.row(cells(session, catalog, file));
        session.out.record(&record(catalog, file));
    }
    session.out.line("");
    session.out.lines(&table.show());
}

fn identity(catalog: &Catalog) -> &str {
    if catalog.identity.is_empty() { "none: the catalog is of format 1" } else { &catalog.identity }
}

fn cells(session: &Session, catalog: &Catalog, file: &CatalogFile) -> Vec<String> {
    vec![
        text::path(&catalog.path_of(file)),
        session.size(file.len),
        file.checksum.map_or_else(|| "-".to_owned(), |checksum| format!("{checksum:032x}")),
        file.method.name().to_owned(),
        file.attributes.mode.map_or_else(|| "-".to_owned(), |mode| format!("{mode:04o}")),
    ]
}

fn record(catalog: &Catalog, file: &CatalogFile) -> Record {
    Record::new("file")
        .path("path", &catalog.path_of(file))
        .with("kind", kind(file))
        .number("bytes", file.len)
        .checksum("xxh3_128", file.checksum)
        .with(
            "sha256",
            file.sha256.map(|sum| sum.iter().map(|byte| format!("{byte:02x}")).collect::<String>()),
        )
        .with("method", file.method.name())
        .with("linkable", file.linkable)
        .number("allocated_bytes", file.allocated_bytes)
        .with("mode", file.attributes.mode)
        .with("owner", file.attributes.owner)
        .with("group", file.attributes.group)
}

/// Returns the word for the kind of a file.
pub(crate) fn kind(file: &CatalogFile) -> &'static str {
    use lsm_checkpoint::FileKind;
    match file.kind {
        FileKind::Table => "table",
        FileKind::Blob => "blob",
        FileKind::Metadata => "metadata",
        _ => "other",
    }
}

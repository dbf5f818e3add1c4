//! `du`: the storage of a directory of checkpoints.

use std::{collections::HashMap, path::PathBuf};

use clap::Args;
use lsm_checkpoint::{CATALOG_FILE, Catalog, CheckpointState, Method};
use lsm_fs::{FileId, Fs, StdFs};

use crate::{
    around::no_checkpoints,
    exit::Exit,
    failure::{of_error, of_fs},
    record::{Record, of_path},
    session::{Result, Session},
    table::{Column, Columns},
    text,
};

/// Show the storage of each checkpoint, and the storage that its removal would free.
///
/// Files are counted by inode, so the total counts a shared file once. Clones share storage invisibly. Their bytes are
/// an upper bound and have a column of their own.
#[derive(Args, Debug)]
pub(crate) struct DuArgs {
    /// The directory that holds the checkpoints.
    dir: PathBuf,
}

/// An inode with a name in at least one checkpoint.
#[derive(Debug, Default)]
struct Inode {
    bytes: u64,
    /// The number of all its names, wherever they are.
    links: u64,
    /// The number of its names in checkpoints.
    seen: u64,
}

/// The inodes of one checkpoint, each with the number of its names there.
#[derive(Debug)]
struct Used {
    name: std::ffi::OsString,
    inodes: HashMap<FileId, u64>,
    /// Bytes of files that are clones.
    cloned_bytes: u64,
}

/// All inodes of a directory of checkpoints.
#[derive(Debug, Default)]
struct Usage {
    inodes: HashMap<FileId, Inode>,
    checkpoints: Vec<Used>,
}

/// The figures of one checkpoint, or of all.
#[derive(Debug, Default)]
struct Figures {
    bytes: u64,
    freed_bytes: u64,
    shared_bytes: u64,
}

impl DuArgs {
    pub(crate) fn run(&self, session: &Session) -> Result {
        let (usage, exit) = self.measure(session)?;
        if usage.checkpoints.is_empty() {
            no_checkpoints(session, &self.dir)?;
            return Ok(exit);
        }
        let mut table = Columns::new([
            Column::text("NAME"),
            Column::number("SIZE"),
            Column::number("FREED BY REMOVAL"),
            Column::number("SHARED"),
            Column::number("CLONED"),
        ]);
        for used in &usage.checkpoints {
            let figures = usage.of(used);
            table.row([
                text::name(&used.name),
                session.size(figures.bytes),
                session.size(figures.freed_bytes),
                session.size(figures.shared_bytes),
                session.size(used.cloned_bytes),
            ]);
            let record = Record::new("usage").with("name", of_path(&used.name));
            session.out.record(&figures.record(record, used.cloned_bytes));
        }
        let all = usage.of_all();
        let cloned = usage.checkpoints.iter().fold(0, |sum: u64, used| sum.saturating_add(used.cloned_bytes));
        table.row([
            "total".to_owned(),
            session.size(all.bytes),
            session.size(all.freed_bytes),
            session.size(all.shared_bytes),
            session.size(cloned),
        ]);
        session.out.lines(&table.show());
        session.out.record(&all.record(Record::new("total_usage").path("directory", &self.dir), cloned));
        if cloned > 0 {
            session.out.note("clones share storage invisibly, so a removal may free less");
        }
        Ok(exit)
    }

    fn measure(&self, session: &Session) -> Result<(Usage, Exit)> {
        let (mut usage, mut exit) = (Usage::default(), Exit::Done);
        for listed in session.list(&self.dir)? {
            session.signals.check()?;
            if matches!(listed.state, CheckpointState::Staged) {
                session
                    .out
                    .note(format!("{}: not counted: an unfinished checkpoint", text::name(&listed.name)));
                continue;
            }
            if let (None, CheckpointState::Unreadable(error)) = (&listed.contents, &listed.state) {
                session.out.note(format!("not counted: {}", of_error(error)));
                exit = Exit::Unsound;
                continue;
            }
            let path = self.dir.join(&listed.name);
            let catalog = Catalog::read(&StdFs, &path)?;
            let mut used = Used { name: listed.name, inodes: HashMap::new(), cloned_bytes: 0 };
            let files = catalog.files.iter().map(|file| (catalog.path_of(file), file.method));
            for (file, method) in files.chain([(PathBuf::from(CATALOG_FILE), Method::Written)]) {
                match StdFs.symlink_metadata(&path.join(&file)) {
                    Ok(metadata) => usage.add(&mut used, &metadata, method),
                    Err(error) => {
                        session.out.note(format!("not counted: {}", of_fs::message(&error)));
                        exit = Exit::Unsound;
                    }
                }
            }
            usage.checkpoints.push(used);
        }
        Ok((usage, exit))
    }
}

impl Usage {
    fn add(&mut self, used: &mut Used, metadata: &lsm_fs::FsMetadata, method: Method) {
        let Some(id) = metadata.file_id else { return };
        let bytes = metadata.allocated_bytes.unwrap_or(metadata.len);
        let inode = self.inodes.entry(id).or_default();
        inode.bytes = bytes;
        inode.links = metadata.link_count.unwrap_or(1);
        inode.seen += 1;
        *used.inodes.entry(id).or_default() += 1;
        if method == Method::Reflink {
            used.cloned_bytes = used.cloned_bytes.saturating_add(bytes);
        }
    }

    /// Returns the figures of one checkpoint. Its removal frees the inodes that have no other name.
    fn of(&self, used: &Used) -> Figures {
        let inodes = used.inodes.iter().filter_map(|(id, names)| Some((self.inodes.get(id)?, *names)));
        Figures::of(inodes)
    }

    /// Returns the figures of all checkpoints. Removing them all frees each inode whose names are all in checkpoints.
    fn of_all(&self) -> Figures {
        Figures::of(self.inodes.values().map(|inode| (inode, inode.seen)))
    }
}

impl Figures {
    /// Sums up inodes. Each comes with the number of names that a removal would take.
    fn of<'i>(inodes: impl Iterator<Item = (&'i Inode, u64)>) -> Self {
        let mut figures = Self::default();
        for (inode, names) in inodes {
            figures.bytes = figures.bytes.saturating_add(inode.bytes);
            let sum = if names >= inode.links { &mut figures.freed_bytes } else { &mut figures.shared_bytes };
            *sum = sum.saturating_add(inode.bytes);
        }
        figures
    }

    fn record(&self, record: Record, cloned_bytes: u64) -> Record {
        record
            .number("allocated_bytes", self.bytes)
            .number("freed_bytes", self.freed_bytes)
            .number("shared_bytes", self.shared_bytes)
            .number("cloned_bytes", cloned_bytes)
    }
}

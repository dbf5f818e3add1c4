//! The adapter of the engine, and its [`Tree`] for the suite.

use std::{path::Path, sync::Arc};

use lsm_checkpoint::{
    BoxError, Capture, CheckpointSource, DeletionPause, FileKind, ManifestTarget, Snapshot, SourceFile,
    SourceRoot,
    conformance::{Contents, Reader, Tree},
};
use lsm_fs::Fs;

use super::{
    files::{Table, Version},
    layout::Layout,
    mini::Mini,
    mistake::Mistake,
};

pub(super) fn open(
    fs: &Arc<dyn Fs>,
    dir: &Path,
    layout: Layout,
    mistake: Mistake,
) -> Result<Box<dyn Tree>, BoxError> {
    Ok(Box::new(Mini::open(fs, dir, layout, mistake)?))
}

impl Tree for Mini {
    fn put(&self, key: &[u8], value: &[u8]) -> Result<Option<u64>, BoxError> {
        self.write(key, Some(value)).map(Some)
    }

    fn delete(&self, key: &[u8]) -> Result<Option<u64>, BoxError> {
        self.write(key, None).map(Some)
    }

    fn flush(&self) -> Result<(), BoxError> {
        self.flush()
    }

    fn compact(&self) -> Result<(), BoxError> {
        self.compact()
    }

    fn contents(&self) -> Result<Contents, BoxError> {
        Ok(self.contents(None))
    }

    fn source(&self) -> Box<dyn CheckpointSource + '_> {
        Box::new(self)
    }

    fn reader(&self) -> Option<Reader<'_>> {
        let moment = Moment(self, self.add_reader());
        Some(Box::new(move || Ok(moment.read())))
    }
}

/// An engine that claims to unlink in the background.
pub(super) struct InBackground(pub(super) Box<dyn Tree>);

impl Tree for InBackground {
    fn put(&self, key: &[u8], value: &[u8]) -> Result<Option<u64>, BoxError> {
        self.0.put(key, value)
    }

    fn delete(&self, key: &[u8]) -> Result<Option<u64>, BoxError> {
        self.0.delete(key)
    }

    fn flush(&self) -> Result<(), BoxError> {
        self.0.flush()
    }

    fn compact(&self) -> Result<(), BoxError> {
        self.0.compact()
    }

    fn contents(&self) -> Result<Contents, BoxError> {
        self.0.contents()
    }

    fn source(&self) -> Box<dyn CheckpointSource + '_> {
        self.0.source()
    }

    fn unlinks_in_background(&self) -> bool {
        true
    }
}

/// An open reader.
struct Moment<'a>(&'a Mini, u64);

impl Moment<'_> {
    fn read(&self) -> Contents {
        self.0.contents(Some(self.1))
    }
}

impl Drop for Moment<'_> {
    fn drop(&mut self) {
        self.0.remove_reader(self.1);
    }
}

impl CheckpointSource for Mini {
    fn roots(&self) -> Vec<SourceRoot> {
        let root = match self.mistake {
            Mistake::ForgetsARoot => self.dir.join("tables"),
            _ => self.dir.clone(),
        };
        vec![SourceRoot::new(Arc::clone(&self.fs), root)]
    }

    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        Some(&self.pause)
    }

    fn identity(&self) -> String {
        let version = &self.state().version;
        match self.mistake {
            Mistake::ChangesItsIdentity => format!("mini {:x} {}", version.identity, version.opened),
            Mistake::SharesItsIdentity => "mini".to_owned(),
            _ => format!("mini {:x}", version.identity),
        }
    }

    fn visible_seqno(&self) -> Option<u64> {
        let last = self.state().seqno;
        match self.mistake {
            Mistake::GivesTheNextNumber => Some(last + 1),
            _ => Some(last).filter(|&last| last > 0),
        }
    }

    fn flush(&self) -> Result<(), BoxError> {
        match self.mistake {
            Mistake::FlushesNothing => Ok(()),
            Mistake::ForgetsReadersInItsFlush => {
                let state = &mut *self.state();
                let now = state.seqno;
                self.flush_at(state, Some(now))
            }
            _ => self.flush(),
        }
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        if self.mistake == Mistake::KeepsAGuard {
            self.kept.lock().unwrap().push(self.pause.acquire());
        }
        if self.mistake == Mistake::UnlinksLaterUntilACapture {
            *self.later.lock().unwrap() = None;
        }
        let state = self.state();
        Ok(Capture::one(Held { mini: self, version: Arc::clone(&state.version), logged: state.logged }))
    }
}

struct Held<'a> {
    mini: &'a Mini,
    version: Arc<Version>,
    logged: u64,
}

impl Held<'_> {
    fn files_of(&self, table: &Table) -> Vec<SourceFile> {
        let Mini { fs, dir, layout, mistake, .. } = self.mini;
        let [tables, blobs, _] = layout.kinds();
        let file = |kind, path, (len, sum): (u64, u128)| {
            let len = if *mistake == Mistake::GivesAWrongLength { len + 1 } else { len };
            let sum = if *mistake == Mistake::GivesAWrongChecksum { sum + 1 } else { sum };
            SourceFile::immutable(kind, Arc::clone(fs), path, len).checksum(sum)
        };
        let mut files = vec![file(tables, layout.table(dir, table.id), table.data)];
        if let Some(blob) = table.blob.filter(|_| *mistake != Mistake::ForgetsBlobs) {
            files.push(file(blobs, layout.blob(dir, table.id), blob));
        }
        files
    }
}

impl Snapshot for Held<'_> {
    fn version_id(&self) -> u64 {
        self.version.id
    }

    fn files(&self) -> Result<Vec<SourceFile>, BoxError> {
        let Mini { fs, dir, layout, mistake, .. } = self.mini;
        let version = match mistake {
            Mistake::ListsTheLiveFiles => Arc::clone(&self.mini.state().version),
            _ => Arc::clone(&self.version),
        };
        let mut files: Vec<_> = version.tables.iter().flat_map(|table| self.files_of(table)).collect();
        let log = layout.log(dir, self.version.log);
        let [_, _, logs] = layout.kinds();
        if *mistake == Mistake::LinksTheLog && fs.metadata(&log).is_ok() {
            files.push(SourceFile::immutable(logs, Arc::clone(fs), log, None));
        } else if *layout == Layout::Flat && self.logged > 0 {
            files.push(SourceFile::prefix(logs, Arc::clone(fs), log, self.logged));
        }
        Ok(files)
    }

    fn folders(&self) -> Vec<FileKind> {
        if self.mini.mistake == Mistake::ForgetsItsFolders {
            return Vec::new();
        }
        let kinds = self.mini.layout.kinds();
        kinds.into_iter().filter(|kind| *kind != FileKind::Metadata).collect()
    }

    fn write_manifest(&self, target: &ManifestTarget<'_>) -> Result<(), BoxError> {
        let mut version = (*self.version).clone();
        match self.mini.mistake {
            Mistake::WritesTheLiveManifest => version = (*self.mini.state().version).clone(),
            Mistake::StoresTheLiveNumber => version.seqno = self.mini.state().seqno,
            Mistake::KeepsItsPath => version.dir = Some(self.mini.dir.to_str().unwrap().to_owned()),
            _ => {}
        }
        match self.mini.layout.write(target, &version) {
            Err(_) if self.mini.mistake == Mistake::HidesErrorsOfTheTarget => Ok(()),
            written => written,
        }
    }
}

//! Refuses a push that is too large, before it registers a writer or sends anything.

use super::survey::Survey;
use crate::{
    error::{Error, Result},
    format::{Backup, CATALOG_MAX, CatalogLength, CatalogPlace, HEAD_MAX, Head, RefsPlace, StoredFile},
    id::{Nonce, WriterId},
    key::{CATALOGS, Key, ObjectName},
    session::Session,
};

/// Compares the catalog of the push, and the newest state with the backup in it, with the limits of readers. The state
/// can grow until the commit, which compares again.
///
/// # Errors
///
/// [`TooLarge`](Error::TooLarge).
pub(super) fn check(session: &Session, head: &Head, survey: &Survey) -> Result<()> {
    let len = catalog(survey)?;
    Error::if_too_large(CATALOGS, len, CATALOG_MAX)?;
    let key = Key::Head(head.number.saturating_add(1));
    let mut next = head.clone();
    next.backups.retain(|backup| backup.id != survey.id);
    next.backups.push(entry(survey, session.access.options.environment.unix_time(), len));
    let encoded = next.encode().map_err(|defect| Error::defect(key, defect))?;
    Error::if_too_large(key, encoded.len() as u64, HEAD_MAX)
}

/// Returns the length of the catalog. Each file that is not empty has its object and its digests.
fn catalog(survey: &Survey) -> Result<u64> {
    let mut length = CatalogLength::new(survey.checkpoint.len());
    for file in &survey.files {
        length.add_file(&StoredFile {
            path: file.path.clone(),
            len: file.len,
            object: (file.len > 0).then_some(0),
            checksum: file.checksum,
            pieces: Vec::new(),
            permissions: file.permissions,
        });
    }
    survey.folders.iter().for_each(|folder| length.add_folder(folder));
    length.finish().map_err(|defect| Error::defect(CATALOGS, defect))
}

/// Makes an entry as long as the one that the push commits. The length does not depend on names and digests.
fn entry(survey: &Survey, pushed: std::time::Duration, len: u64) -> Backup {
    let name = ObjectName { writer: WriterId([0; 16]), nonce: Nonce([0; 16]) };
    let refs = RefsPlace { offset: 0, len: 0, sha256: [0; 32] };
    Backup {
        id: survey.id,
        source: survey.source.clone(),
        seqno: survey.seqno,
        created: survey.created,
        pushed,
        files: survey.files.len() as u64,
        bytes: survey.bytes(),
        catalog: CatalogPlace { name, len, sha256: [0; 32], refs },
    }
}

#[cfg(test)]
mod tests {
    use std::{path::Path, sync::Arc};

    use futures::FutureExt;
    use lsm_checkpoint::{
        BoxError, Capture, CheckpointSource, DeletionPause, FileKind, PinnedSnapshot, SourceFile, SourceRoot,
        run_checkpoint,
    };
    use lsm_fs_mem::MemFs;

    use super::{super::survey::LocalFile, *};
    use crate::{
        format::RegisteredWriter, id::BackupId, key::DATA, location::Location, options::Options,
        push::PushOptions, repository::Repository,
    };

    fn survey(file: u64) -> Survey {
        let file = LocalFile { path: "tables/1".to_owned(), len: file, checksum: Some(7), permissions: None };
        let (checkpoint, source) = (vec![1; 100], "db".to_owned());
        let (created, folders) = Default::default();
        Survey { id: BackupId([9; 16]), checkpoint, source, seqno: None, created, files: vec![file], folders }
    }

    #[test]
    fn a_catalog_that_no_client_would_read_is_known_from_the_lengths() {
        // 32 bytes for each MiB.
        let most = (CATALOG_MAX / 32 - 1000) << 20;
        assert!(catalog(&survey(most)).unwrap() <= CATALOG_MAX);
        assert!(catalog(&survey(most + (1000 << 20))).unwrap() > CATALOG_MAX);
        assert!(catalog(&survey(u64::MAX)).unwrap() > CATALOG_MAX, "a file with holes");
    }

    struct Db;

    impl CheckpointSource for Db {
        fn roots(&self) -> Vec<SourceRoot> {
            Vec::new()
        }

        fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
            None
        }

        fn identity(&self) -> String {
            "x".repeat(255)
        }

        fn visible_seqno(&self) -> Option<u64> {
            None
        }

        fn flush(&self) -> Result<(), BoxError> {
            Ok(())
        }

        fn capture(&self) -> Result<Capture<'_>, BoxError> {
            let table = SourceFile::bytes(FileKind::Table, "1", *b"rows");
            Ok(Capture::one(PinnedSnapshot::new(1, ()).files([table]).metadata("CURRENT", *b"1")))
        }
    }

    /// Returns backups that leave 350 bytes of a state free: enough for a writer, and too few for the backup of `Db`.
    fn full(head: &Head) -> Vec<Backup> {
        let backup = |n: u64| {
            let mut survey = survey(0);
            survey.id.0[..8].copy_from_slice(&n.to_le_bytes());
            survey.source = "x".repeat(100);
            entry(&survey, std::time::Duration::ZERO, 0)
        };
        let backups = |count| (0..count).map(backup).collect::<Vec<_>>();
        let len = |backups| Head { backups, ..head.clone() }.encode().unwrap().len() as u64;
        let each = (len(backups(2000)) - len(backups(1000))) / 1000;
        let fewer = HEAD_MAX / each - 100;
        let mut full = backups(fewer + (HEAD_MAX - 350 - len(backups(fewer))) / each);
        let mut free = usize::try_from(HEAD_MAX - 350 - len(full.clone())).unwrap();
        for backup in full.iter_mut().rev().take(3) {
            let more = free.min(155);
            backup.source.push_str(&"x".repeat(more));
            free -= more;
        }
        assert_eq!(len(full.clone()), HEAD_MAX - 350);
        full
    }

    #[test]
    fn a_backup_for_which_the_state_has_no_room_is_refused_before_it_is_sent() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let repository = Repository::init(Location::memory(), Options::new()).await.unwrap();
            let session = repository.session();
            let first = session.newest().await.unwrap();
            let backups = full(&first.head);
            let next = Head { number: 1, previous: first.sha256, backups, ..first.head };
            let bytes = bytes::Bytes::from(next.encode().unwrap());
            let _ = session.access.create(Key::Head(1), bytes).await;
            let writer = RegisteredWriter {
                id: WriterId([1; 16]),
                host: "x".repeat(64),
                process: 1,
                started: std::time::Duration::ZERO,
                registered_in: 2,
            };
            let registered = Head { writers: vec![writer], ..next }.encode().unwrap().len() as u64;
            assert!(registered <= HEAD_MAX, "a push can still register");

            let fs = MemFs::new();
            run_checkpoint(&Db, &fs, Path::new("/checkpoint")).unwrap();
            let pushed = repository.push(Arc::new(fs), Path::new("/checkpoint"), &PushOptions::new()).await;
            let error = pushed.unwrap_err();
            assert!(matches!(error, Error::TooLarge { limit: HEAD_MAX, .. }), "{error}");
            assert_eq!(session.newest().await.unwrap().head.number, 1, "no writer was registered");
            assert!(session.access.list(DATA).next().now_or_never().unwrap().unwrap().is_none());
        });
    }
}

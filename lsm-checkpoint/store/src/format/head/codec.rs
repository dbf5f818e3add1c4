//! Encodes and decodes a state.

use std::{collections::BTreeSet, time::Duration};

use super::super::{
    archive::{self, Archive, Sections, put_version, take_version},
    cursor::{Cursor, put_record, put_text, put_u32, put_u64},
};
use super::{Backup, CatalogPlace, Forgotten, Head, RefsPlace, RegisteredWriter};
use crate::{
    defect::Defect,
    id::{BackupId, Nonce, RepositoryId, TransactionId, WriterId},
    key::ObjectName,
};

const FILE: &str = "head";
const STATE: &str = "head";
const BACKUPS: &str = "backups";
const FORGOTTEN: &str = "forgotten";
const WRITERS: &str = "writers";

const TEXT_MAX: usize = 255;
const WITH_SEQNO: u32 = 1;
const WITH_TIME: u32 = 1;

pub(super) fn encode(head: &Head) -> Result<Vec<u8>, Defect> {
    let mut state = Vec::new();
    put_version(&mut state);
    put_record(&mut state, |out| {
        put_u32(out, 0);
        put_u64(out, head.number);
        out.extend_from_slice(&head.repository.0);
        out.extend_from_slice(&head.previous);
        out.extend_from_slice(&head.transaction.0);
        for count in [head.backups.len(), head.forgotten.len(), head.writers.len()] {
            put_u64(out, count as u64);
        }
    });
    let mut sections = vec![(STATE.to_owned(), state)];
    sections.extend(list(BACKUPS, &head.backups, put_backup));
    sections.extend(list(FORGOTTEN, &head.forgotten, put_forgotten));
    sections.extend(list(WRITERS, &head.writers, put_writer));
    archive::encode(FILE, &sections)
}

fn list<T>(name: &'static str, items: &[T], put: fn(&mut Vec<u8>, &T)) -> Vec<archive::Section> {
    let mut sections = Sections::new(name);
    for item in items {
        let mut record = Vec::new();
        put_record(&mut record, |out| put(out, item));
        sections.push(&record);
    }
    sections.finish()
}

fn put_backup(out: &mut Vec<u8>, backup: &Backup) {
    put_u32(out, backup.seqno.map_or(0, |_| WITH_SEQNO));
    out.extend_from_slice(&backup.id.0);
    put_text(out, &backup.source);
    put_u64(out, millis(backup.created));
    put_u64(out, millis(backup.pushed));
    put_u64(out, backup.files);
    put_u64(out, backup.bytes);
    let CatalogPlace { name, len, sha256, refs } = &backup.catalog;
    out.extend_from_slice(&name.writer.0);
    out.extend_from_slice(&name.nonce.0);
    put_u64(out, *len);
    out.extend_from_slice(sha256);
    put_u64(out, refs.offset);
    put_u64(out, refs.len);
    out.extend_from_slice(&refs.sha256);
    if let Some(seqno) = backup.seqno {
        put_u64(out, seqno);
    }
}

fn put_forgotten(out: &mut Vec<u8>, forgotten: &Forgotten) {
    put_u32(out, forgotten.seen.map_or(0, |_| WITH_TIME));
    if let Some(seen) = forgotten.seen {
        put_u64(out, millis(seen));
    }
    put_record(out, |out| put_backup(out, &forgotten.backup));
}

fn put_writer(out: &mut Vec<u8>, writer: &RegisteredWriter) {
    put_u32(out, 0);
    out.extend_from_slice(&writer.id.0);
    put_text(out, &writer.host);
    put_u32(out, writer.process);
    put_u64(out, millis(writer.started));
    put_u64(out, writer.registered_in);
}

pub(super) fn decode(bytes: Vec<u8>) -> Result<Head, Defect> {
    let archive = Archive::open(FILE, bytes)?;
    let state = archive.section(STATE)?;
    let mut from = Cursor::new(&state);
    take_version(&mut from)?;
    let mut record = from.record()?;
    let _flags = record.u32()?;
    let number = record.u64()?;
    let (repository, previous) = (RepositoryId(record.take()?), record.take()?);
    let transaction = TransactionId(record.take()?);
    let counts = [record.u64()?, record.u64()?, record.u64()?];
    let head = Head {
        backups: items(&archive, BACKUPS, take_backup)?,
        forgotten: items(&archive, FORGOTTEN, take_forgotten)?,
        writers: items(&archive, WRITERS, take_writer)?,
        ..Head { number, previous, ..Head::first(repository, transaction) }
    };
    let found = [head.backups.len(), head.forgotten.len(), head.writers.len()].map(|count| count as u64);
    let ids: BTreeSet<_> = head.referenced().map(|backup| backup.id).collect();
    if !from.is_empty() || counts != found || ids.len() as u64 != counts[0].saturating_add(counts[1]) {
        return Err(Defect::Records);
    }
    Ok(head)
}

fn items<T>(
    archive: &Archive,
    name: &str,
    take: fn(&mut Cursor<'_>) -> Result<T, Defect>,
) -> Result<Vec<T>, Defect> {
    let mut items = Vec::new();
    archive.each(name, |payload| {
        let mut from = Cursor::new(payload);
        while !from.is_empty() {
            items.push(take(&mut from.record()?)?);
        }
        Ok(())
    })?;
    Ok(items)
}

fn take_backup(from: &mut Cursor<'_>) -> Result<Backup, Defect> {
    let flags = from.u32()?;
    let id = BackupId(from.take()?);
    let source = from.text(TEXT_MAX)?;
    let (created, pushed) = (time(from)?, time(from)?);
    let (files, bytes) = (from.u64()?, from.u64()?);
    let name = ObjectName { writer: WriterId(from.take()?), nonce: Nonce(from.take()?) };
    let (len, sha256) = (from.u64()?, from.take()?);
    let refs = RefsPlace { offset: from.u64()?, len: from.u64()?, sha256: from.take()? };
    let catalog = CatalogPlace { name, len, sha256, refs };
    let seqno = from.optional(flags & WITH_SEQNO != 0, Cursor::u64)?;
    Ok(Backup { id, source, seqno, created, pushed, files, bytes, catalog })
}

fn take_forgotten(from: &mut Cursor<'_>) -> Result<Forgotten, Defect> {
    let flags = from.u32()?;
    let seen = from.optional(flags & WITH_TIME != 0, time)?;
    Ok(Forgotten { seen, backup: take_backup(&mut from.record()?)? })
}

fn take_writer(from: &mut Cursor<'_>) -> Result<RegisteredWriter, Defect> {
    let _flags = from.u32()?;
    Ok(RegisteredWriter {
        id: WriterId(from.take()?),
        host: from.text(TEXT_MAX)?,
        process: from.u32()?,
        started: time(from)?,
        registered_in: from.u64()?,
    })
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn time(from: &mut Cursor<'_>) -> Result<Duration, Defect> {
    from.u64().map(Duration::from_millis)
}

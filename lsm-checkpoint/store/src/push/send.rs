//! Sends the files that the repository does not have.

mod parts;

use std::sync::Arc;

use object_store::CopyOptions;

use super::{
    Push,
    known::{Files, Origin, Stored},
    survey::LocalFile,
};
use crate::{
    environment::blocking,
    error::{Error, Result},
    format::ObjectRef,
    id::WriterId,
    key::Key,
    memory::Finished,
    meter::Step,
};

impl Push<'_> {
    /// Stores each file under a name that the commit can use: a name of this writer or of a backup.
    pub(super) async fn send_missing(&self, writer: WriterId, files: &Files) -> Result<()> {
        let concurrency = self.session.access.options.concurrency;
        let all = 0..self.survey.files.len();
        self.meter.each(concurrency, all, |at| self.bring(writer, files, at)).await?;
        files.count();
        Ok(())
    }

    async fn bring(&self, writer: WriterId, files: &Files, at: usize) -> Result<()> {
        self.meter.ask()?;
        let Some(file) = self.survey.files.get(at) else { return Ok(()) };
        let stored = match files.get(at) {
            Some(stored) if self.is_usable(writer, files, at, &stored) => stored,
            Some(stored) => match self.copy(writer, &stored).await? {
                Some(copied) => copied,
                None => self.send(writer, files, at, file).await?,
            },
            None => self.send(writer, files, at, file).await?,
        };
        self.note(file, &stored).await;
        if !files.is_counted() {
            // The bytes of a file that was sent are counted already.
            let bytes = if stored.origin == Origin::Sent { 0 } else { file.len };
            self.meter.did(Step { files: 1, bytes, sent: 0 })?;
        }
        files.set(at, stored);
        Ok(())
    }

    /// Returns `true` unless the object belongs to another writer of this push, which was fenced.
    fn is_usable(&self, writer: WriterId, files: &Files, at: usize, stored: &Stored) -> bool {
        let Some(object) = stored.object.filter(|object| object.name.writer != writer) else { return true };
        let candidate = files.candidates.get(at).and_then(Option::as_ref);
        candidate.and_then(|candidate| candidate.stored.object).is_some_and(|known| known.name == object.name)
    }

    /// Copies an object of a fenced writer within the store. Returns `None` if that is refused.
    async fn copy(&self, writer: WriterId, stored: &Stored) -> Result<Option<Stored>> {
        let Some(ObjectRef { name, len }) = stored.object else { return Ok(Some(stored.clone())) };
        let access = &self.session.access;
        let new = self.session.new_name(writer)?;
        let (from, to) = (Key::Data(name), Key::Data(new));
        let [old_path, new_path] = [from, to].map(|key| access.path(&key.to_string()));
        let copy = access.store(to).copy_opts(&old_path, &new_path, CopyOptions::default());
        if access.watched(copy).await?.is_err() {
            return Ok(None);
        }
        let is_whole = access.stat(to).await?.is_some_and(|stat| stat.len == len);
        let object = Some(ObjectRef { name: new, len });
        Ok(is_whole.then(|| Stored { object, pieces: stored.pieces.clone(), origin: Origin::Copied }))
    }

    async fn send(&self, writer: WriterId, files: &Files, at: usize, file: &LocalFile) -> Result<Stored> {
        if let Some(known) = self.compare(files, at, file).await? {
            return Ok(known);
        }
        let access = &self.session.access;
        if file.len > access.sent_part() {
            return self.send_in_parts(writer, file).await;
        }
        let _permit = access.permit(file.len).await;
        let (source, wanted) = (Arc::clone(&self.source), file.clone());
        let read = blocking(&*access.options.environment, move || {
            let mut reading = source.open(&wanted)?;
            let bytes = reading.next(wanted.len)?.unwrap_or_default();
            Ok::<_, Error>((bytes, reading.pieces))
        });
        let (bytes, pieces) = read.await.map_err(Error::System)??;
        access.pace(file.len).await?;
        let name = self.session.put_new(writer, Key::Data, bytes).await?;
        self.meter.did(Step { bytes: file.len, sent: file.len, files: 0 })?;
        Ok(Stored { object: Some(ObjectRef { name, len: file.len }), pieces, origin: Origin::Sent })
    }

    /// Reads a file that may be the same as in the last backup. Returns the object if it is.
    async fn compare(&self, files: &Files, at: usize, file: &LocalFile) -> Result<Option<Stored>> {
        let Some(candidate) = files.candidates.get(at).and_then(Option::as_ref) else { return Ok(None) };
        let (source, wanted, meter) = (Arc::clone(&self.source), file.clone(), Arc::clone(&self.meter));
        let environment = &*self.session.access.options.environment;
        let digest = move || source.digest(&wanted, &meter);
        let pieces = blocking(environment, digest).await.map_err(Error::System)??;
        Ok((pieces == candidate.stored.pieces).then(|| candidate.stored.clone()))
    }

    /// Records a file of this writer, so that a later push can resume if this one is killed.
    async fn note(&self, file: &LocalFile, stored: &Stored) {
        let Some(object) = stored.object.filter(|_| stored.origin != Origin::Known) else { return };
        let pieces = stored.pieces.clone();
        let (path, checksum) = (file.path.clone(), file.checksum);
        let finished = Finished { path, name: object.name, len: file.len, checksum, pieces };
        self.session.memory.sent(self.survey.id, &finished).await;
    }
}

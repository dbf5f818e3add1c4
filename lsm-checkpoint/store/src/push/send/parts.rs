//! Sends a long file in parts.

use std::{pin::pin, sync::Arc};

use futures::{
    StreamExt,
    future::{Either, select},
    stream::FuturesUnordered,
};
use object_store::{MultipartUpload, PutMultipartOptions, PutPayload};

use super::super::{
    PARTING, Push,
    known::{Origin, Stored},
    source::Reading,
    survey::LocalFile,
};
use crate::{
    access::Right,
    environment::blocking,
    error::{Error, Result},
    format::{ObjectRef, PIECE, Sha256},
    id::WriterId,
    key::{DATA, Key, ObjectName},
    meter::Step,
};

/// The maximum number of parts. S3 allows 10,000, so this leaves room.
const PARTS: u64 = 9_000;

/// The reason why the parts of an attempt were not sent.
enum Stop {
    /// The store has failed.
    Store(object_store::Error),
    /// The file cannot be read, or the caller has cancelled.
    Own(Error),
}

impl From<object_store::Error> for Stop {
    fn from(error: object_store::Error) -> Self {
        Self::Store(error)
    }
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Own(error)
    }
}

/// The end of an attempt.
enum Attempt {
    Sent(Vec<Sha256>),
    /// The store has failed. Another attempt under another name may succeed.
    Failed(object_store::Error),
}

impl Push<'_> {
    pub(super) async fn send_in_parts(&self, writer: WriterId, file: &LocalFile) -> Result<Stored> {
        let file_in_store = format!("{DATA}/{writer} ({})", file.path);
        let mut attempts = self.session.access.attempts(file_in_store, Right::Write);
        loop {
            let name = self.session.new_name(writer)?;
            match self.attempt(name, file).await? {
                Attempt::Sent(pieces) => {
                    return Ok(Stored {
                        object: Some(ObjectRef { name, len: file.len }),
                        pieces,
                        origin: Origin::Sent,
                    });
                }
                Attempt::Failed(error) => attempts.next(error).await?,
            }
        }
    }

    async fn attempt(&self, name: ObjectName, file: &LocalFile) -> Result<Attempt> {
        let access = &self.session.access;
        let key = Key::Data(name);
        let path = access.path(&key.to_string());
        let (source, wanted) = (Arc::clone(&self.source), file.clone());
        let environment = &*access.options.environment;
        let reading = blocking(environment, move || source.open(&wanted)).await.map_err(Error::System)??;
        let begun = access.store(key).put_multipart_opts(&path, PutMultipartOptions::default());
        let mut upload = match access.watched(begun).await? {
            Ok(upload) => upload,
            Err(error) => return Ok(Attempt::Failed(error)),
        };
        let pieces = match self.parts(&mut *upload, reading, file.len).await {
            Ok(pieces) => pieces,
            Err(stop) => {
                self.abort(&mut *upload).await;
                return match stop {
                    Stop::Store(error) => Ok(Attempt::Failed(error)),
                    Stop::Own(error) => Err(error),
                };
            }
        };
        let completed = self.complete(&mut *upload, key, file.len).await;
        if !matches!(completed, Ok(None)) {
            // The name is never used again, so it does not matter if the upload becomes an object after all.
            self.abort(&mut *upload).await;
        }
        Ok(completed?.map_or(Attempt::Sent(pieces), Attempt::Failed))
    }

    /// Makes an object of the parts. Returns the failure of the store, if there is one.
    async fn complete(
        &self,
        upload: &mut dyn MultipartUpload,
        key: Key,
        len: u64,
    ) -> Result<Option<object_store::Error>> {
        let access = &self.session.access;
        let Err(error) = access.watched(upload.complete()).await? else { return Ok(None) };
        // Some servers answer a repeated complete with an error although the first one took effect.
        let is_whole = access.stat(key).await?.is_some_and(|stat| stat.len == len);
        Ok(if is_whole { None } else { Some(error) })
    }

    /// Aborts an upload. If that fails, the parts cost storage until the bucket's lifecycle rule removes them.
    async fn abort(&self, upload: &mut dyn MultipartUpload) {
        let access = &self.session.access;
        let mut aborted = upload.abort();
        if self.meter.check().is_ok() && access.raced(&mut aborted).await.is_ok() {
            return;
        }
        // The caller has cancelled, or another file has failed.
        let _ = select(aborted, access.options.environment.sleep(PARTING)).await;
    }

    /// Reads the parts one after the other, and sends several at a time.
    async fn parts(
        &self,
        upload: &mut dyn MultipartUpload,
        mut reading: Reading,
        len: u64,
    ) -> Result<Vec<Sha256>, Stop> {
        let access = &self.session.access;
        let part = access.sent_part().max(len.div_ceil(PARTS).next_multiple_of(PIECE));
        let mut running = FuturesUnordered::new();
        loop {
            self.meter.ask()?;
            if running.len() >= access.options.concurrency
                && let Some(outcome) = access.raced(running.next()).await?
            {
                outcome?;
            }
            // Parts of this file that are under way hold permits, so this may have to wait for one of them.
            let permit = access.raced(beside(&mut running, access.permit(part.min(len)))).await??;
            let (bytes, rest) = self.read(reading, part).await?;
            reading = rest;
            let Some(bytes) = bytes else { break };
            let sent = bytes.content_length() as u64;
            beside(&mut running, access.pace(sent)).await??;
            let put = upload.put_part(bytes);
            let meter = &self.meter;
            running.push(async move {
                let outcome = put.await;
                drop(permit);
                // The loop notices a cancel before the next part.
                let _ = meter.did(Step { bytes: sent, sent, files: 0 });
                outcome
            });
            if reading.is_at_end() {
                break;
            }
        }
        while let Some(outcome) = access.raced(running.next()).await? {
            outcome?;
        }
        self.meter.check()?;
        Ok(reading.pieces)
    }

    async fn read(&self, mut reading: Reading, part: u64) -> Result<(Option<PutPayload>, Reading)> {
        let environment = &*self.session.access.options.environment;
        let work = move || reading.next_in_pieces(part).map(|bytes| (bytes, reading));
        blocking(environment, work).await.map_err(Error::System)?
    }
}

/// Waits, and goes on sending the parts that are under way meanwhile.
async fn beside<T>(
    running: &mut FuturesUnordered<impl Future<Output = object_store::Result<()>>>,
    wait: impl Future<Output = T>,
) -> object_store::Result<T> {
    let mut wait = pin!(wait);
    loop {
        if running.is_empty() {
            return Ok(wait.await);
        }
        match select(wait.as_mut(), running.next()).await {
            Either::Left((done, _)) => return Ok(done),
            Either::Right((outcome, _)) => outcome.transpose()?,
        };
    }
}

//! Sends a long file in parts.

use std::sync::Arc;

use futures::{StreamExt, stream::FuturesUnordered};
use object_store::{MultipartUpload, PutMultipartOptions, PutPayload};

use super::super::{
    Push,
    known::{Origin, Stored},
    source::Reading,
    survey::LocalFile,
};
use crate::{
    environment::blocking,
    error::{Error, Result},
    format::{ObjectRef, PIECE, Sha256},
    id::WriterId,
    key::{Key, ObjectName},
    meter::Step,
};

/// The maximum number of parts. S3 allows 10,000, so this leaves room.
const PARTS: u64 = 9_000;

/// The end of an attempt.
enum Attempt {
    Sent(Vec<Sha256>),
    /// The store has failed. Another attempt under another name may succeed.
    Failed(object_store::Error),
}

impl Push<'_> {
    pub(super) async fn send_in_parts(&self, writer: WriterId, file: &LocalFile) -> Result<Stored> {
        let mut attempts = self.session.access.attempts(&file.path);
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
        let mut upload =
            match access.store(key).put_multipart_opts(&path, PutMultipartOptions::default()).await {
                Ok(upload) => upload,
                Err(error) => return Ok(Attempt::Failed(error)),
            };
        let pieces = match self.parts(&mut *upload, reading, file.len).await {
            Ok(Ok(pieces)) => pieces,
            stopped => {
                // If the abort fails, the parts cost storage until the bucket's lifecycle rule removes them.
                let _ = upload.abort().await;
                return stopped.map(|outcome| match outcome {
                    Ok(pieces) => Attempt::Sent(pieces),
                    Err(error) => Attempt::Failed(error),
                });
            }
        };
        match upload.complete().await {
            Ok(_) => Ok(Attempt::Sent(pieces)),
            // Some servers answer a repeated complete with an error although the first one took effect.
            Err(error) => match access.stat(key).await? {
                Some(stat) if stat.len == file.len => Ok(Attempt::Sent(pieces)),
                _ => Ok(Attempt::Failed(error)),
            },
        }
    }

    /// Reads the parts one after the other, and sends several at a time.
    async fn parts(
        &self,
        upload: &mut dyn MultipartUpload,
        mut reading: Reading,
        len: u64,
    ) -> Result<object_store::Result<Vec<Sha256>>> {
        let access = &self.session.access;
        let part = access.options.part.max(len.div_ceil(PARTS).next_multiple_of(PIECE));
        let mut running = FuturesUnordered::new();
        loop {
            self.meter.check()?;
            if running.len() >= access.options.concurrency
                && let Some(Err(error)) = running.next().await
            {
                return Ok(Err(error));
            }
            // Parts of this file that are under way hold permits, so this may have to wait for one of them.
            let permit = loop {
                let permit = std::pin::pin!(access.permit(part.min(len)));
                if running.is_empty() {
                    break permit.await;
                }
                match futures::future::select(permit, running.next()).await {
                    futures::future::Either::Left((permit, _)) => break permit,
                    futures::future::Either::Right((Some(Err(error)), _)) => return Ok(Err(error)),
                    futures::future::Either::Right(_) => {}
                }
            };
            let (bytes, rest) = self.read(reading, part).await?;
            reading = rest;
            let Some(bytes) = bytes else { break };
            let sent = bytes.content_length() as u64;
            access.pace(sent).await;
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
        while let Some(outcome) = running.next().await {
            if let Err(error) = outcome {
                return Ok(Err(error));
            }
        }
        self.meter.check()?;
        Ok(Ok(reading.pieces))
    }

    async fn read(&self, mut reading: Reading, part: u64) -> Result<(Option<PutPayload>, Reading)> {
        let environment = &*self.session.access.options.environment;
        let work = move || reading.next_in_pieces(part).map(|bytes| (bytes, reading));
        blocking(environment, work).await.map_err(Error::System)?
    }
}

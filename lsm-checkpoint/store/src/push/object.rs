//! Writes one object under a new name.

use bytes::Bytes;
use object_store::PutMode;

use crate::{
    access::{Answer, Right},
    error::Result,
    id::{Nonce, WriterId},
    key::{Key, ObjectName},
    session::Session,
};

impl Session {
    /// Draws the name of a new object.
    pub(super) fn new_name(&self, writer: WriterId) -> Result<ObjectName> {
        Ok(ObjectName { writer, nonce: Nonce(self.access.random()?) })
    }

    /// Creates an object of these bytes. Each attempt has its own name, so that a request that arrives late does no
    /// harm.
    pub(super) async fn put_new(
        &self,
        writer: WriterId,
        key_of: fn(ObjectName) -> Key,
        bytes: Bytes,
    ) -> Result<ObjectName> {
        let len = bytes.len() as u64;
        let mut name = self.new_name(writer)?;
        let mut attempts = self.access.attempts(key_of(name), Right::Write);
        loop {
            self.access.ask()?;
            let key = key_of(name);
            let failure = match self.access.create(key, bytes.clone()).await {
                Answer::Created => return Ok(name),
                // A retry inside the client has met its own first request. Some servers answer so while that request is
                // under way.
                Answer::Exists => match self.access.stat(key).await? {
                    Some(stat) if stat.len == len => return Ok(name),
                    _ => "the name of a new object is taken".into(),
                },
                Answer::Refused(failure) => return Err(failure.at(Right::Write, key.to_string())),
                Answer::Unknown(source) => source,
            };
            attempts.again(failure).await?;
            name = self.new_name(writer)?;
        }
    }

    /// Overwrites an object. Only the proof does so, when it leaves out the rule `fresh_key`.
    pub(super) async fn overwrite(&self, key: Key, bytes: Bytes) -> Result<()> {
        let mut attempts = self.access.attempts(key, Right::Write);
        loop {
            match self.access.put(key, bytes.clone(), PutMode::Overwrite).await {
                Answer::Created | Answer::Exists => return Ok(()),
                Answer::Refused(failure) => return Err(failure.at(Right::Write, key.to_string())),
                Answer::Unknown(source) => attempts.again(source).await?,
            }
        }
    }
}

//! Writes one object under a new name.

use bytes::Bytes;
use object_store::PutMode;

use crate::{
    access::Answer,
    error::{Error, Result},
    id::{Nonce, WriterId},
    key::{Key, ObjectName},
    session::Session,
};

impl Session {
    /// Draws the name of a new object.
    pub(super) fn new_name(&self, writer: WriterId) -> Result<ObjectName> {
        Ok(ObjectName { writer, nonce: Nonce(self.access.random()?) })
    }

    /// Creates an object of these bytes. Each attempt has a name of its own, so that a late one cannot harm.
    pub(super) async fn put_new(
        &self,
        writer: WriterId,
        key_of: fn(ObjectName) -> Key,
        bytes: Bytes,
    ) -> Result<ObjectName> {
        let len = bytes.len() as u64;
        let mut name = self.new_name(writer)?;
        let mut attempts = self.access.attempts(key_of(name));
        loop {
            let key = key_of(name);
            let failure = match self.access.create(key, bytes.clone()).await {
                Answer::Created => return Ok(name),
                // The client's own retry has met its first request. A server also says so while that one is under way.
                Answer::Exists => match self.access.stat(key).await? {
                    Some(stat) if stat.len == len => return Ok(name),
                    _ => "the name of a new object is taken".into(),
                },
                Answer::Refused(failure) => return Err(failure.at(key.to_string())),
                Answer::Unknown(source) => source,
            };
            if !attempts.pause().await {
                return Err(Error::Store { key: key.to_string(), source: failure });
            }
            name = self.new_name(writer)?;
        }
    }

    /// Writes an object over any other, which only a search without the rule on fresh keys does.
    pub(super) async fn overwrite(&self, key: Key, bytes: Bytes) -> Result<()> {
        let mut attempts = self.access.attempts(key);
        loop {
            match self.access.put(key, bytes.clone(), PutMode::Overwrite).await {
                Answer::Created | Answer::Exists => return Ok(()),
                Answer::Refused(failure) => return Err(failure.at(key.to_string())),
                Answer::Unknown(source) if !attempts.pause().await => {
                    return Err(Error::Store { key: key.to_string(), source });
                }
                Answer::Unknown(_) => {}
            }
        }
    }
}

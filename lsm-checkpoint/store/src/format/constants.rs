//! [`Constants`]: the object `repository`.

use std::num::NonZeroU64;

use super::{
    archive::{self, Archive, put_version, take_version},
    cursor::{Cursor, put_record, put_u32, put_u64},
};
use crate::{defect::Defect, id::RepositoryId};

const SECTION: &str = "repository";
const FILE: &str = "repository";

/// The suite without encryption.
const PLAIN: u32 = 0;

/// The constants of a repository, which never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Constants {
    /// The identifier of the repository.
    pub id: RepositoryId,
    /// The number of states that are kept, called K.
    pub kept_heads: NonZeroU64,
}

impl Constants {
    /// Encodes the object.
    ///
    /// # Errors
    ///
    /// None in practice: the archive has one short section.
    pub fn encode(&self) -> Result<Vec<u8>, Defect> {
        let mut payload = Vec::new();
        put_version(&mut payload);
        put_record(&mut payload, |out| {
            put_u32(out, 0);
            out.extend_from_slice(&self.id.0);
            put_u64(out, self.kept_heads.get());
            put_u32(out, PLAIN);
        });
        archive::encode(FILE, &[(SECTION.to_owned(), payload)])
    }

    /// Decodes the object.
    ///
    /// # Errors
    ///
    /// The bytes are damaged, or a newer version wrote them.
    pub fn decode(bytes: Vec<u8>) -> Result<Self, Defect> {
        let payload = Archive::open(FILE, bytes)?.section(SECTION)?;
        let mut from = Cursor::new(&payload);
        take_version(&mut from)?;
        let mut record = from.record()?;
        let _flags = record.u32()?;
        let id = RepositoryId(record.take()?);
        let kept_heads = NonZeroU64::new(record.u64()?).ok_or(Defect::Records)?;
        match record.u32()? {
            PLAIN if from.is_empty() => Ok(Self { id, kept_heads }),
            PLAIN => Err(Defect::Section),
            suite => Err(Defect::Features(u64::from(suite))),
        }
    }
}

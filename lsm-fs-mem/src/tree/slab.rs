//! Inodes by number, in a vector of shared chunks. A copy costs one pointer per 32 inode numbers ever used.

use std::sync::Arc;

use super::inode::Inode;
use crate::{micro::Ino, pages::small};

const CHUNK: u64 = 32;

type Chunk = Vec<Option<Inode>>;

#[derive(Clone, Debug, Default)]
pub(super) struct Slab {
    chunks: Vec<Option<Arc<Chunk>>>,
}

impl Slab {
    pub(super) fn get(&self, ino: Ino) -> Option<&Inode> {
        self.chunks.get(small(ino / CHUNK))?.as_ref()?.get(small(ino % CHUNK))?.as_ref()
    }
    pub(super) fn get_mut(&mut self, ino: Ino) -> Option<&mut Inode> {
        let chunk = self.chunks.get_mut(small(ino / CHUNK))?.as_mut()?;
        Arc::make_mut(chunk).get_mut(small(ino % CHUNK))?.as_mut()
    }
    pub(super) fn get_or_insert_with(
        &mut self,
        ino: Ino,
        make: impl FnOnce() -> Inode,
    ) -> Option<&mut Inode> {
        Some(self.place(ino)?.get_or_insert_with(make))
    }

    /// Returns the slot of the inode, and makes room for it if necessary.
    pub(super) fn place(&mut self, ino: Ino) -> Option<&mut Option<Inode>> {
        let (chunk, at) = (small(ino / CHUNK), small(ino % CHUNK));
        if self.chunks.len() <= chunk {
            self.chunks.resize(chunk + 1, None);
        }
        let chunk = self.chunks.get_mut(chunk)?;
        let chunk = chunk.get_or_insert_with(|| Arc::new(Chunk::with_capacity(small(CHUNK))));
        let chunk = Arc::make_mut(chunk);
        if chunk.len() <= at {
            chunk.resize(at + 1, None);
        }
        chunk.get_mut(at)
    }

    pub(super) fn remove(&mut self, ino: Ino) -> Option<Inode> {
        let place = self.chunks.get_mut(small(ino / CHUNK))?;
        let chunk = Arc::make_mut(place.as_mut()?);
        let removed = chunk.get_mut(small(ino % CHUNK))?.take();
        if chunk.iter().all(Option::is_none) {
            *place = None;
        }
        removed
    }

    /// Iterates over the inodes in the order of their numbers.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = (Ino, &Inode)> {
        let chunks = self.chunks.iter().enumerate().filter_map(|(at, chunk)| Some((at, chunk.as_ref()?)));
        chunks.flat_map(|(at, chunk)| {
            let inodes = chunk.iter().enumerate();
            inodes
                .filter_map(move |(within, inode)| Some((at as u64 * CHUNK + within as u64, inode.as_ref()?)))
        })
    }
}

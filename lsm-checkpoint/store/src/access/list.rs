//! [`Listing`]: the objects below a folder of the repository, page by page.

use std::{fmt, time::Duration};

use futures::{StreamExt, TryStreamExt, stream::BoxStream};
use object_store::path::Path;

use super::{
    Access,
    failure::{Failure, Right},
    unix,
};
use crate::{
    error::Result,
    key::{HEADS, Key},
};

/// The number of objects in a page. The caller is asked at each.
const PAGE: u64 = 1000;

/// An object in a list.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    /// The name, relative to the prefix.
    pub(crate) name: String,
    /// The parsed name. `None` if no repository makes such a name.
    pub(crate) key: Option<Key>,
    pub(crate) len: u64,
    pub(crate) modified: Duration,
}

/// A list that is being read.
pub(crate) struct Listing<'a> {
    access: &'a Access,
    folder: String,
    objects: BoxStream<'static, object_store::Result<Listed>>,
    seen: u64,
}

impl Access {
    /// Lists the objects below a folder of the repository.
    pub(crate) fn list(&self, folder: &str) -> Listing<'_> {
        let store = if folder == HEADS { self.location.heads() } else { self.location.data() };
        let prefix = self.location.prefix().clone();
        let listed = store.list(Some(&self.path(folder)));
        let named = listed.map_ok(move |meta| {
            let name = relative(&prefix, &meta.location);
            let key = Key::parse(&name);
            Listed { name, key, len: meta.size, modified: unix(meta.last_modified.timestamp_millis()) }
        });
        // The S3 client's list panics if it is polled after its end, and a collector polls it once more.
        let objects = named.fuse().boxed();
        Listing { access: self, folder: folder.to_owned(), objects, seen: 0 }
    }

    /// Returns the highest number in a list of the states.
    pub(crate) async fn highest_state(&self) -> Result<Option<u64>> {
        let mut attempts = self.attempts(HEADS, Right::List);
        'attempt: loop {
            let (mut listing, mut highest) = (self.list(HEADS), None);
            while let Some(listed) = listing.step().await? {
                match listed {
                    Ok(Listed { key: Some(Key::Head(number)), .. }) => highest = highest.max(Some(number)),
                    Ok(_) => {}
                    Err(error) => {
                        attempts.next(error).await?;
                        continue 'attempt;
                    }
                }
            }
            return Ok(highest);
        }
    }
}

impl Listing<'_> {
    /// Returns the next object, or `None` after the last one. A failure is final.
    pub(crate) async fn next(&mut self) -> Result<Option<Listed>> {
        match self.step().await?.transpose() {
            Ok(listed) => Ok(listed),
            Err(error) => Err(Failure::of(error).at(Right::List, self.folder.clone())),
        }
    }

    async fn step(&mut self) -> Result<Option<object_store::Result<Listed>>> {
        if self.seen.is_multiple_of(PAGE) {
            self.access.meter.ask()?;
        }
        self.seen += 1;
        self.access.raced(self.objects.next()).await
    }
}

impl fmt::Debug for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listing").field("folder", &self.folder).finish_non_exhaustive()
    }
}

fn relative(prefix: &Path, location: &Path) -> String {
    let rest = location.as_ref().strip_prefix(prefix.as_ref()).unwrap_or(location.as_ref());
    rest.trim_start_matches('/').to_owned()
}

//! A store in memory that counts the reads of files that are under way at a time.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use async_trait::async_trait;
use futures::stream::BoxStream;
use lsm_checkpoint_store::Location;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, memory::InMemory, path::Path,
};

/// The number of turns that a read gives to others, so that they can begin.
const TURNS: u32 = 100;

/// The store.
#[derive(Clone, Debug, Default)]
pub(crate) struct Crowd {
    inner: Arc<InMemory>,
    reads: Arc<AtomicU64>,
    most: Arc<AtomicU64>,
}

impl Crowd {
    pub(crate) fn place(&self) -> Location {
        Location::of_store(Arc::new(self.clone()), "")
    }

    /// Returns the greatest number of reads that were under way at a time.
    pub(crate) fn most(&self) -> u64 {
        self.most.load(Ordering::SeqCst)
    }
}

impl fmt::Display for Crowd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Crowd")
    }
}

#[async_trait]
impl ObjectStore for Crowd {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.inner.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let is_file = path.as_ref().starts_with("data/");
        if is_file {
            let reads = self.reads.fetch_add(1, Ordering::SeqCst) + 1;
            self.most.fetch_max(reads, Ordering::SeqCst);
            for _ in 0..TURNS {
                tokio::task::yield_now().await;
            }
        }
        let got = self.inner.get_opts(path, options).await;
        if is_file {
            self.reads.fetch_sub(1, Ordering::SeqCst);
        }
        got
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

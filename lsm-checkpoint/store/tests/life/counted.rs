//! A store in memory that counts requests and bytes.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use futures::stream::BoxStream;
use lsm_checkpoint_store::Location;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, UploadPart, memory::InMemory, path::Path,
};

/// The requests since the last look, and the bytes of objects in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Requests {
    /// Puts, and the begins, parts and ends of uploads in parts. Stores charge all of them as puts.
    pub(crate) puts: u64,
    pub(crate) gets: u64,
    pub(crate) lists: u64,
    pub(crate) deletes: u64,
    pub(crate) sent: u64,
    pub(crate) received: u64,
}

/// The store.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counted {
    inner: Arc<InMemory>,
    requests: Arc<Mutex<Requests>>,
}

impl Counted {
    pub(crate) fn place(&self) -> Location {
        Location::of_store(Arc::new(self.clone()), "")
    }

    /// Returns the requests since the last call.
    pub(crate) fn take(&self) -> Requests {
        std::mem::take(&mut self.requests.lock().unwrap())
    }

    fn count(&self, count: impl FnOnce(&mut Requests)) {
        count(&mut self.requests.lock().unwrap());
    }

    fn put(&self, bytes: usize) {
        self.count(|requests| {
            requests.puts += 1;
            requests.sent += bytes as u64;
        });
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counted")
    }
}

#[async_trait]
impl ObjectStore for Counted {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.put(payload.content_length());
        self.inner.put_opts(path, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.put(0);
        let upload = self.inner.put_multipart_opts(path, options).await?;
        Ok(Box::new(CountedUpload { upload, store: self.clone() }))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.count(|requests| requests.gets += 1);
        let is_head = options.head;
        let got = self.inner.get_opts(path, options).await?;
        if !is_head {
            self.count(|requests| requests.received += got.range.end - got.range.start);
        }
        Ok(got)
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.count(|requests| requests.deletes += 1);
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.count(|requests| requests.lists += 1);
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.count(|requests| requests.lists += 1);
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.put(0);
        self.inner.copy_opts(from, to, options).await
    }
}

#[derive(Debug)]
struct CountedUpload {
    upload: Box<dyn MultipartUpload>,
    store: Counted,
}

#[async_trait]
impl MultipartUpload for CountedUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.store.put(data.content_length());
        self.upload.put_part(data)
    }

    async fn complete(&mut self) -> Result<PutResult> {
        self.store.put(0);
        self.upload.complete().await
    }

    async fn abort(&mut self) -> Result<()> {
        self.upload.abort().await
    }
}

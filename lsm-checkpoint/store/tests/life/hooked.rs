//! A store in memory that lets a test act between two requests.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use futures::stream::BoxStream;
use lsm_checkpoint_store::Location;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, memory::InMemory, path::Path,
};

/// A request that the hook sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    BeforeGet,
    BeforePut,
    AfterPut,
}

type Hook = dyn Fn(Seen, &Path) -> Result<()> + Send + Sync;

/// The store. It calls the hook before and after requests. If the hook fails, the request fails with the hook's error.
pub(crate) struct Hooked {
    inner: Arc<InMemory>,
    hook: Box<Hook>,
}

impl Hooked {
    pub(crate) fn place(
        inner: &Arc<InMemory>,
        hook: impl Fn(Seen, &Path) -> Result<()> + Send + Sync + 'static,
    ) -> Location {
        Location::of_store(Arc::new(Self { inner: Arc::clone(inner), hook: Box::new(hook) }), "")
    }
}

pub(crate) fn denied(path: &Path) -> Error {
    Error::PermissionDenied { path: path.to_string(), source: "denied".into() }
}

#[async_trait]
impl ObjectStore for Hooked {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        (self.hook)(Seen::BeforePut, path)?;
        let done = self.inner.put_opts(path, payload, options).await?;
        (self.hook)(Seen::AfterPut, path)?;
        Ok(done)
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        (self.hook)(Seen::BeforeGet, path)?;
        self.inner.get_opts(path, options).await
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

impl fmt::Debug for Hooked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hooked")
    }
}

impl fmt::Display for Hooked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hooked")
    }
}

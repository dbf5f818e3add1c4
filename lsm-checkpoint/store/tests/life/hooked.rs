//! A store in memory that lets a test act between two requests.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use futures::{
    FutureExt, StreamExt,
    future::{pending, ready},
    stream::{self, BoxStream},
};
use lsm_checkpoint_store::Location;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, memory::InMemory,
    path::Path,
};

/// A request that the hook sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    BeforeGet,
    BeforePut,
    AfterPut,
    BeforeDelete,
    BeforeList,
}

type Hook = dyn Fn(Seen, &Path) -> Result<()> + Send + Sync;
type Hangs = dyn Fn(Seen, &Path) -> bool + Send + Sync;

/// The store. It calls the hook before and after requests. If the hook fails, the request fails with the hook's error.
pub(crate) struct Hooked {
    inner: Arc<InMemory>,
    hook: Box<Hook>,
    /// The requests that never get an answer.
    hangs: Box<Hangs>,
}

impl Hooked {
    pub(crate) fn place(
        inner: &Arc<InMemory>,
        hook: impl Fn(Seen, &Path) -> Result<()> + Send + Sync + 'static,
    ) -> Location {
        let (inner, hook, hangs) = (Arc::clone(inner), Box::new(hook), Box::new(|_, _: &Path| false));
        Location::of_store(Arc::new(Self { inner, hook, hangs }), "")
    }

    /// Makes a store that never answers some requests.
    pub(crate) fn hanging(
        inner: &Arc<InMemory>,
        hangs: impl Fn(Seen, &Path) -> bool + Send + Sync + 'static,
    ) -> Location {
        let (inner, hook, hangs) = (Arc::clone(inner), Box::new(|_, _: &Path| Ok(())), Box::new(hangs));
        Location::of_store(Arc::new(Self { inner, hook, hangs }), "")
    }

    async fn pass(&self, seen: Seen, path: &Path) -> Result<()> {
        if (self.hangs)(seen, path) {
            pending::<()>().await;
        }
        (self.hook)(seen, path)
    }
}

/// The failure of a store that is down.
pub(crate) fn down() -> Error {
    Error::Generic { store: "test", source: "503 Service Unavailable".into() }
}

pub(crate) fn denied(path: &Path) -> Error {
    Error::PermissionDenied { path: path.to_string(), source: "denied".into() }
}

#[async_trait]
impl ObjectStore for Hooked {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.pass(Seen::BeforePut, path).await?;
        let done = self.inner.put_opts(path, payload, options).await?;
        self.pass(Seen::AfterPut, path).await?;
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
        self.pass(Seen::BeforeGet, path).await?;
        self.inner.get_opts(path, options).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let inner = Arc::clone(&self.inner);
        // The paths are known at once, and the hook does not outlive the call.
        let paths = paths.collect::<Vec<_>>().now_or_never().unwrap_or_default();
        if paths.iter().flatten().any(|path| (self.hangs)(Seen::BeforeDelete, path)) {
            return stream::pending().boxed();
        }
        let paths: Vec<_> = paths
            .into_iter()
            .map(|path| path.and_then(|path| (self.hook)(Seen::BeforeDelete, &path).map(|()| path)))
            .collect();
        stream::iter(paths)
            .then(move |path| {
                let inner = Arc::clone(&inner);
                async move {
                    let path = path?;
                    inner.delete(&path).await.map(|()| path)
                }
            })
            .boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let folder = prefix.cloned().unwrap_or_default();
        if (self.hangs)(Seen::BeforeList, &folder) {
            return stream::pending().boxed();
        }
        match (self.hook)(Seen::BeforeList, &folder) {
            Ok(()) => self.inner.list(prefix),
            Err(error) => stream::once(ready(Err(error))).boxed(),
        }
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

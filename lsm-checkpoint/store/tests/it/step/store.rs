//! The `ObjectStore` of one client: it hands out requests and waits for answers.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    Attributes, CopyMode, CopyOptions, Error, GetOptions, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, PutMode, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, Result, UploadPart,
};

use super::names::{Content, Key, Names};
use super::world::{Answer, Request};

/// The number of a request of one client.
pub(crate) type Ticket = u32;

/// The requests without an answer, and the answers that were not fetched yet.
#[derive(Debug, Default)]
struct Mailbox {
    next: Ticket,
    asked: Vec<(Ticket, Request)>,
    answers: HashMap<Ticket, Answer>,
    /// Sets of futures poll only those that were woken.
    wakers: HashMap<Ticket, Waker>,
}

/// The store of one client.
#[derive(Debug, Clone)]
pub(crate) struct StepStore {
    names: Names,
    mailbox: Arc<Mutex<Mailbox>>,
}

impl StepStore {
    pub(crate) fn new(names: &Names) -> Self {
        Self { names: names.clone(), mailbox: Arc::default() }
    }

    /// The requests that wait, in the order in which they were made.
    pub(crate) fn asked(&self) -> Vec<(Ticket, Request)> {
        self.mailbox.lock().unwrap().asked.clone()
    }

    pub(crate) fn answer(&self, ticket: Ticket, answer: Answer) {
        let mut mailbox = self.mailbox.lock().unwrap();
        mailbox.asked.retain(|(asked, _)| *asked != ticket);
        mailbox.answers.insert(ticket, answer);
        if let Some(waker) = mailbox.wakers.remove(&ticket) {
            waker.wake();
        }
    }

    fn ask(&self, request: Request) -> Asked {
        Asked { store: self.clone(), request: Some(request), ticket: 0 }
    }

    fn key(&self, path: &Path) -> Key {
        self.names.key(path.as_ref())
    }

    fn meta(&self, key: Key, content: Content) -> ObjectMeta {
        ObjectMeta {
            location: Path::parse(&*self.names.text(key)).unwrap(),
            last_modified: super::trace::store_time().into(),
            size: self.names.len(content),
            e_tag: Some(format!("{content:?}")),
            version: None,
        }
    }

    fn put(&self, location: &Path, content: &Bytes, create: bool) -> Asked {
        let (key, content) = (self.key(location), self.names.content(content));
        self.ask(Request::Put { key, content, create })
    }
}

/// A request on its way. Dropping it withdraws the request.
struct Asked {
    store: StepStore,
    request: Option<Request>,
    ticket: Ticket,
}

impl Future for Asked {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let mailbox = Arc::clone(&self.store.mailbox);
        let mut mailbox = mailbox.lock().unwrap();
        if let Some(request) = self.request.take() {
            self.ticket = mailbox.next;
            mailbox.next += 1;
            mailbox.asked.push((self.ticket, request));
        }
        if let Some(answer) = mailbox.answers.remove(&self.ticket) {
            return Poll::Ready(answer);
        }
        mailbox.wakers.insert(self.ticket, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if self.request.is_none() {
            let mut mailbox = self.store.mailbox.lock().unwrap();
            mailbox.asked.retain(|(ticket, _)| *ticket != self.ticket);
        }
    }
}

/// Converts an answer that is not a success into an error.
fn refusal(location: &Path, answer: &Answer) -> Error {
    let path = location.to_string();
    match answer {
        Answer::Exists => Error::AlreadyExists { path, source: "the key exists".into() },
        Answer::Missing => Error::NotFound { path, source: "no such key".into() },
        _ => Error::Generic { store: "step", source: "the answer was lost".into() },
    }
}

fn written(location: &Path, answer: &Answer) -> Result<PutResult> {
    match answer {
        Answer::Done => Ok(PutResult { e_tag: None, version: None, extensions: Default::default() }),
        other => Err(refusal(location, other)),
    }
}

#[async_trait]
impl ObjectStore for StepStore {
    async fn put_opts(&self, path: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let create = match options.mode {
            PutMode::Create => true,
            PutMode::Overwrite => false,
            PutMode::Update(_) => {
                return Err(Error::NotImplemented { operation: "update".into(), implementer: "step".into() });
            }
        };
        written(path, &self.put(path, &payload.into(), create).await)
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        _: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        Ok(Box::new(StepUpload { store: self.clone(), path: path.clone(), parts: Vec::new() }))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let key = self.key(path);
        let content = match self.ask(Request::Get { key }).await {
            Answer::Object(content) => content,
            other => return Err(refusal(path, &other)),
        };
        let meta = self.meta(key, content);
        options.check_preconditions(&meta)?;
        let whole = 0..meta.size;
        let range = match options.range {
            None => whole,
            Some(range) => range
                .as_range(meta.size)
                .map_err(|error| Error::Generic { store: "step", source: Box::new(error) })?,
        };
        let bounds = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        let body = if options.head { Bytes::new() } else { self.names.bytes(content).slice(bounds) };
        let payload = GetResultPayload::Stream(stream::once(async move { Ok(body) }).boxed());
        let attributes = Attributes::default();
        Ok(GetResult { payload, meta, range, attributes, extensions: Default::default() })
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let delete = move |path: Path| {
            let store = store.clone();
            async move {
                match store.ask(Request::Delete { key: store.key(&path) }).await {
                    Answer::Done => Ok(path),
                    other => Err(refusal(&path, &other)),
                }
            }
        };
        paths.and_then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        pages(self.clone(), prefix.map(|prefix| self.key(prefix)))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        let all: Vec<_> = self.list(prefix).try_collect().await?;
        let start = prefix.map_or(0, |prefix| prefix.as_ref().len() + 1);
        let (mut objects, mut common_prefixes) = (Vec::new(), Vec::new());
        for meta in all {
            match meta.location.as_ref()[start..].split_once('/') {
                None => objects.push(meta),
                Some((folder, _)) => {
                    let folder = format!("{}{folder}", &meta.location.as_ref()[..start]);
                    common_prefixes.push(Path::parse(folder).unwrap());
                }
            }
        }
        common_prefixes.dedup();
        Ok(ListResult { common_prefixes, objects, extensions: Default::default() })
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let create = matches!(options.mode, CopyMode::Create);
        let request = Request::Copy { from: self.key(from), to: self.key(to), create };
        match self.ask(request).await {
            Answer::Done => Ok(()),
            other => Err(refusal(if other == Answer::Missing { from } else { to }, &other)),
        }
    }
}

/// A list, page by page. The pages are answered at different moments. As on S3, a poll after the end panics.
fn pages(store: StepStore, prefix: Option<Key>) -> BoxStream<'static, Result<ObjectMeta>> {
    struct Cursor {
        store: StepStore,
        found: VecDeque<(Key, Content)>,
        after: Option<Key>,
        last: bool,
    }
    let cursor = Cursor { store, found: VecDeque::new(), after: None, last: false };
    let next = move |mut cursor: Cursor| async move {
        loop {
            if let Some((key, content)) = cursor.found.pop_front() {
                cursor.after = Some(key);
                let meta = cursor.store.meta(key, content);
                return Some((Ok(meta), cursor));
            }
            if cursor.last {
                return None;
            }
            match cursor.store.ask(Request::Page { prefix, after: cursor.after }).await {
                Answer::Page { keys, last } => {
                    cursor.found = keys.into();
                    cursor.last = last;
                }
                other => {
                    cursor.last = true;
                    return Some((Err(refusal(&Path::default(), &other)), cursor));
                }
            }
        }
    };
    stream::unfold(cursor, next).boxed()
}

/// An upload in parts, which is invisible until it is completed.
#[derive(Debug)]
struct StepUpload {
    store: StepStore,
    path: Path,
    parts: Vec<Bytes>,
}

#[async_trait]
impl MultipartUpload for StepUpload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        self.parts.push(data.into());
        Box::pin(async { Ok(()) })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let content = Bytes::from(self.parts.concat());
        written(&self.path, &self.store.put(&self.path, &content, false).await)
    }

    async fn abort(&mut self) -> Result<()> {
        Ok(())
    }
}

impl fmt::Display for StepStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StepStore")
    }
}

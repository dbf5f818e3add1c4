//! Tests of the proxy: each fault has its effect.

use std::sync::Arc;

use bytes::Bytes;
use futures::TryStreamExt;
use lsm_checkpoint_servers::{BUCKET, Fault, Proxy, Settings, Upstream, s3};
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, PutPayload};
use tempfile::TempDir;

struct Server {
    _dir: TempDir,
    proxy: Proxy,
    store: Arc<dyn ObjectStore>,
}

fn server(settings: Settings) -> Server {
    let dir = TempDir::new().unwrap();
    std::fs::create_dir(dir.path().join(BUCKET)).unwrap();
    let proxy = Proxy::start(Upstream::s3(dir.path()).unwrap(), settings).unwrap();
    let store = s3(&proxy.url()).unwrap();
    Server { _dir: dir, proxy, store }
}

impl Server {
    /// Makes every request fail in the same way.
    fn always(&self, fault: Fault) {
        self.proxy.plan(move |_| fault);
    }

    async fn create(&self, key: &str) -> object_store::Result<()> {
        let body = PutPayload::from_static(b"the bytes");
        self.store.put_opts(&Path::from(key), body, PutMode::Create.into()).await.map(drop)
    }

    async fn read(&self, key: &str) -> object_store::Result<Bytes> {
        self.store.get(&Path::from(key)).await?.bytes().await
    }
}

#[tokio::test]
async fn without_faults_the_server_keeps_its_contract() {
    let server = server(Settings::default());
    server.create("a/b").await.unwrap();
    assert!(matches!(server.create("a/b").await, Err(Error::AlreadyExists { .. })));
    assert_eq!(server.read("a/b").await.unwrap(), "the bytes");
    assert!(matches!(server.read("a/c").await, Err(Error::NotFound { .. })));
    server.store.delete(&Path::from("a/b")).await.unwrap();
    assert!(matches!(server.read("a/b").await, Err(Error::NotFound { .. })));
    assert_eq!(server.proxy.traffic().requests, 6);
}

#[tokio::test]
async fn one_of_many_creates_wins() {
    let server = Arc::new(server(Settings::default()));
    let tries: Vec<_> = (0..16)
        .map(|_| {
            tokio::spawn({
                let server = Arc::clone(&server);
                async move { server.create("k").await.is_ok() }
            })
        })
        .collect();
    let mut winners = 0;
    for one in tries {
        winners += usize::from(one.await.unwrap());
    }
    assert_eq!(winners, 1);
}

#[tokio::test]
async fn a_lost_answer_leaves_the_effect() {
    let server = server(Settings::default());
    // The client's retry meets its own first attempt.
    server.proxy.plan(|call| if call.number == 0 { Fault::LoseAnswer } else { Fault::None });
    let created = server.create("k").await;
    assert!(created.is_err(), "{created:?}");
    assert_eq!(server.read("k").await.unwrap(), "the bytes");
    server.proxy.plan(|call| if call.number == 0 { Fault::RefuseAfter(500) } else { Fault::None });
    assert!(matches!(server.create("l").await, Err(Error::AlreadyExists { .. })));
}

#[tokio::test]
async fn a_refused_request_has_no_effect() {
    for fault in [Fault::CutRequest, Fault::Refuse(500), Fault::Refuse(503), Fault::Refuse(409)] {
        let server = server(Settings::default());
        server.always(fault);
        let created = server.create("k").await;
        assert!(created.is_err(), "{fault:?}");
        assert_eq!(
            matches!(created, Err(Error::AlreadyExists { .. })),
            fault == Fault::Refuse(409),
            "{fault:?}"
        );
        server.always(Fault::None);
        assert!(matches!(server.read("k").await, Err(Error::NotFound { .. })), "{fault:?}");
    }
}

#[tokio::test]
async fn damaged_answers_are_damaged() {
    let server = server(Settings::default());
    server.create("k").await.unwrap();
    for (fault, expected) in [
        (Fault::Trickle, Some(&b"the bytes"[..])),
        (Fault::CutBody, None),
        (Fault::ShortBody, Some(b"the ")),
        (Fault::FlipBody, Some(b"the cytes")),
        (Fault::WrongTag, Some(b"the bytes")),
    ] {
        server.always(fault);
        let read = server.read("k").await.ok();
        assert_eq!(read.as_deref(), expected, "{fault:?}");
    }
}

#[tokio::test]
async fn a_list_comes_in_pages_and_with_the_servers_clock() {
    let server = server(Settings { page: Some(2), skew: 3600 });
    for key in ["d/1", "d/2", "d/3", "d/4", "d/5"] {
        server.create(key).await.unwrap();
    }
    server.always(Fault::None);
    let list: Vec<_> = server.store.list(Some(&Path::from("d"))).try_collect().await.unwrap();
    assert_eq!((list.len(), server.proxy.traffic().requests), (5, 3));
    let here = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let there = u64::try_from(list[0].last_modified.timestamp()).unwrap();
    assert!((3_000..4_000).contains(&(there - here)), "{there} beside {here}");
}

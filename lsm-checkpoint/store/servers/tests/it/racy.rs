//! Servers without an atomic put-if-absent. The client must refuse them.

use std::sync::Arc;

use lsm_checkpoint_servers::{BUCKET, Fault, Proxy, Settings, Upstream, s3};
use lsm_checkpoint_store::{Error, Location, Options, Repository};
use tempfile::TempDir;

/// The server is s3s-fs without the gate. It looks for the key before it reads the body, so two creates can succeed.
#[tokio::test]
async fn init_refuses_a_server_whose_creates_race() {
    let dir = TempDir::new().unwrap();
    std::fs::create_dir(dir.path().join(BUCKET)).unwrap();
    let proxy = Proxy::start(Upstream::racy_s3(dir.path()).unwrap(), Settings::default()).unwrap();
    // The bodies of the first round arrive after the server has looked for the key eight times. So the race always
    // happens.
    let mut creates = 0;
    proxy.plan(move |call| {
        creates += usize::from(call.creates);
        if call.creates && creates <= 8 { Fault::Together(8) } else { Fault::None }
    });
    let place = Location::of_store(s3(&proxy.url()).unwrap(), "r");
    let refused = Repository::init(place, Options::new()).await;
    assert!(matches!(refused, Err(Error::StoreLacks { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_server_that_forgets_the_condition_is_noticed_before_a_write() {
    let dir = TempDir::new().unwrap();
    std::fs::create_dir(dir.path().join(BUCKET)).unwrap();
    let proxy = Proxy::start(Upstream::s3(dir.path()).unwrap(), Settings::default()).unwrap();
    let store = s3(&proxy.url()).unwrap();
    let place = || Location::of_store(Arc::clone(&store), "r");
    Repository::init(place(), Options::new().probe_rounds(1)).await.unwrap();
    let repository = Repository::open(place(), Options::new()).await.unwrap();
    proxy.plan(|call| if call.creates { Fault::Unconditional } else { Fault::None });
    let refused = repository.forget(&[]).await;
    assert!(matches!(refused, Err(Error::StoreLacks { .. })), "{refused:?}");
}

//! The tour on an S3 server: as it is, with lists in small pages, and with a clock that is an hour off.

use lsm_checkpoint_servers::tour::tour;
use lsm_checkpoint_servers::{Server, Settings};
use tempfile::TempDir;

async fn on(settings: Settings) {
    let (server, dir) = (Server::start(settings).unwrap(), TempDir::new().unwrap());
    tour(&server.store().unwrap(), "a/prefix", dir.path()).await.unwrap();
}

#[tokio::test]
async fn every_verb_works_on_s3() {
    on(Settings::default()).await;
}

#[tokio::test]
async fn every_verb_works_with_lists_in_pages() {
    on(Settings { page: Some(3), skew: 0 }).await;
}

#[tokio::test]
async fn every_verb_works_with_a_clock_that_is_off() {
    for skew in [-3600, 3600] {
        on(Settings { page: None, skew }).await;
    }
}

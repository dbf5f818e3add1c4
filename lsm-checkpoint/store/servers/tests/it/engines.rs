//! Checkpoints of three real engines on an S3 server, every key compared after each restore.

use lsm_checkpoint_engines::kind::{Kind, Special, Which};
use lsm_checkpoint_servers::engines::{engine_tour, kinds};
use lsm_checkpoint_servers::{Server, Settings};
use tempfile::TempDir;

/// Blob trees have files of every type. `cargo xtask servers --only engines` pushes trees of all kinds.
fn is_chosen(kind: &Kind) -> bool {
    kind.blobs || *kind == Kind::special(Which::CoordinodeV7, Special::Encrypted)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_key_of_real_engines_comes_back() {
    let server = Server::start(Settings::default()).unwrap();
    for (number, kind) in kinds().filter(is_chosen).enumerate() {
        let dir = TempDir::new().unwrap();
        let tour = engine_tour(&server.store().unwrap(), &format!("engine-{number}"), kind, dir.path()).await;
        let keys = tour.unwrap_or_else(|error| panic!("{kind:?}: {error}"));
        println!("{}, {}: {keys} keys compared", kind.which.name(), kind.name());
    }
}

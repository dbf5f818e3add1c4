//! A killed push sends only the rest, and large files need little memory.

use std::path::Path;

use lsm_checkpoint_servers::resume::{Resume, memory, resume};

const WORKER: &str = env!("CARGO_BIN_EXE_worker");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_push_killed_at_half_sends_the_other_half() {
    let size = Resume { files: 400, len: 64 << 10, concurrency: 8 };
    let report = resume(Path::new(WORKER), &size).await.unwrap();
    assert!(report.again * 100 <= report.whole * 55, "{report:?}");
    assert!(report.first * 100 >= report.whole * 45, "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_files_need_little_memory() {
    let peak = memory(Path::new(WORKER), 6, 64 << 20, 16).await.unwrap();
    assert!(peak < 256 << 20, "a peak of {} MiB", peak >> 20);
}

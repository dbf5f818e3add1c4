//! The load test on the volume of temporary files. `cargo xtask realfs` repeats it on other filesystems.

use lsm_checkpoint_fjall::Backup;

use crate::load::{backups, run};

#[test]
fn every_backup_under_load_is_a_prefix_of_the_commits() {
    run(&std::env::temp_dir(), backups(), &Backup::new());
}

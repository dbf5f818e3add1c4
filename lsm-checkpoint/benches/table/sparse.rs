//! A copy of a table of 4 GiB that consists of holes, except for 4 KiB.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::MetadataExt,
    path::Path,
    process::Command,
    time::Duration,
};

use lsm_checkpoint::Policy;

use crate::{
    row::{Row, beside, figure, timed},
    source::Tables,
};

const LEN: u64 = 4 << 30;
const ROUNDS: usize = 15;
const JOB: &str = "sparse 4 GiB that hold 4 KiB";

pub(crate) fn rows(volume: &str, from: &Path, to: &Path) {
    let home = tempfile::tempdir_in(from).unwrap();
    let source = sparse(home.path());
    let table = source.tables().join(&source.names[0]);
    let ours = |dir: &Path| timed(|| drop(source.checkpoint(Policy::Independent, dir)));
    let row = Row { job: JOB, volume, root: to, rounds: ROUNDS };
    let times = row.times(&[&ours, &|dir| copied(&table, dir)]);
    let ratio = row.median(&times[0]) / row.median(&times[1]);
    let shown = (row.shown(&times[0]), row.shown(&times[1]));
    let job = format!("{JOB}: ours / cp --sparse=always + fsync");
    beside(&job, volume, (&shown.0, &shown.1), Some(ratio), "≤ 50 ms");

    let dir = tempfile::tempdir_in(to).unwrap();
    let _ = source.checkpoint(Policy::Independent, dir.path());
    let made = dir.path().join("checkpoint/tables").join(&source.names[0]);
    let allocated = fs::metadata(made).unwrap().blocks() / 2;
    figure(&format!("{JOB}: allocated"), volume, &format!("{allocated} KiB"), "≤ 64 KiB");
}

/// Creates an engine with this table.
fn sparse(dir: &Path) -> Tables {
    let tables = dir.join("tables");
    fs::create_dir(&tables).unwrap();
    let mut file = File::create_new(tables.join("000000")).unwrap();
    file.write_all(&[7; 4096]).unwrap();
    file.set_len(LEN).unwrap();
    file.sync_all().unwrap();
    Tables::at(dir)
}

/// Copies a table with the usual tool, and makes the copy durable.
fn copied(table: &Path, dir: &Path) -> Duration {
    let to = dir.join("copy");
    timed(|| {
        let mut copy = Command::new("cp");
        copy.args(["--sparse=always", "--reflink=never"]).args([table, &to]);
        assert!(copy.status().unwrap().success());
        File::open(&to).unwrap().sync_all().unwrap();
        File::open(dir).unwrap().sync_all().unwrap();
    })
}

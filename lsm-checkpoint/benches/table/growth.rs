//! The cost of a table in a small and in a large checkpoint.

use std::path::Path;

use lsm_checkpoint::{Method, Policy};

use crate::{
    child,
    floor::link_all,
    linked::metadata,
    row::{Row, beside, settle, timed},
    source::Tables,
};

pub(crate) fn rows(volume: &str, root: &Path) {
    time(volume, root);
    memory(volume, root);
}

fn time(volume: &str, root: &Path) {
    const FEW: usize = 1_000;
    const MANY: usize = 100_000;
    let ((ours_few, floor_few), (ours, floor)) =
        (time_a_table(volume, root, FEW, 31), time_a_table(volume, root, MANY, 5));
    let shown = |few: f64, many: f64| format!("{few:.2} → {many:.2} µs, × {:.2}", many / few);
    beside(
        &format!("growth from {FEW} to {MANY} tables: time a table"),
        volume,
        (&shown(ours_few, ours), &shown(floor_few, floor)),
        Some((ours / ours_few) / (floor / floor_few)),
        "≤ 1.1",
    );
}

/// The cost of ours and of the floor, in microseconds.
fn time_a_table(volume: &str, root: &Path, count: usize, rounds: usize) -> (f64, f64) {
    let (_home, source) = Tables::make(root, count, 16);
    let metadata = metadata(&source, Policy::LinkOnly, Method::HardLink, root);
    let row = Row { job: "growth", volume, root, rounds };
    let times = row.times(&[&|dir| timed(|| drop(source.checkpoint(Policy::LinkOnly, dir))), &|dir| {
        timed(|| metadata.checkpoint(dir, |to| link_all(&source.tables(), &source.names, to)))
    }]);
    let each = |side: usize| row.median(&times[side]) * 1e3 / count as f64;
    (each(0), each(1))
}

fn memory(volume: &str, root: &Path) {
    const FEW: usize = 10_000;
    const MANY: usize = 100_000;
    let of = |count: usize| {
        let (_home, source) = Tables::make(root, count, 16);
        let dir = tempfile::tempdir_in(root).unwrap();
        let (peaks, _) = child::peaks(&source, Policy::LinkOnly, dir.path());
        drop(dir);
        settle(root);
        (peaks.memory * 1024) as f64 / count as f64
    };
    let (few, many) = (of(FEW), of(MANY));
    beside(
        &format!("growth from {FEW} to {MANY} tables: peak memory a table"),
        volume,
        (&format!("{few:.0} → {many:.0} bytes"), "–"),
        Some(many / few),
        "≤ 1.1",
    );
}

//! Checkpoints by hard links.

use std::path::Path;

use lsm_checkpoint::{Method, Policy};

use crate::{
    child,
    floor::{Metadata, link_all},
    row::{Row, figure, timed},
    source::Tables,
};

pub(crate) fn rows(volume: &str, root: &Path) {
    for (count, rounds) in [(100, 41), (1_000, 31), (10_000, 15), (100_000, 5)] {
        let (_home, source) = Tables::make(root, count, 16);
        Row { job: &format!("linked {count} tables"), volume, root, rounds }.beside(
            &|dir| timed(|| drop(source.checkpoint(Policy::LinkOnly, dir))),
            &[("linkat + the same syncs", 1.1, &{
                let metadata = metadata(&source, Policy::LinkOnly, Method::HardLink, root);
                let (from, names) = (source.tables(), &source.names);
                move |dir| timed(|| metadata.checkpoint(dir, |to| link_all(&from, names, to)))
            })],
        );
    }
    pause(volume, root);
    calls(volume, root);
}

/// The total time for which deletions are held. Each file is released as soon as it is linked.
fn pause(volume: &str, root: &Path) {
    let (_home, source) = Tables::make(root, 10_000, 16);
    let (from, names) = (source.tables(), &source.names);
    Row { job: "linked 10000 tables: pause", volume, root, rounds: 15 }.beside(
        &|dir| source.checkpoint(Policy::LinkOnly, dir).pause.unwrap().hold_time,
        &[("linkat alone", 1.1, &|dir| {
            let to = dir.join("to");
            std::fs::create_dir(&to).unwrap();
            let to = std::fs::File::open(to).unwrap().into();
            timed(|| link_all(&from, names, &to))
        })],
    );
}

/// Creates the metadata of a checkpoint whose tables all come by the measured method.
pub(crate) fn metadata(source: &Tables, policy: Policy, method: Method, root: &Path) -> Metadata {
    let dir = tempfile::tempdir_in(root).unwrap();
    let info = source.checkpoint(policy, dir.path());
    assert_eq!(info.by_method(method).files, source.names.len() as u64, "{info:?}");
    Metadata::of(&dir.path().join("checkpoint"))
}

/// The number of system calls per table, from the difference of two checkpoints.
fn calls(volume: &str, root: &Path) {
    const FEW: usize = 1_000;
    const MANY: usize = 10_000;
    let count = |tables: usize| {
        let (_home, source) = Tables::make(root, tables, 16);
        let target = tempfile::tempdir_in(root).unwrap();
        child::system_calls(&source, target.path())
    };
    let job = "linked: system calls a table";
    match (count(FEW), count(MANY)) {
        (Some(few), Some(many)) => {
            let links = (many.of("linkat") - few.of("linkat")) / (MANY - FEW) as f64;
            let all = (many.all() - few.all()) / (MANY - FEW) as f64;
            figure(job, volume, &format!("{links:.3} linkat, {all:.3} in all"), "1 linkat");
        }
        _ => figure(job, volume, "strace is missing", "1 linkat"),
    }
}

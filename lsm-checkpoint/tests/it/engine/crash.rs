//! Power cuts while the engine works, and while it restarts after one.

use lsm_fs_mem::{Budget, MemFs, Notes};

use super::{ALL, Checkpoint, Compact, Flush, Put, Step, check, hostile, models, open, places, run, shared};
use crate::seeded::seeded_sweep;

fn workload(fs: &MemFs, steps: &[Step]) -> super::Result<()> {
    run(&shared(fs), steps, &|n| fs.note(n.to_string()))
}

fn check_notes(image: &MemFs, notes: &Notes) -> Result<(), String> {
    check(image, notes.last().map_or(0, |last| last.parse().unwrap()))
}

#[test]
fn every_power_cut_leaves_every_acknowledged_write() {
    let sweep = seeded_sweep().models(models());
    let report = sweep.run(|fs| workload(fs, ALL), check_notes).unwrap();
    println!("{report}");
    assert!(report.states() > 1000, "{report}");
}

#[test]
fn a_new_tree_survives_in_every_directory() {
    for (name, start) in places() {
        let sweep = seeded_sweep().start_from(&start).models([hostile()]);
        let report = sweep.run(|fs| workload(fs, &[Put, Flush, Put]), check_notes);
        println!("{name}: {}", report.unwrap_or_else(|error| panic!("{name}: {error}")));
    }
}

#[test]
fn a_second_power_cut_in_the_next_start_loses_nothing() {
    let steps = [Put, Put, Put, Flush, Put, Compact, Put, Checkpoint, Put];
    let report = seeded_sweep()
        .models([hostile()])
        .budget(Budget::Quick)
        .recovery(|fs: &MemFs| open(fs).map(drop))
        .run(|fs| workload(fs, &steps), check_notes)
        .unwrap();
    println!("{report}");
}

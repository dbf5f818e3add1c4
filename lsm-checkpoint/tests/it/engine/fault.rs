//! Errors: every call fails once, before or after its effect. The engine stops, and the next open continues.

use std::cell::Cell;

use lsm_fs_mem::{FaultFs, MemFs, fault_sweep};

use super::{ALL, check, run, shared};

#[test]
fn after_every_error_the_next_open_has_every_acknowledged_write() {
    let told = Cell::new(0);
    let report = fault_sweep(
        MemFs::new,
        |fs: &FaultFs<MemFs>| {
            told.set(0);
            run(&shared(fs), ALL, &|n| told.set(n))
        },
        |_, _, fs| Ok(check(fs, told.get())?),
    )
    .unwrap();
    println!("{report}");
    assert!(report.faults() > 500, "{report}");
}

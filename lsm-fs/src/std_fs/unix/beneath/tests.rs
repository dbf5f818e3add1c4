//! Runs the suite on views of the host, with both methods of resolving paths.

use super::{Resolution, View};
use crate::conformance::{HostNodes, Subject, run};

fn conforms(resolution: Resolution) {
    let report = run(|_| {
        let dir = tempfile::tempdir().unwrap();
        Subject::new(View { roots: Vec::new(), resolution }, dir.path())
            .odd_nodes(HostNodes)
            .mount_point("/dev/shm")
            .keep(dir)
    });
    println!("{report}");
    report.assert_conforms();
}

#[test]
fn views_conform_with_openat2() {
    conforms(Resolution::Openat2);
}

#[test]
fn views_conform_with_one_handle_per_component() {
    conforms(Resolution::PerComponent);
}

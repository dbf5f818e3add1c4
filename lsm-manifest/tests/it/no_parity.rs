//! Reads an archive with parity in a build without the feature `parity`.

use lsm_manifest::{BlockState, Error, ReadOptions, inspect, repair};

use crate::support::{fixture, mem_fs, open, put_file, read_file, version_path};

#[test]
fn parity_is_skipped_until_it_is_needed() {
    let fs = mem_fs();
    let mut bytes = read_file(&fixture("v5-ecc-5.ckpt").join("v5"));
    put_file(&fs, &version_path(1), &bytes);
    let report = inspect(&fs, &version_path(1), &ReadOptions::new()).unwrap();
    assert!(report.is_healthy() && report.to_string().contains(", with parity: good"), "{report}");
    bytes[4096 + 34] ^= 1;
    put_file(&fs, &version_path(1), &bytes);
    let reader = open(&fs, &version_path(1)).unwrap();
    assert!(reader.read_section("tables").is_ok());
    let error = reader.read_section("format_version").unwrap_err();
    assert!(matches!(error, Error::ParityUnavailable { offset: 4130, .. }), "{error:?}");
    let report = inspect(&fs, &version_path(1), &ReadOptions::new()).unwrap();
    assert!(matches!(report.sections[0].state, BlockState::Bad(Error::ParityUnavailable { .. })), "{report}");
    let done = repair(&fs, &version_path(1), &ReadOptions::new()).unwrap();
    assert_eq!(done.damaged, ["format_version"]);
}

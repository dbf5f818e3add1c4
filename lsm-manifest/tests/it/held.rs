//! Lines of the code that no other test holds: each test here fails without the line that it is about.

use std::path::Path;

use lsm_manifest::{Error, ReadOptions, WriteOptions, open_highest};

use crate::support::{DIR, mem_fs, version_path, write};

/// Without a pointer, an archive that says it is a later version than its name is no more to be trusted than one that
/// says it is an earlier one.
#[test]
fn an_archive_that_says_it_is_a_later_version_is_refused() {
    let fs = mem_fs();
    let later = [("version_id", &[12, 0, 0, 0, 0, 0, 0, 0][..])];
    write(&fs, &version_path(11), WriteOptions::new(), &later).map(drop).unwrap();
    let refused = open_highest(&fs, Path::new(DIR), &ReadOptions::new()).unwrap_err();
    assert!(matches!(refused, Error::WrongVersion { found: 12, .. }), "{refused}");
}

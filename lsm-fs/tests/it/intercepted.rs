//! A wrapper around a backend without an ability.

use std::io::ErrorKind;

use lsm_fs::{
    Fs, FsPermissions, Op, Result,
    intercept::{Call, InterceptFs, Interceptor, Outcome},
};

use crate::broken::{Broken, Defect};

/// Observes nothing.
#[derive(Debug)]
struct Quiet;

impl Interceptor for Quiet {
    type File = ();

    fn around<R: Outcome>(&self, _: Option<&()>, _: &Call<'_>, run: impl FnOnce() -> Result<R>) -> Result<R> {
        run()
    }
}

#[test]
fn an_ordinary_directory_never_replaces_a_private_one() {
    let dir = tempfile::tempdir().unwrap();
    let broken = Broken::new(Defect::None);
    // A view of this backend has no permissions.
    let fs = InterceptFs::new(broken.beneath(dir.path()).unwrap(), Quiet);
    assert!(fs.abilities().is_none_or(|abilities| abilities.permissions().is_none()));
    let path = dir.path().join("d");
    let error = FsPermissions::create_private_dir(&fs, &path).unwrap_err();
    assert_eq!((error.op(), error.kind()), (Op::CreateDir, ErrorKind::Unsupported));
    assert!(!path.exists());
}

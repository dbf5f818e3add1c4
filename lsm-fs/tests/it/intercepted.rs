//! Wrappers around a backend without an ability, and with an interceptor that asks for too much.

use std::io::{ErrorKind, Read, Seek, Write};

use lsm_fs::{
    Fs, FsExt, FsFile, FsOpenOptions, FsPermissions, Op, Result, StdFs,
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

/// Asks for more bytes than the caller has room for.
#[derive(Debug)]
struct Greedy;

impl Interceptor for Greedy {
    type File = ();

    fn around<R: Outcome>(&self, _: Option<&()>, _: &Call<'_>, run: impl FnOnce() -> Result<R>) -> Result<R> {
        run()
    }

    fn transfer<R: Outcome>(
        &self,
        (): &(),
        _: &Call<'_>,
        len: usize,
        run: impl FnOnce(usize) -> Result<R>,
    ) -> Result<R> {
        run(len + 1)
    }
}

#[test]
fn a_transfer_of_too_much_is_one_of_all() {
    let dir = tempfile::tempdir().unwrap();
    let fs = InterceptFs::new(StdFs, Greedy);
    let path = dir.path().join("f");
    let options = FsOpenOptions::new().read(true).write(true).create_new(true);
    let mut file = fs.open(&path, &options).unwrap();
    assert_eq!(file.write(b"abc").unwrap(), 3);
    file.write_at(b"d", 3).unwrap();
    file.rewind().unwrap();
    let mut bytes = [0; 2];
    assert_eq!((file.read(&mut bytes).unwrap(), &bytes), (2, b"ab"));
    assert_eq!((file.read(&mut bytes).unwrap(), &bytes), (2, b"cd"));
    assert_eq!(fs.read_to_vec(&path, 10).unwrap(), b"abcd");
}

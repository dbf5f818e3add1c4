//! Batches of clones: their preparation, and failures and panics on the way.

use std::{
    io::ErrorKind,
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind},
};

use lsm_fs::{
    Error, Fs, FsFile, Op, Result, StdFs, SyncMode,
    batch::{ReflinkOptions, reflink_batch, reflink_batch_with},
    intercept::{Call, InterceptFs, Interceptor, Outcome},
};

use crate::{
    batches::Dirs,
    broken::{Broken, Defect},
};

/// A wrapper that clones by copying, so that it works on any host, and has a defect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BadClones {
    /// Every `open` fails, so a clone exists but cannot be opened for its sync.
    OpenFails,
    OpenPanics,
    ClonePanics,
}

impl Interceptor for BadClones {
    type File = ();

    fn around<R: Outcome>(
        &self,
        _: Option<&()>,
        call: &Call<'_>,
        run: impl FnOnce() -> Result<R>,
    ) -> Result<R> {
        match (call.op, call.other_path) {
            (Op::ReflinkFile, Some(to)) => {
                assert!(*self != Self::ClonePanics, "the clone panics");
                std::fs::copy(call.path, to).unwrap();
                Ok(R::claimed().unwrap())
            }
            (Op::Open, _) if *self == Self::OpenPanics => panic!("the open panics"),
            (Op::Open, _) => Err(call.error(ErrorKind::PermissionDenied.into())),
            _ => run(),
        }
    }
}

#[test]
fn a_clone_that_cannot_be_opened_is_removed() {
    let dirs = Dirs::with(3);
    let fs = InterceptFs::new(StdFs, BadClones::OpenFails);
    let mut errors = Vec::new();
    reflink_batch(&fs, dirs.pair(), &dirs.pairs(), SyncMode::Normal, &mut |index, cloned| {
        errors.push((index, cloned.unwrap_err().op()));
        ControlFlow::Continue(())
    });
    errors.sort_unstable_by_key(|(index, _)| *index);
    assert_eq!(errors, [(0, Op::Open), (1, Op::Open), (2, Op::Open)]);
    assert_eq!(dirs.made(), [""; 0]);
}

/// Clones all files, and expects the panic. Returns the reported results.
fn clones_until_a_panic(dirs: &Dirs, defect: BadClones, message: &str) -> Vec<(usize, bool)> {
    let fs = InterceptFs::new(StdFs, defect);
    let mut reported = Vec::new();
    let panic = catch_unwind(AssertUnwindSafe(|| {
        reflink_batch(&fs, dirs.pair(), &dirs.pairs(), SyncMode::Normal, &mut |index, cloned| {
            reported.push((index, cloned.is_ok()));
            ControlFlow::Continue(())
        });
    }));
    assert_eq!(panic.unwrap_err().downcast_ref::<&str>(), Some(&message));
    reported
}

#[test]
fn a_panic_in_the_open_of_a_clone_leaves_no_clone() {
    let dirs = Dirs::with(3);
    let reported = clones_until_a_panic(&dirs, BadClones::OpenPanics, "the open panics");
    assert_eq!(reported, [(0, false)], "the batch ends");
    assert_eq!(dirs.made(), [""; 0]);
}

#[test]
fn a_panic_in_a_clone_removes_no_file_that_was_there() {
    let dirs = Dirs::with(3);
    std::fs::write(dirs.to.join(&dirs.names[0]), "older").unwrap();
    let reported = clones_until_a_panic(&dirs, BadClones::ClonePanics, "the clone panics");
    assert_eq!(reported, [(0, false)], "the batch ends");
    assert_eq!(std::fs::read(dirs.to.join(&dirs.names[0])).unwrap(), b"older");
}

/// Each clone is prepared, by its index, before it is reported. A clone whose preparation fails is removed.
#[cfg(all(unix, not(lsm_fs_portable)))]
#[test]
fn clones_are_prepared_by_their_index() {
    let dirs = Dirs::with(40);
    let prepare = |index: usize, clone: &dyn FsFile| {
        let found = clone.metadata()?.permissions.unwrap();
        assert_eq!(found.mode & 0o077, 0, "nobody else has seen it");
        if index == 7 {
            return Err(Error::new(
                Op::SetPermissions,
                "refused",
                std::io::Error::from(ErrorKind::PermissionDenied),
            ));
        }
        let mode = if index.is_multiple_of(2) { 0o640 } else { 0o604 };
        clone.set_permissions(&found.with_mode(mode)).map(drop)
    };
    let options = ReflinkOptions { prepare: Some(&prepare), ..ReflinkOptions::default() };
    let mut failed = Vec::new();
    reflink_batch_with(
        &Broken::new(Defect::None),
        dirs.pair(),
        &dirs.pairs(),
        &options,
        &mut |index, cloned| {
            failed.extend(cloned.err().map(|error| (index, error.op())));
            ControlFlow::Continue(())
        },
    );
    assert_eq!(failed, [(7, Op::SetPermissions)]);
    assert_eq!(dirs.made().len(), 39);
    for (index, name) in dirs.names.iter().enumerate().filter(|(index, _)| *index != 7) {
        let mode = StdFs.metadata(&dirs.to.join(name)).unwrap().permissions.unwrap().mode;
        assert_eq!(mode, if index.is_multiple_of(2) { 0o640 } else { 0o604 }, "{name}");
    }
}

/// On XFS, a change between the syncs of a batch needs a commit of its own.
#[cfg(all(unix, not(lsm_fs_portable)))]
#[test]
fn clones_are_prepared_on_the_thread_that_makes_them() {
    let dirs = Dirs::with(40);
    let threads = std::sync::Mutex::new(std::collections::HashSet::new());
    let prepare = |_: usize, _: &dyn FsFile| {
        threads.lock().unwrap().insert(std::thread::current().id());
        Ok(())
    };
    let options = ReflinkOptions { prepare: Some(&prepare), ..ReflinkOptions::default() };
    let fs = Broken::new(Defect::None);
    reflink_batch_with(&fs, dirs.pair(), &dirs.pairs(), &options, &mut |_, cloned| {
        cloned.unwrap();
        ControlFlow::Continue(())
    });
    assert_eq!(threads.lock().unwrap().len(), 1);
}

#[cfg(all(unix, not(lsm_fs_portable)))]
#[test]
fn a_panic_in_a_preparation_leaves_no_clone() {
    let dirs = Dirs::with(40);
    let prepare = |index: usize, _: &dyn FsFile| {
        assert!(index != 7, "the preparation panics");
        Ok(())
    };
    let options = ReflinkOptions { prepare: Some(&prepare), ..ReflinkOptions::default() };
    let fs = Broken::new(Defect::None);
    let mut reported = Vec::new();
    let panic = catch_unwind(AssertUnwindSafe(|| {
        reflink_batch_with(&fs, dirs.pair(), &dirs.pairs(), &options, &mut |index, cloned| {
            reported.push((index, cloned.is_ok()));
            ControlFlow::Continue(())
        });
    }));
    assert!(panic.is_err());
    assert!(reported.contains(&(7, false)), "{reported:?}");
    let made: Vec<_> = reported.iter().filter(|(_, is_made)| *is_made).collect();
    assert_eq!(dirs.made().len(), made.len());
}

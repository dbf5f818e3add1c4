//! The check of an adapter, which refuses a database before anything is made.

use std::{cell::RefCell, path::Path, sync::Arc};

use lsm_checkpoint::{
    BoxError, Capture, CheckpointSource, DeletionPause, Error, PinnedSnapshot, SourceRoot, run_checkpoint,
};
use lsm_fs::Fs;
use lsm_fs_mem::MemFs;

use crate::create::TARGET;

/// A source that records its calls, and may refuse.
#[derive(Default)]
struct Recorded {
    /// The filesystem of the target, which is empty when the check comes.
    target: MemFs,
    calls: RefCell<Vec<&'static str>>,
    refusal: Option<&'static str>,
}

impl Recorded {
    fn call(&self, name: &'static str) {
        self.calls.borrow_mut().push(name);
    }
}

impl CheckpointSource for Recorded {
    fn roots(&self) -> Vec<SourceRoot> {
        self.call("roots");
        Vec::new()
    }

    fn identity(&self) -> String {
        self.call("identity");
        "recorded".to_owned()
    }

    fn check(&self) -> Result<(), BoxError> {
        self.call("check");
        assert!(self.target.read_dir(Path::new("/")).unwrap().is_empty());
        self.refusal.map_or(Ok(()), |refusal| Err(refusal.into()))
    }

    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        self.call("deletion_pause");
        None
    }

    fn visible_seqno(&self) -> Option<u64> {
        self.call("visible_seqno");
        None
    }

    fn flush(&self) -> Result<(), BoxError> {
        self.call("flush");
        Ok(())
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        self.call("capture");
        Ok(Capture::one(PinnedSnapshot::new(1, ()).metadata("CURRENT", *b"1")))
    }
}

#[test]
fn a_refusal_comes_before_a_flush_and_before_anything_is_made() {
    let source = Recorded { refusal: Some("it is sealed, and the key is missing"), ..Recorded::default() };
    // Through a reference, which forwards the call.
    let error = run_checkpoint(&&source, &source.target, Path::new(TARGET)).unwrap_err();
    assert!(matches!(&error, Error::Source(_)), "{error:?}");
    assert_eq!(error.to_string(), "it is sealed, and the key is missing");
    assert_eq!(*source.calls.borrow(), ["roots", "identity", "check"]);
    assert!(source.target.read_dir(Path::new("/")).unwrap().is_empty());
}

#[test]
fn each_call_comes_once_and_in_the_documented_order() {
    let source = Recorded::default();
    run_checkpoint(&source, &source.target, Path::new(TARGET)).unwrap();
    let order = ["roots", "identity", "check", "deletion_pause", "visible_seqno", "flush", "capture"];
    assert_eq!(*source.calls.borrow(), order);
}

#[test]
fn captures_of_several_trees_are_joined_below_their_folders() {
    let one = || PinnedSnapshot::new(1, ()).metadata("CURRENT", *b"1");
    let two = Capture::new().tree("", one()).tree("meta", one());
    let joined = Capture::one(one()).nest("users", two).nest("", Capture::new().tree("orders", one()));
    assert_eq!(format!("{joined:?}"), r#"["", "users", "users/meta", "orders"]"#);
}

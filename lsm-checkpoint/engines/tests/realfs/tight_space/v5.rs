//! Version 5.7.0 cuts a table although a checkpoint shares its inode.

use std::sync::atomic::{AtomicBool, Ordering};

super::fixture::fixture!(coordinode_v5, |Fixture { tree, visible, .. }| {
    Box::new(lsm_checkpoint_engines::coordinode_v5::Source {
        tree,
        visible,
        identity: "a tight tree",
        encryption: None,
    })
});

const REFUSAL: &str = "tight space has cut table";

/// While the option is on, a checkpoint copies tables, and a cut of a table leaves its copy whole.
#[test]
fn checkpoints_before_and_during_a_cut_are_right_or_refused() {
    let fixture = Arc::new(Fixture::new());
    fixture.set_tight(true);
    fixture.checkpoint("before", Policy::PreferLink).unwrap();
    let during = fixture.compact_with_checkpoints(Policy::PreferLink);
    assert!(fixture.fs.cuts() > 0, "the compaction cut nothing");
    fixture.assert_right("before");
    for (name, made) in during {
        fixture.assert_right_or_refused(&name, made, REFUSAL);
    }
    fixture.checkpoint("after", Policy::PreferLink).unwrap();
    fixture.assert_right("after");
    assert_all(&fixture.tree, "the source");
}

impl Fixture {
    /// Lets the second slice of a compaction fail, which leaves a cut table.
    fn fail_in_the_second_slice(&self) {
        let failed = Arc::new(AtomicBool::new(false));
        self.fs.at_each_new_table({
            let failed = Arc::clone(&failed);
            move |n| {
                if n < 2 {
                    return Ok(());
                }
                failed.store(true, Ordering::SeqCst);
                Err(std::io::Error::other("the second slice fails").into())
            }
        });
        assert!(self.compact().is_err() && failed.load(Ordering::SeqCst));
        self.fs.at_each_new_table(|_| Ok(()));
    }
}

/// A cut table is still refused after the option was switched off, and after the tree was opened again.
#[test]
fn a_cut_table_is_refused_as_long_as_it_is_there() {
    let mut fixture = Fixture::new();
    fixture.set_tight(true);
    fixture.fail_in_the_second_slice();
    for round in ["while it is on", "when it is off", "after an open"] {
        let said = fixture.checkpoint("refused", Policy::PreferLink).unwrap_err();
        assert!(said.contains(REFUSAL), "{round}: {said}");
        assert!(!StdFs.exists(&fixture.path("refused")).unwrap(), "{round}");
        fixture.set_tight(false);
        if round == "when it is off" {
            drop(fixture.tree);
            fixture.tree = open(&fixture.dir.path().join("live"), fixture.fs.clone(), &fixture.visible);
        }
    }
    assert_all(&fixture.tree, "the source");
}

//! Version 7.4.0 cuts no table that a pin holds or that has several names.

super::fixture::fixture!(coordinode_v7, |Fixture { tree, visible, .. }| {
    Box::new(lsm_checkpoint_engines::coordinode_v7::Source { tree, visible, identity: "a tight tree" })
});

const REFUSAL: &str = "scrub or compact the tree first";

/// A table that was copied still has a single name, so the compaction cuts it. A linked table has two, and is not cut.
#[test]
fn checkpoints_before_and_during_a_cut_are_right_or_refused() {
    for policy in [Policy::Independent, Policy::PreferLink] {
        let fixture = Arc::new(Fixture::new());
        fixture.set_tight(true);
        fixture.checkpoint("before", policy).unwrap();
        let during = fixture.compact_with_checkpoints(policy);
        println!("{policy:?}: {} cuts, {during:?}", fixture.fs.cuts());
        if policy == Policy::Independent {
            assert!(fixture.fs.cuts() > 0, "the compaction cut nothing");
            assert!(during.iter().any(|(_, made)| made.is_err()), "no cut table was refused");
        }
        fixture.assert_right("before");
        for (name, made) in during {
            fixture.assert_right_or_refused(&name, made, REFUSAL);
        }
        fixture.checkpoint("after", policy).unwrap();
        fixture.assert_right("after");
        assert_all(&fixture.tree, "the source");
    }
}

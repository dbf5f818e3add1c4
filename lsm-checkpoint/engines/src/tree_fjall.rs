//! A tree of fjall's engine.

crate::engine::engine!(
    fjall,
    Traits { has_readers: false, unlinks_in_background: false },
    |config, _| config,
    |Tree { tree, visible, identity, .. }| Box::new(crate::fjall::Source { tree, visible, identity }),
    |_, _| None,
    |_| None
);

//! A tree of version 5 of coordinode's engine.

use crate::{kind::Special, options::Descending, options_v5::key_v5};

// Version 5.7.0 cannot build its filters for some sets of keys, and the flush then fails (see UPSTREAM.md).
crate::engine::engine!(
    coordinode_v5,
    Traits { has_readers: false, unlinks_in_background: true },
    |config, kind| {
        let config = config.filter_policy(coordinode_v5::config::FilterPolicy::disabled());
        let config =
            if kind.is(Special::Descending) { config.comparator(Arc::new(Descending)) } else { config };
        config.with_encryption(kind.is(Special::Encrypted).then(key_v5))
    },
    |Tree { kind, tree, visible, identity, .. }| {
        let encryption = kind.is(Special::Encrypted).then(key_v5);
        Box::new(crate::coordinode_v5::Source { tree, visible, identity, encryption })
    },
    |tree, target| Some(tree.create_checkpoint(target).map(drop).map_err(Into::into)),
    |_| None
);

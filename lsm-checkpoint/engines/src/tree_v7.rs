//! A tree of version 7 of coordinode's engine.

use crate::{
    kind::Special,
    options::{Descending, key_v7},
};

crate::engine::engine!(
    coordinode_v7,
    Traits { has_readers: true, unlinks_in_background: true },
    |config, kind| {
        let config =
            if kind.is(Special::Descending) { config.comparator(Arc::new(Descending)) } else { config };
        config.with_encryption(kind.is(Special::Encrypted).then(key_v7))
    },
    |Tree { tree, visible, identity, .. }| {
        Box::new(crate::coordinode_v7::Source { tree, visible, identity })
    },
    |tree, target| Some(tree.create_checkpoint(target).map(drop).map_err(Into::into)),
    |tree| {
        let closed = tree.clone().close();
        Some(Box::new(move || closed.wait()))
    }
);

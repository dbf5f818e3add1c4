use lsm_checkpoint_engines::{kind::Which, tree_v7::Tree};

use super::numbered::{NO_COUNTER, OUT_OF_REACH, coordinode, passes};

#[test]
fn coordinode_v7() {
    passes(
        |dir, kind| Ok(Box::new(Tree::open(dir, kind)?)),
        &coordinode(Which::CoordinodeV7),
        &[NO_COUNTER],
        &OUT_OF_REACH,
    );
}

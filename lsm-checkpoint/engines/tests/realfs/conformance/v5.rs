use lsm_checkpoint_engines::{kind::Which, tree_v5::Tree};

use super::numbered::{NO_COUNTER, NO_READERS, OUT_OF_REACH, coordinode, passes};

#[test]
fn coordinode_v5() {
    passes(
        |dir, kind| Ok(Box::new(Tree::open(dir, kind)?)),
        &coordinode(Which::CoordinodeV5),
        &[NO_COUNTER],
        &[&[NO_READERS], &OUT_OF_REACH[..]].concat(),
    );
}

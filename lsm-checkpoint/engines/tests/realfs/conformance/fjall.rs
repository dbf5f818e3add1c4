use lsm_checkpoint_engines::{
    kind::{Kind, Which},
    tree_fjall::Tree,
};

use super::numbered::{NO_READERS, OUT_OF_REACH, passes};

#[test]
fn fjall() {
    passes(
        |dir, kind| Ok(Box::new(Tree::open(dir, kind)?)),
        &[false, true].map(|blobs| Kind::new(Which::Fjall, blobs)),
        &[],
        &[&[NO_READERS], &OUT_OF_REACH[..]].concat(),
    );
}

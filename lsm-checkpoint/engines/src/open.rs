//! Opens a tree of any [`Kind`].

use std::{path::Path, sync::Arc};

use lsm_checkpoint::BoxError;

use crate::{
    engine::Engine,
    kind::{Kind, Which},
    owner, tree_fjall, tree_v5, tree_v7,
};

impl Kind {
    /// Opens a tree, or creates one. Refuses a checkpoint: use [`restore`](lsm_checkpoint::restore()) to make a tree
    /// from it.
    ///
    /// # Errors
    ///
    /// The refusal, or an error of the engine or of the tree's identity.
    pub fn open(self, dir: &Path) -> Result<Arc<dyn Engine>, BoxError> {
        owner::refuse_checkpoint(dir)?;
        self.open_anything(dir)
    }

    /// Opens any directory that the engine accepts as a tree, even a checkpoint. This may invalidate the checkpoint.
    ///
    /// # Errors
    ///
    /// An error of the engine or of the tree's identity.
    pub fn open_anything(self, dir: &Path) -> Result<Arc<dyn Engine>, BoxError> {
        Ok(match self.which {
            Which::CoordinodeV5 => Arc::new(tree_v5::Tree::open(dir, self)?),
            Which::CoordinodeV7 => Arc::new(tree_v7::Tree::open(dir, self)?),
            Which::Fjall => Arc::new(tree_fjall::Tree::open(dir, self)?),
        })
    }
}

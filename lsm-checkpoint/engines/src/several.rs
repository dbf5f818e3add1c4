//! [`Several`]: a database of several trees, each with its own adapter.

use std::sync::Arc;

use lsm_checkpoint::{BoxError, Capture, CheckpointSource, DeletionPause, SourceRoot};

/// The trees of a database, each with its folder in a checkpoint. The owner must hold back writes during the capture.
pub struct Several<'a> {
    /// The folders and the adapters.
    pub trees: Vec<(&'a str, Box<dyn CheckpointSource + 'a>)>,
    /// The identity of the database.
    pub identity: &'a str,
}

impl Several<'_> {
    fn sources(&self) -> impl Iterator<Item = &dyn CheckpointSource> {
        self.trees.iter().map(|(_, source)| &**source)
    }
}

impl CheckpointSource for Several<'_> {
    fn roots(&self) -> Vec<SourceRoot> {
        self.sources().flat_map(CheckpointSource::roots).collect()
    }

    fn identity(&self) -> String {
        self.identity.to_owned()
    }

    fn check(&self) -> Result<(), BoxError> {
        self.sources().try_for_each(CheckpointSource::check)
    }

    // The captured versions of these engines keep their files.
    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        None
    }

    // A replay of the database's log has to start at the tree that is furthest behind.
    fn visible_seqno(&self) -> Option<u64> {
        self.sources().map(CheckpointSource::visible_seqno).min().flatten()
    }

    fn flush(&self) -> Result<(), BoxError> {
        self.sources().try_for_each(CheckpointSource::flush)
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        let mut joined = Capture::new();
        for (folder, source) in &self.trees {
            joined = joined.nest(folder, source.capture()?);
        }
        Ok(joined)
    }
}

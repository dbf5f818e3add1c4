//! Implements [`CheckpointSource`] for references to a source.

use std::sync::Arc;

use super::{Capture, CheckpointSource, SourceRoot};
use crate::{BoxError, DeletionPause};

impl<S: CheckpointSource + ?Sized> CheckpointSource for &S {
    fn roots(&self) -> Vec<SourceRoot> {
        (**self).roots()
    }

    fn deletion_pause(&self) -> Option<&Arc<DeletionPause>> {
        (**self).deletion_pause()
    }

    fn visible_seqno(&self) -> Option<u64> {
        (**self).visible_seqno()
    }

    fn flush(&self) -> Result<(), BoxError> {
        (**self).flush()
    }

    fn capture(&self) -> Result<Capture<'_>, BoxError> {
        (**self).capture()
    }

    fn identity(&self) -> String {
        (**self).identity()
    }

    fn check(&self) -> Result<(), BoxError> {
        (**self).check()
    }
}

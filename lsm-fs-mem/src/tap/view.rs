//! A view of a tapped filesystem: its calls pass the same tap.

use std::{path::Path, sync::Arc};

use lsm_fs::{Fs, Op, Result};

use super::{Call, Detail, Tap, tap_fs};

/// The view that the inner filesystem returned, behind the wrapper's tap.
#[derive(Debug)]
struct TappedView<F, T> {
    inner: F,
    tap: Arc<T>,
}

impl<F, T> TappedView<F, T> {
    fn inner(&self) -> &F {
        &self.inner
    }

    fn tap(&self) -> &Arc<T> {
        &self.tap
    }
}

tap_fs!(impl<F: Fs, T: Tap> Fs for TappedView<F, T>);

/// Makes a view through `run`, which asks the inner filesystem for its own.
pub(crate) fn beneath<'v, T: Tap>(
    tap: &Arc<T>,
    root: &Path,
    run: impl FnOnce() -> Result<Box<dyn Fs + 'v>>,
) -> Result<Box<dyn Fs + 'v>> {
    let inner = tap.around(None, &Call::new(Op::Beneath, root, Detail::None), run)?;
    Ok(Box::new(TappedView { inner, tap: Arc::clone(tap) }))
}

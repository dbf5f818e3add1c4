//! The matrix of version 7, of the release that the package depends on.

/// Extracts the first five bytes of a key, which filters then hold as well.
struct FirstFive;

impl coordinode_v7::PrefixExtractor for FirstFive {
    fn name(&self) -> &'static str {
        "first-five"
    }

    fn prefixes<'a>(&self, key: &'a [u8]) -> Box<dyn Iterator<Item = &'a [u8]> + 'a> {
        Box::new(key.get(..5).into_iter())
    }
}

super::coordinode::matrix!(
    coordinode_v7,
    lsm_checkpoint_engines::options::key_v7,
    |Open { tree, visible, .. }| {
        Box::new(lsm_checkpoint_engines::coordinode_v7::Source { tree, visible, identity: "a row" })
    }
);

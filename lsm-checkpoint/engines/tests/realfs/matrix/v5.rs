//! The matrix of version 5.7.0.

/// Extracts the first five bytes of a key, which filters then hold as well.
struct FirstFive;

impl coordinode_v5::PrefixExtractor for FirstFive {
    fn prefixes<'a>(&self, key: &'a [u8]) -> Box<dyn Iterator<Item = &'a [u8]> + 'a> {
        Box::new(key.get(..5).into_iter())
    }
}

super::coordinode::matrix!(
    coordinode_v5,
    lsm_checkpoint_engines::options_v5::key_v5,
    |Open { tree, visible, row, .. }| {
        let encryption = row.has(Opt::Encryption).then(lsm_checkpoint_engines::options_v5::key_v5);
        Box::new(lsm_checkpoint_engines::coordinode_v5::Source {
            tree,
            visible,
            identity: "a row",
            encryption,
        })
    }
);

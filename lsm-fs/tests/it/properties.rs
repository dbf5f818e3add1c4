//! Random inputs on the host's filesystem, compared with a model or with single calls.

mod batches;
mod copies;
mod positions;

use proptest::prelude::ProptestConfig;

/// The number of random inputs of a test. Other settings come from the environment.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, ..ProptestConfig::default() }
}

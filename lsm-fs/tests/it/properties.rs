//! Random inputs on the host's filesystem, each against a model or against the single calls.

mod batches;
mod copies;
mod positions;

use proptest::prelude::ProptestConfig;

/// So many random inputs of a test; the rest as the environment says.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, ..ProptestConfig::default() }
}

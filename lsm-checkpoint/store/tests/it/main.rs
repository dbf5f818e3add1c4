//! Tests of the public API of `lsm-checkpoint-store`, and the proof of its protocol.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests stop at the first surprise, prepare the host's files directly, and say what they tried"
)]
#![allow(
    clippy::needless_pass_by_value,
    reason = "an error is passed to `map_err`, and a scenario gives its bounds away"
)]

mod hostile;
mod proof;
mod step;

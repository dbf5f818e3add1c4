//! Crash sweeps and generators with a seed from the environment.

use lsm_fs_mem::CrashSweep;

/// The seed in `LSM_SWEEP_SEED`.
fn given() -> Option<u64> {
    let seed = std::env::var("LSM_SWEEP_SEED").ok()?;
    Some(seed.parse().expect("LSM_SWEEP_SEED must be a number"))
}

/// Returns a sweep with the seed in `LSM_SWEEP_SEED`. Without it, every run tries the same states.
pub(crate) fn seeded_sweep<'a>() -> CrashSweep<'a> {
    given().map_or_else(CrashSweep::new, |seed| CrashSweep::new().seed(seed))
}

/// Returns the seed in `LSM_SWEEP_SEED`. Without it, every run gets the same seed.
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only hostile directories are generated"))]
pub(crate) fn seed() -> u64 {
    given().unwrap_or(1)
}

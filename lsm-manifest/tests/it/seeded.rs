//! Crash sweeps whose samples depend on a seed from the environment.

use lsm_fs_mem::CrashSweep;

/// A sweep with the seed in `LSM_SWEEP_SEED`. Without it, every run tries the same states.
pub(crate) fn seeded_sweep<'a>() -> CrashSweep<'a> {
    match std::env::var("LSM_SWEEP_SEED") {
        Ok(seed) => CrashSweep::new().seed(seed.parse().expect("LSM_SWEEP_SEED must be a number")),
        Err(_) => CrashSweep::new(),
    }
}

//! The arithmetic of the codec, optimized for the few shards of a block.

use reed_solomon_simd::engine::{
    DefaultEngine, Engine, GF_MODULUS, GF_ORDER, GfElement, ShardsRefMut, tables::get_exp_log,
};

/// An engine that evaluates the error locator only at the points that the decoder reads, and otherwise delegates to the
/// default engine.
///
/// The library evaluates all 65,536 points. For a block of a few kilobytes, this takes longer than the rest of the
/// work, and an unrepairable block is decoded 14 times.
pub(super) struct FewShards(DefaultEngine);

impl FewShards {
    pub(super) fn new() -> Self {
        Self(DefaultEngine::new())
    }
}

impl Engine for FewShards {
    fn fft(&self, data: &mut ShardsRefMut<'_>, pos: usize, size: usize, truncated: usize, skew_delta: usize) {
        self.0.fft(data, pos, size, truncated, skew_delta);
    }

    fn ifft(
        &self,
        data: &mut ShardsRefMut<'_>,
        pos: usize,
        size: usize,
        truncated: usize,
        skew_delta: usize,
    ) {
        self.0.ifft(data, pos, size, truncated, skew_delta);
    }

    fn mul(&self, x: &mut [[u8; 64]], log_m: GfElement) {
        self.0.mul(x, log_m);
    }

    /// Replaces each erasure mark with the logarithm of the product of the distances between this point and the erased
    /// points.
    fn eval_poly(erasures: &mut [GfElement; GF_ORDER], truncated_size: usize) {
        let log = &get_exp_log().log;
        let (points, _) = erasures.split_at_mut(truncated_size.min(GF_ORDER));
        let erased: Vec<_> =
            (0..points.len()).filter(|&at| points.get(at).is_some_and(|mark| *mark != 0)).collect();
        for (at, point) in points.iter_mut().enumerate() {
            // The table holds 0 for the distance 0, so the point itself adds nothing.
            let logs = erased.iter().filter_map(|other| log.get(at ^ other)).map(|log| u32::from(*log));
            let sum = logs.fold(0, |sum, log| (sum + log) % u32::from(GF_MODULUS));
            let log = GfElement::try_from(sum);
            debug_assert!(log.is_ok(), "a remainder is below the modulus");
            *point = log.unwrap_or(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use reed_solomon_simd::engine::utils;

    use super::*;

    #[test]
    fn the_error_locator_equals_the_one_of_the_library() {
        let size = 6;
        for pattern in 0_u16..1 << size {
            let mut mine = [0; GF_ORDER];
            for (at, mark) in mine.iter_mut().take(size).enumerate() {
                *mark = pattern >> at & 1;
            }
            let mut theirs = mine;
            utils::eval_poly(&mut theirs, size);
            FewShards::eval_poly(&mut mine, size);
            // Both 0 and the modulus are logarithms of 1.
            let plain =
                |logs: &[GfElement]| logs[..size].iter().map(|log| log % GF_MODULUS).collect::<Vec<_>>();
            assert_eq!(plain(&mine), plain(&theirs), "{pattern:06b}");
        }
    }
}

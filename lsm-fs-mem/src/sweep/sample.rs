//! Samples of a list that is too long for a budget.

use crate::{hash::Seeded, pages::small};

/// Returns at most `limit` of the items, spread evenly and chosen by the seed.
pub(super) fn sample<T: Clone>(items: &[T], limit: usize, seed: u64) -> Vec<T> {
    if items.len() <= limit {
        return items.to_vec();
    }
    let mut seeded = Seeded::new(seed);
    let chosen = (0..limit).filter_map(|part| {
        let [from, to] = [part, part + 1].map(|part| part * items.len() / limit);
        let at = from + small(seeded.below((to - from) as u64));
        items.get(at).cloned()
    });
    chosen.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_spans_the_whole_list() {
        for (count, limit) in [(199, 100), (100, 100), (7, 100), (1000, 16), (101, 100)] {
            let items: Vec<usize> = (0..count).collect();
            for seed in 0..20 {
                let points = sample(&items, limit, seed);
                assert_eq!(points.len(), limit.min(count));
                assert!(points.is_sorted_by(|a, b| a < b), "{points:?}");
                let part = count.div_ceil(limit);
                assert!(points[0] < part && points[points.len() - 1] >= count - part, "{points:?}");
            }
        }
    }
}

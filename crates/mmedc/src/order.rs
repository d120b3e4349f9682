//! A seeded order computed by formula: which of `n` things comes at place `i`, without a table.
//!
//! A Feistel network over the next even number of bits is a permutation whatever its round function is; where it leaves the range it is
//! applied again ("cycle walking", Black and Rogaway 2002), less than four times on average. So any machine can start at any place: a
//! position in a pass over the data is one integer.

use crate::units::mix;

const ROUNDS: usize = 8;

/// A permutation of `0..n`.
#[derive(Clone, Debug)]
pub struct Permutation {
    count: u64,
    half: u32,
    keys: [u64; ROUNDS],
}

impl Permutation {
    /// The one that `seed` chooses among those of `count` things.
    pub fn new(count: u64, seed: u64) -> Permutation {
        let bits = u64::BITS - count.saturating_sub(1).leading_zeros();
        let mut state = mix(seed ^ 0x7065_726D_7574_6521);
        let keys = std::array::from_fn(|_| {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            mix(state)
        });
        Permutation {
            count,
            half: bits.div_ceil(2).max(1),
            keys,
        }
    }

    /// How many things.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// What comes at place `index`. Panics outside the range.
    pub fn at(&self, index: u64) -> u64 {
        assert!(index < self.count, "place {index} of {}", self.count);
        let mut value = index;
        loop {
            value = self.scramble(value);
            if value < self.count {
                return value;
            }
        }
    }

    fn scramble(&self, value: u64) -> u64 {
        let mask = (1u64 << self.half) - 1;
        let (mut left, mut right) = (value >> self.half, value & mask);
        for key in self.keys {
            (left, right) = (right, left ^ (mix(right ^ key) & mask));
        }
        left << self.half | right
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(count: u64, seed: u64) -> Vec<u64> {
        let permutation = Permutation::new(count, seed);
        (0..count).map(|index| permutation.at(index)).collect()
    }

    #[test]
    fn everything_comes_once() {
        for count in (1..70).chain([255, 256, 257, 1000, 4095, 4096, 4097]) {
            let mut all = order(count, count);
            all.sort_unstable();
            assert_eq!(all, (0..count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn seeds_and_places_are_independent() {
        let count = 1000;
        let (a, b) = (order(count, 1), order(count, 2));
        // Places at which two random orders agree, and places left where they were: one on average each, Poisson. 10 has probability 1e-7.
        assert!(a.iter().zip(&b).filter(|(a, b)| a == b).count() < 10);
        assert!((0..).zip(&a).filter(|(index, value)| index == *value).count() < 10);
        // Neighbours are independent: their distances' mean is a third of the range, standard deviation of the mean 0.24 range / √1000.
        let mean = a.windows(2).map(|pair| pair[0].abs_diff(pair[1]) as f64).sum::<f64>() / 999.0;
        assert!((mean / count as f64 - 1.0 / 3.0).abs() < 5.0 * 0.24 / 31.6, "{mean}");
    }

    #[test]
    fn very_large_ranges_work() {
        for count in [u64::MAX, 1 << 63, (1 << 40) + 1] {
            let permutation = Permutation::new(count, 3);
            let some: std::collections::BTreeSet<u64> = (0..1000).map(|index| permutation.at(index)).collect();
            assert_eq!(some.len(), 1000);
            assert!(some.iter().all(|value| *value < count));
        }
    }

    #[test]
    fn the_order_stays_what_it_is() {
        // Positions lie in checkpoints: another order would train on some text twice. Computed by a second implementation, in Python.
        assert_eq!(order(10, 42), [1, 0, 3, 2, 6, 7, 9, 4, 8, 5]);
    }
}

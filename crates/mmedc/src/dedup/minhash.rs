//! MinHash: a few hundred numbers that tell how alike two sets are.
//!
//! For a random order of all possible elements, the chance that two sets have the same smallest element is their Jaccard similarity
//! |A ∩ B| / |A ∪ B| (Broder 1997). A signature holds the smallest value under each of `functions` hash functions, each a permutation of 32
//! bits: xor, multiply, shift-xor, multiply. 32 bits are enough: sets of a million elements collide by chance in one element of 4,000.
//!
//! The loop is written so that the compiler turns it into vector code; on x86-64 a second copy of it is compiled for AVX2 and chosen when
//! the processor has it. Both give the same numbers.

use crate::units::mix;

const LANES: usize = 16;

/// The hash functions.
pub struct MinHash {
    functions: usize,
    groups: Vec<Group>,
}

struct Group {
    masks: [u32; LANES],
    factors: [u32; LANES],
}

impl MinHash {
    /// `functions` of them, chosen by `seed`.
    pub fn new(functions: usize, seed: u64) -> MinHash {
        let mut state = mix(seed ^ 0x6D69_6E68_6173_6821);
        let mut next = || {
            state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            (mix(state) >> 32) as u32
        };
        let groups = (0..functions.div_ceil(LANES))
            .map(|_| Group {
                masks: std::array::from_fn(|_| next()),
                factors: std::array::from_fn(|_| next() | 1),
            })
            .collect();
        MinHash { functions, groups }
    }

    /// Smallest values of the set's elements (in any order, repeated or not). All ones for the empty set.
    pub fn signature(&self, elements: &[u32]) -> Vec<u32> {
        let mut signature = Vec::with_capacity(self.groups.len() * LANES);
        for group in &self.groups {
            signature.extend_from_slice(&lowest(group, elements));
        }
        signature.truncate(self.functions);
        signature
    }
}

fn lowest(group: &Group, elements: &[u32]) -> [u32; LANES] {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        // Safety: the processor has what the function is compiled for.
        return unsafe { lowest_avx2(group, elements) };
    }
    lowest_plain(group, elements)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn lowest_avx2(group: &Group, elements: &[u32]) -> [u32; LANES] {
    lowest_plain(group, elements)
}

#[inline(always)]
fn lowest_plain(group: &Group, elements: &[u32]) -> [u32; LANES] {
    let mut lowest = [u32::MAX; LANES];
    for element in elements {
        for (lowest, (mask, factor)) in lowest.iter_mut().zip(group.masks.iter().zip(&group.factors)) {
            let mut value = (element ^ mask).wrapping_mul(*factor);
            value = (value ^ (value >> 15)).wrapping_mul(0x85EB_CA6B);
            *lowest = (*lowest).min(value);
        }
    }
    lowest
}

/// Share of equal values: an estimate of the Jaccard similarity, with standard deviation √(s(1-s)/functions).
pub fn similarity(a: &[u32], b: &[u32]) -> f64 {
    let equal = a.iter().zip(b).filter(|(a, b)| a == b).count();
    equal as f64 / a.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two sets of which `shared` elements are common and `own` are in each alone.
    fn sets(trial: u64, shared: u64, own: u64) -> (Vec<u32>, Vec<u32>) {
        let element = |n: u64| mix(mix(trial) ^ n) as u32;
        let a = (0..shared + own).map(element).collect();
        let b = (0..shared).chain(shared + own..shared + 2 * own).map(element).collect();
        (a, b)
    }

    #[test]
    fn equal_values_are_as_frequent_as_the_jaccard_similarity() {
        let minhash = MinHash::new(112, 1);
        for (shared, own) in [(10u64, 45u64), (50, 25), (80, 10), (3, 1), (900, 50)] {
            let similarity_expected = shared as f64 / (shared + 2 * own) as f64;
            let trials = 400;
            let (mut sum, mut squares) = (0.0, 0.0);
            for trial in 0..trials {
                let (a, b) = sets(trial, shared, own);
                let estimate = similarity(&minhash.signature(&a), &minhash.signature(&b));
                sum += estimate;
                squares += (estimate - similarity_expected).powi(2);
            }
            let variance = similarity_expected * (1.0 - similarity_expected) / 112.0;
            // Five standard deviations of a mean of independent trials.
            let tolerance = 5.0 * (variance / trials as f64).sqrt();
            let mean = sum / trials as f64;
            assert!((mean - similarity_expected).abs() < tolerance, "{similarity_expected}: mean {mean}");
            // Functions that lean on each other would spread the estimates; a mean of 400 squares has a relative deviation of about √(2/400).
            let spread = squares / trials as f64 / variance;
            assert!(
                (spread - 1.0).abs() < 5.0 * (2.0f64 / trials as f64).sqrt(),
                "{similarity_expected}: spread {spread}"
            );
        }
    }

    #[test]
    fn vector_code_and_plain_code_agree() {
        let minhash = MinHash::new(100, 7);
        for count in [0, 1, 2, 15, 1000] {
            let elements: Vec<u32> = (0..count).map(|n| mix(n) as u32).collect();
            let signature = minhash.signature(&elements);
            assert_eq!(signature.len(), 100);
            let one_by_one: Vec<u32> = minhash
                .groups
                .iter()
                .flat_map(|group| lowest_plain(group, &elements))
                .take(100)
                .collect();
            assert_eq!(signature, one_by_one);
        }
        assert!(minhash.signature(&[]).iter().all(|value| *value == u32::MAX));
    }

    #[test]
    fn signatures_stay_what_they_are() {
        // Signatures lie on disk: a change here makes old files useless and must change the files' version.
        let signature = MinHash::new(4, 0).signature(&[1, 2, 3]);
        assert_eq!(signature, MinHash::new(112, 0).signature(&[3, 2, 1, 1])[..4]);
    }
}

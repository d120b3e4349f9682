//! Distributions with a handful of bins, counted with whole numbers so that every machine puts a document into the same bin.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Lengths in bins a quarter of a doubling wide: from `2^k (1 + j/4)` to the next. Bins are named by their lower bound.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lengths {
    /// Lower bound → documents. Only bins that hold something.
    pub bins: BTreeMap<u64, u64>,
    pub documents: u64,
    pub sum: u64,
    pub min: u64,
    pub max: u64,
}

impl Lengths {
    /// The lower bound of the bin that holds `length`.
    pub fn bin(length: u64) -> u64 {
        match length.checked_ilog2() {
            // Below 8 every length has its own bin.
            None | Some(0..=2) => length,
            Some(power) => (length >> (power - 2)) << (power - 2),
        }
    }

    /// The lower bound of the bin after the one that begins at `lower`.
    pub fn next(lower: u64) -> u64 {
        match lower.checked_ilog2() {
            None | Some(0..=2) => lower + 1,
            Some(power) => lower.saturating_add(1 << (power - 2)),
        }
    }

    pub fn add(&mut self, length: u64) {
        *self.bins.entry(Lengths::bin(length)).or_default() += 1;
        self.min = if self.documents == 0 { length } else { self.min.min(length) };
        self.max = self.max.max(length);
        self.documents += 1;
        self.sum += length;
    }

    pub fn merge(&mut self, other: &Lengths) {
        if other.documents == 0 {
            return;
        }
        self.min = if self.documents == 0 { other.min } else { self.min.min(other.min) };
        self.max = self.max.max(other.max);
        self.documents += other.documents;
        self.sum += other.sum;
        for (bin, count) in &other.bins {
            *self.bins.entry(*bin).or_default() += count;
        }
    }

    /// Lower bound of the bin in which the middle document lies.
    pub fn median_bin(&self) -> u64 {
        let mut seen = 0;
        for (bin, count) in &self.bins {
            seen += count;
            if seen * 2 >= self.documents {
                return *bin;
            }
        }
        0
    }
}

/// Bins of the density histogram, each half a percentage point wide; the last holds everything above.
pub const DENSITY_BINS: usize = 51;
/// Bins to a density of 1.
pub const DENSITY_SCALE: u64 = 200;

/// What share of a text its keywords make up, for the documents the filter kept and those it dropped.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Densities {
    /// Bin → documents; bin `i` is `[i/200, (i+1)/200)`.
    pub kept: BTreeMap<u32, u64>,
    pub dropped: BTreeMap<u32, u64>,
    /// The filter's thresholds for this language: share of characters (DENS) and distinct words (MKC).
    pub minimal_density: f64,
    pub minimal_words: u64,
}

impl Densities {
    /// Adds a document with `hit_chars` of `chars` code points in keywords.
    pub fn add(&mut self, hit_chars: u64, chars: u64, keep: bool) {
        let bin = u128::from(hit_chars) * u128::from(DENSITY_SCALE) / u128::from(chars.max(1));
        let bin = bin.min(DENSITY_BINS as u128 - 1) as u32;
        let side = if keep { &mut self.kept } else { &mut self.dropped };
        *side.entry(bin).or_default() += 1;
    }

    /// Thresholds are those of whichever part knows them; all parts of a corpus have the same.
    pub fn merge(&mut self, other: &Densities) {
        self.minimal_density = self.minimal_density.max(other.minimal_density);
        self.minimal_words = self.minimal_words.max(other.minimal_words);
        for (ours, theirs) in [(&mut self.kept, &other.kept), (&mut self.dropped, &other.dropped)] {
            for (bin, count) in theirs {
                *ours.entry(*bin).or_default() += count;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_tile_the_numbers() {
        let mut lower = 0;
        for length in 0..100_000 {
            if length == Lengths::next(lower) {
                lower = length;
            }
            assert_eq!(Lengths::bin(length), lower, "{length}");
        }
        assert_eq!(Lengths::bin(u64::MAX), 0b111 << 61);
        assert_eq!(Lengths::next(0b111 << 61), u64::MAX);
        let bins = (0..1u64 << 20).map(Lengths::bin).collect::<std::collections::BTreeSet<_>>();
        assert!(bins.len() <= 80, "{}", bins.len());
    }

    #[test]
    fn a_threshold_is_the_edge_of_a_bin() {
        let mut densities = Densities::default();
        densities.add(4, 100, true);
        densities.add(3_999, 100_000, false);
        densities.add(300, 100, true);
        densities.add(0, 0, false);
        assert_eq!(densities.kept, BTreeMap::from([(8, 1), (50, 1)]));
        assert_eq!(densities.dropped, BTreeMap::from([(7, 1), (0, 1)]));
    }

    #[test]
    fn the_middle_is_found() {
        let mut lengths = Lengths::default();
        for length in [1, 2, 3, 4, 1000] {
            lengths.add(length);
        }
        assert_eq!((lengths.median_bin(), lengths.min, lengths.max, lengths.sum), (3, 1, 1000, 1010));
    }
}

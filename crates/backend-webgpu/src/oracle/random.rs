//! Made-up numbers that repeat: values, and weights of every type as a file would hold them.

use decoder::DType;

/// SplitMix64 (Steele, Lea and Flood, 2014).
#[derive(Clone, Debug)]
pub struct Random(pub u64);

impl Random {
    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() % n as u64) as usize
    }

    /// Between -1 and 1.
    pub fn value(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    /// `n` values between -1 and 1.
    pub fn values(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.value()).collect()
    }
}

/// How large the half-precision numbers of a weight are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Halves {
    /// About 0.01.
    Normal,
    /// Below 2⁻¹⁴, where a driver may wrongly flush to zero. Small models' scales are often of this kind.
    Subnormal,
}

/// Bytes of `rows` rows of `cols` values as a file holds them. All quants are random; scales are sane.
pub fn weight(dtype: DType, rows: usize, cols: usize, halves: Halves, random: &mut Random) -> Vec<u8> {
    if dtype == DType::F32 {
        return random.values(rows * cols).iter().flat_map(|v| v.to_le_bytes()).collect();
    }
    let half = |random: &mut Random| match halves {
        Halves::Normal => (0x2000 + random.below(0x0800) + (random.below(2) << 15)) as u16,
        Halves::Subnormal => (1 + random.below(0x03ff) + (random.below(2) << 15)) as u16,
    };
    if dtype == DType::BF16 {
        return random
            .values(rows * cols)
            .iter()
            .flat_map(|v| ((v.to_bits() >> 16) as u16).to_le_bytes())
            .collect();
    }
    if dtype == DType::F16 {
        return (0..rows * cols).flat_map(|_| half(random).to_le_bytes()).collect();
    }
    let blocks = rows * cols / dtype.block_len();
    let mut bytes = vec![0u8; blocks * dtype.block_bytes()];
    for block in bytes.chunks_exact_mut(dtype.block_bytes()) {
        block.iter_mut().for_each(|b| *b = random.bits() as u8);
        let places: &[usize] = match dtype {
            DType::Q4_0 | DType::Q5_0 | DType::Q8_0 => &[0],
            DType::Q4_1 | DType::Q5_1 | DType::Q4_K | DType::Q5_K => &[0, 2],
            DType::Q2_K => &[80, 82],
            DType::Q3_K => &[108],
            DType::Q6_K => &[208],
            DType::F32 | DType::F16 | DType::BF16 => &[],
        };
        for &at in places {
            block[at..at + 2].copy_from_slice(&half(random).to_le_bytes());
        }
    }
    bytes
}

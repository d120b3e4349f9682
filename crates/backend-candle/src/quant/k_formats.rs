//! ggml's 256-value formats ("K-quants"), unpacked: a block's scale times a small integer scale for each 16 or 32 values.

use super::format::{Format, half, high_nibbles, low_nibbles, part, part_mut};

pub(crate) struct Q2K;
pub(crate) struct Q3K;
pub(crate) struct Q4K;
pub(crate) struct Q5K;
pub(crate) struct Q6K;

impl Format for Q2K {
    const BLOCK: usize = 256;
    const BYTES: usize = 84;
    const SUB: usize = 16;
    const OFFSETS: bool = true;

    /// `[16: scale and minimum, 4 bits each][64: 2-bit values][F16 d][F16 dmin]`.
    #[inline(always)]
    fn unpack(block: &[u8], q: &mut [i16], scales: &mut [f32], offsets: &mut [f32]) {
        let (d, d_min) = (half(&block[80..]), half(&block[82..]));
        for sub in 0..16 {
            scales[sub] = d * f32::from(block[sub] & 15);
            offsets[sub] = -d_min * f32::from(block[sub] >> 4);
        }
        for half in 0..2 {
            let bytes = part::<32>(block, 16 + half * 32);
            for two in 0..4 {
                let q = part_mut::<_, 32>(q, half * 128 + two * 32);
                for i in 0..32 {
                    q[i] = i16::from(bytes[i] >> (2 * two) & 3);
                }
            }
        }
    }
}

impl Format for Q3K {
    const BLOCK: usize = 256;
    const BYTES: usize = 110;
    const SUB: usize = 16;
    const OFFSETS: bool = false;

    /// `[32: third bits][64: two low bits][12: sixteen 6-bit scales, 32 subtracted][F16 d]`.
    #[inline(always)]
    fn unpack(block: &[u8], q: &mut [i16], scales: &mut [f32], _: &mut [f32]) {
        let d = half(&block[108..]);
        let packed = &block[96..108];
        for sub in 0..16 {
            // Four low bits: low nibbles of bytes 0..8, then their high nibbles. Two high bits: bytes 8..12, two bits for each group of four.
            let low = if sub < 8 { packed[sub] & 15 } else { packed[sub - 8] >> 4 };
            let high = packed[8 + sub % 4] >> (2 * (sub / 4)) & 3;
            scales[sub] = d * f32::from(i16::from(low | high << 4) - 32);
        }
        let third = part::<32>(block, 0);
        for half in 0..2 {
            let bytes = part::<32>(block, 32 + half * 32);
            for two in 0..4 {
                let mask = 1u8 << (half * 4 + two);
                let q = part_mut::<_, 32>(q, half * 128 + two * 32);
                for i in 0..32 {
                    let less = if third[i] & mask == 0 { 4 } else { 0 };
                    q[i] = i16::from(bytes[i] >> (2 * two) & 3) - less;
                }
            }
        }
    }
}

/// Scales and minima of Q4_K and Q5_K: `[F16 d][F16 dmin][12: eight 6-bit scales and eight 6-bit minima]`.
#[inline(always)]
fn scales_and_offsets(block: &[u8], scales: &mut [f32], offsets: &mut [f32]) {
    let (d, d_min) = (half(block), half(&block[2..]));
    let packed = &block[4..16];
    for i in 0..4 {
        scales[i] = d * f32::from(packed[i] & 63);
        offsets[i] = -d_min * f32::from(packed[i + 4] & 63);
        // The last four keep two of their bits above those of the first four.
        scales[i + 4] = d * f32::from(packed[i + 8] & 15 | packed[i] >> 6 << 4);
        offsets[i + 4] = -d_min * f32::from(packed[i + 8] >> 4 | packed[i + 4] >> 6 << 4);
    }
}

impl Format for Q4K {
    const BLOCK: usize = 256;
    const BYTES: usize = 144;
    const SUB: usize = 32;
    const OFFSETS: bool = true;

    /// `[16: scales][128: for each 64 values, low nibbles, then high]`.
    #[inline(always)]
    fn unpack(block: &[u8], q: &mut [i16], scales: &mut [f32], offsets: &mut [f32]) {
        scales_and_offsets(block, scales, offsets);
        for four in 0..4 {
            for half in 0..2 {
                let bytes = part(block, 16 + four * 32 + half * 16);
                low_nibbles(bytes, part_mut(q, four * 64 + half * 16), 0);
                high_nibbles(bytes, part_mut(q, four * 64 + 32 + half * 16), 0);
            }
        }
    }
}

impl Format for Q5K {
    const BLOCK: usize = 256;
    const BYTES: usize = 176;
    const SUB: usize = 32;
    const OFFSETS: bool = true;

    /// `[16: scales][32: fifth bits, bit `s` for the `s`-th 32 values][128: as Q4_K]`.
    #[inline(always)]
    fn unpack(block: &[u8], q: &mut [i16], scales: &mut [f32], offsets: &mut [f32]) {
        scales_and_offsets(block, scales, offsets);
        let fifth = part::<32>(block, 16);
        for four in 0..4 {
            let bytes = part::<32>(block, 48 + four * 32);
            let q = part_mut::<_, 64>(q, four * 64);
            for i in 0..32 {
                q[i] = i16::from(bytes[i] & 15 | (fifth[i] >> (2 * four) & 1) << 4);
            }
            for i in 0..32 {
                q[32 + i] = i16::from(bytes[i] >> 4 | (fifth[i] >> (2 * four + 1) & 1) << 4);
            }
        }
    }
}

impl Format for Q6K {
    const BLOCK: usize = 256;
    const BYTES: usize = 210;
    const SUB: usize = 16;
    const OFFSETS: bool = false;

    /// `[128: four low bits][64: two high bits][16: i8 scales][F16 d]`.
    #[inline(always)]
    fn unpack(block: &[u8], q: &mut [i16], scales: &mut [f32], _: &mut [f32]) {
        let d = half(&block[208..]);
        for (scale, &byte) in scales.iter_mut().zip(&block[192..208]) {
            *scale = d * f32::from(byte as i8);
        }
        for half in 0..2 {
            let low = part::<64>(block, half * 64);
            let high = part::<32>(block, 128 + half * 32);
            let q = part_mut::<_, 128>(q, half * 128);
            // Four loops, each of plain vectors.
            for i in 0..32 {
                q[i] = i16::from(low[i] & 15 | (high[i] & 3) << 4) - 32;
            }
            for i in 0..32 {
                q[32 + i] = i16::from(low[32 + i] & 15 | (high[i] >> 2 & 3) << 4) - 32;
            }
            for i in 0..32 {
                q[64 + i] = i16::from(low[i] >> 4 | (high[i] >> 4 & 3) << 4) - 32;
            }
            for i in 0..32 {
                q[96 + i] = i16::from(low[32 + i] >> 4 | (high[i] >> 6) << 4) - 32;
            }
        }
    }
}

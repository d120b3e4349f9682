//! Formats with blocks of 256 values: Q2_K, Q3_K, Q4_K, Q5_K, Q6_K.

use super::{half, put_half, word};

const LOW: u32 = 0x0f0f_0f0f;
const PAIRS: u32 = 0x0303_0303;

/// The 64 bytes of 2-bit quants of Q2_K and Q3_K → 16 words. ggml: value `128h + 32j + l` at bits `2j` of byte `32h + l`;
/// ours: value `16k + 4i + j` at bits `8j + 2i` of word `k`.
fn two_bits(qs: &[u8], out: &mut [u32]) {
    for (k, out) in out.iter_mut().enumerate() {
        // Word k holds values 16k.., which all share half h and shift j; four source words give its four groups.
        let (h, j, first) = (k / 8, (k % 8) / 2, (k % 2) * 4);
        *out = (0..4)
            .map(|i| ((word(qs, 8 * h + first + i) >> (2 * j)) & PAIRS) << (2 * i))
            .fold(0, |a, b| a | b);
    }
}

/// Bit `j` of each of 32 bytes → 8 words, word `j` holding the bits of 32 values in order.
fn one_bit(bytes: &[u8], out: &mut [u32]) {
    for (j, out) in out.iter_mut().enumerate() {
        // The multiplication gathers four spread bits at bits 24..28 (no two products meet).
        *out = (0..8)
            .map(|i| (((word(bytes, i) >> j) & 0x0101_0101).wrapping_mul(0x0102_0408) >> 24 & 0xf) << (4 * i))
            .fold(0, |a, b| a | b);
    }
}

/// The 12 bytes of 6-bit scales and minimums of Q4_K and Q5_K → 4 words of byte pairs (scale, minimum).
fn scales_and_mins(bytes: &[u8], out: &mut [u32]) {
    for (g, pair) in (0..8).map(|g| {
        if g < 4 {
            (g, (bytes[g] & 63, bytes[g + 4] & 63))
        } else {
            (
                g,
                (
                    (bytes[g + 4] & 15) | ((bytes[g - 4] >> 6) << 4),
                    (bytes[g + 4] >> 4) | ((bytes[g] >> 6) << 4),
                ),
            )
        }
    }) {
        let bits = u32::from(pair.0) | (u32::from(pair.1) << 8);
        if g % 2 == 0 {
            out[g / 2] = bits;
        } else {
            out[g / 2] |= bits << 16;
        }
    }
}

/// The 128 bytes of 4-bit quants of Q4_K and Q5_K → 32 words. ggml: 32 bytes hold 64 values, the first 32 in the lower halves.
fn four_bits(qs: &[u8], out: &mut [u32]) {
    for c in 0..4 {
        for i in 0..4 {
            let (a, b) = (word(qs, 8 * c + 2 * i), word(qs, 8 * c + 2 * i + 1));
            out[8 * c + i] = (a & LOW) | ((b & LOW) << 4);
            out[8 * c + 4 + i] = ((a >> 4) & LOW) | (b & !LOW);
        }
    }
}

/// Q2_K: `scales[16], qs[64], d, dmin`.
pub fn q2(row: &[u8], out: &mut [u32]) {
    let blocks = row.len() / 84;
    let (quants, rest) = out.split_at_mut(16 * blocks);
    let (scales, halves) = rest.split_at_mut(4 * blocks);
    for (b, bytes) in row.chunks_exact(84).enumerate() {
        two_bits(&bytes[16..80], &mut quants[16 * b..16 * b + 16]);
        for i in 0..4 {
            scales[4 * b + i] = word(bytes, i);
        }
        halves[b] = word(&bytes[80..], 0);
    }
}

/// Q3_K: `hmask[32], qs[64], scales[12], d`.
pub fn q3(row: &[u8], out: &mut [u32]) {
    let blocks = row.len() / 110;
    let (quants, rest) = out.split_at_mut(16 * blocks);
    let (thirds, rest) = rest.split_at_mut(8 * blocks);
    let (scales, halves) = rest.split_at_mut(4 * blocks);
    halves.fill(0);
    for (b, bytes) in row.chunks_exact(110).enumerate() {
        two_bits(&bytes[32..96], &mut quants[16 * b..16 * b + 16]);
        one_bit(&bytes[..32], &mut thirds[8 * b..8 * b + 8]);
        let s = &bytes[96..108];
        for i in 0..4 {
            // Group g: lower 4 bits in byte g % 8 (upper half from g = 8 on), upper 2 bits in byte 8 + g % 4 at 2 (g / 4); minus 32.
            let four = [0, 1, 2, 3].map(|j| {
                let g = 4 * i + j;
                let low = if g < 8 { s[g] & 15 } else { s[g - 8] >> 4 };
                let high = (s[8 + g % 4] >> (2 * (g / 4))) & 3;
                (low | (high << 4)).wrapping_sub(32)
            });
            scales[4 * b + i] = u32::from_le_bytes(four);
        }
        put_half(halves, b, half(&bytes[108..], 0));
    }
}

/// Q4_K: `d, dmin, scales[12], qs[128]`.
pub fn q4(row: &[u8], out: &mut [u32]) {
    let blocks = row.len() / 144;
    let (quants, rest) = out.split_at_mut(32 * blocks);
    let (scales, halves) = rest.split_at_mut(4 * blocks);
    for (b, bytes) in row.chunks_exact(144).enumerate() {
        four_bits(&bytes[16..], &mut quants[32 * b..32 * b + 32]);
        scales_and_mins(&bytes[4..16], &mut scales[4 * b..4 * b + 4]);
        halves[b] = word(bytes, 0);
    }
}

/// Q5_K: `d, dmin, scales[12], qh[32], qs[128]`.
pub fn q5(row: &[u8], out: &mut [u32]) {
    let blocks = row.len() / 176;
    let (quants, rest) = out.split_at_mut(32 * blocks);
    let (fifths, rest) = rest.split_at_mut(8 * blocks);
    let (scales, halves) = rest.split_at_mut(4 * blocks);
    for (b, bytes) in row.chunks_exact(176).enumerate() {
        four_bits(&bytes[48..], &mut quants[32 * b..32 * b + 32]);
        one_bit(&bytes[16..48], &mut fifths[8 * b..8 * b + 8]);
        scales_and_mins(&bytes[4..16], &mut scales[4 * b..4 * b + 4]);
        halves[b] = word(bytes, 0);
    }
}

/// Q6_K: `ql[128], qh[64], scales[16], d`.
pub fn q6(row: &[u8], out: &mut [u32]) {
    let blocks = row.len() / 210;
    let (quants, rest) = out.split_at_mut(32 * blocks);
    let (uppers, rest) = rest.split_at_mut(16 * blocks);
    let (scales, halves) = rest.split_at_mut(4 * blocks);
    halves.fill(0);
    for (b, bytes) in row.chunks_exact(210).enumerate() {
        let quants = &mut quants[32 * b..32 * b + 32];
        for h in 0..2 {
            // Values 128h + 32j + l: lower halves of ql[64h + l] for j = 0 and ql[64h + 32 + l] for j = 1, then the upper halves.
            for j in 0..4 {
                let source = 16 * h + 8 * (j % 2);
                for i in 0..4 {
                    let (x, y) = (word(bytes, source + 2 * i), word(bytes, source + 2 * i + 1));
                    quants[16 * h + 4 * j + i] = if j < 2 {
                        (x & LOW) | ((y & LOW) << 4)
                    } else {
                        ((x >> 4) & LOW) | (y & !LOW)
                    };
                }
            }
        }
        // The upper bits lie as the quants of Q2_K do.
        two_bits(&bytes[128..192], &mut uppers[16 * b..16 * b + 16]);
        for i in 0..4 {
            scales[4 * b + i] = word(&bytes[192..], i);
        }
        put_half(halves, b, half(&bytes[208..], 0));
    }
}

//! Formats with blocks of 32 values: Q4_0, Q4_1, Q5_0, Q5_1, Q8_0.

use super::{half, put_half, word};

const LOW: u32 = 0x0f0f_0f0f;

/// Q4_0, Q4_1, Q5_0 and Q5_1. `block`: bytes of a block; `fifth`: where its word of fifth bits starts.
///
/// ggml stores value `i` in the lower half of byte `i` and value `i + 16` in the upper half, we store 8 consecutive values in a word.
/// Fifth bits are in order in both.
pub fn q4(row: &[u8], out: &mut [u32], block: usize, fifth: Option<usize>) {
    let blocks = row.len() / block;
    let with_min = matches!(block, 20 | 24);
    let (quants, rest) = out.split_at_mut(4 * blocks);
    let (fifths, scales) = rest.split_at_mut(if fifth.is_some() { blocks } else { 0 });
    scales.fill(0);
    for (b, bytes) in row.chunks_exact(block).enumerate() {
        let q = &bytes[block - 16..];
        let (q0, q1, q2, q3) = (word(q, 0), word(q, 1), word(q, 2), word(q, 3));
        let four = &mut quants[4 * b..4 * b + 4];
        four[0] = (q0 & LOW) | ((q1 & LOW) << 4);
        four[1] = (q2 & LOW) | ((q3 & LOW) << 4);
        four[2] = ((q0 >> 4) & LOW) | (q1 & !LOW);
        four[3] = ((q2 >> 4) & LOW) | (q3 & !LOW);
        if let Some(at) = fifth {
            fifths[b] = word(&bytes[at..], 0);
        }
        if with_min {
            scales[b] = word(bytes, 0);
        } else {
            put_half(scales, b, half(bytes, 0));
        }
    }
}

/// Q8_0.
pub fn q8(row: &[u8], out: &mut [u32]) {
    let blocks = row.len() / 34;
    let (quants, scales) = out.split_at_mut(8 * blocks);
    scales.fill(0);
    for (b, bytes) in row.chunks_exact(34).enumerate() {
        put_half(scales, b, half(bytes, 0));
        for i in 0..8 {
            quants[8 * b + i] = word(&bytes[2..], i);
        }
    }
}

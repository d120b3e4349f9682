//! Q6_K: 256 values of 6 bits, in 16 groups with 8-bit scales.
//!
//! ```text
//! 128 bytes of low bits · 64 bytes of high bits · 16 × i8 scale · d      x = d scale (q - 32)
//! value 32 s + l of half h (128 values): low four bits in byte 64 h + 32 (s % 2) + l, low half for s < 2, high half after;
//! upper two bits in byte 32 h + l at bits 2 s
//! ```

use super::{Format, extreme, fit, get_f16, inverse, nearest, put_f16};
use decoder::DType;

pub struct Q6K;

const GROUP: usize = 16;
const HIGH: usize = 128;
const SCALES: usize = 192;
const D: usize = 208;

/// `(byte, shift)` of the low bits and of the high bits of value `i`.
fn place(i: usize) -> ((usize, usize), (usize, usize)) {
    let (h, s, l) = (i / 128, i % 128 / 32, i % 32);
    ((64 * h + 32 * (s % 2) + l, s / 2 * 4), (HIGH + 32 * h + l, 2 * s))
}

impl Format for Q6K {
    const DTYPE: DType = DType::Q6_K;

    fn dequantize(bytes: &[u8], out: &mut [f32]) {
        let d = get_f16(bytes, D);
        for (g, out) in out.chunks_exact_mut(GROUP).enumerate() {
            let scale = d * (bytes[SCALES + g] as i8) as f32;
            for (j, out) in out.iter_mut().enumerate() {
                let ((low, low_shift), (high, high_shift)) = place(g * GROUP + j);
                let code = bytes[low] >> low_shift & 15 | (bytes[high] >> high_shift & 3) << 4;
                *out = scale * (code as i32 - 32) as f32;
            }
        }
    }

    fn quantize(values: &[f32], out: &mut [u8]) {
        let mut scales = [0.0f32; 16];
        let mut weights = [0.0; GROUP];
        for (g, group) in values.chunks_exact(GROUP).enumerate() {
            fit::importance(group, &mut weights);
            scales[g] = fit::symmetric(group, &weights, 32);
        }
        // The extreme scale becomes -128, exactly.
        let d = put_f16(out, D, extreme(&scales) / -128.0);
        for (g, group) in values.chunks_exact(GROUP).enumerate() {
            fit::importance(group, &mut weights);
            let scale = fit::symmetric_code(group, &weights, 32, scales[g], d, 128);
            out[SCALES + g] = scale as i8 as u8;
            let step = inverse(d * scale as f32);
            for (j, x) in group.iter().enumerate() {
                let ((low, low_shift), (high, high_shift)) = place(g * GROUP + j);
                let code = (nearest(x * step, -32, 31) + 32) as u8;
                out[low] |= (code & 15) << low_shift;
                out[high] |= (code >> 4) << high_shift;
            }
        }
    }
}

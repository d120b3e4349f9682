//! Q2_K: 256 values of 2 bits, in 16 groups with 4-bit scales and minima.
//!
//! ```text
//! 16 bytes: low half scale, high half min of group g · 64 bytes of codes · d · dmin      x = d scale q - dmin min
//! codes: half h (128 values) has 32 bytes; value 32 s + l of the half sits in byte l at bits 2s
//! ```

use super::{Format, fit, get_f16, inverse, nearest, put_f16};
use decoder::DType;

pub struct Q2K;

const GROUP: usize = 16;

/// Byte and shift of the 2-bit code of value `i`; Q3_K keeps its low bits the same way.
pub(super) fn place(i: usize) -> (usize, usize) {
    (i / 128 * 32 + i % 32, i % 128 / 32 * 2)
}

impl Format for Q2K {
    const DTYPE: DType = DType::Q2_K;

    fn dequantize(bytes: &[u8], out: &mut [f32]) {
        let (d, dmin) = (get_f16(bytes, 80), get_f16(bytes, 82));
        for (g, out) in out.chunks_exact_mut(GROUP).enumerate() {
            let scale = d * (bytes[g] & 15) as f32;
            let min = dmin * (bytes[g] >> 4) as f32;
            for (j, out) in out.iter_mut().enumerate() {
                let (byte, shift) = place(g * GROUP + j);
                *out = scale * (bytes[16 + byte] >> shift & 3) as f32 - min;
            }
        }
    }

    fn quantize(values: &[f32], out: &mut [u8]) {
        let mut scales = [0.0f32; 16];
        let mut mins = [0.0f32; 16];
        let mut weights = [0.0; GROUP];
        for (g, group) in values.chunks_exact(GROUP).enumerate() {
            fit::importance(group, &mut weights);
            (scales[g], mins[g]) = fit::affine(group, &weights, 3);
        }
        let d = put_f16(out, 80, scales.iter().fold(0.0, |a: f32, &b| a.max(b)) / 15.0);
        let dmin = put_f16(out, 82, mins.iter().fold(0.0, |a: f32, &b| a.max(b)) / 15.0);
        for (g, group) in values.chunks_exact(GROUP).enumerate() {
            fit::importance(group, &mut weights);
            let (scale, min) = fit::affine_codes(group, &weights, 3, (scales[g], mins[g]), (d, dmin), 15);
            out[g] = scale | min << 4;
            let (step, offset) = (inverse(d * scale as f32), dmin * min as f32);
            for (j, x) in group.iter().enumerate() {
                let (byte, shift) = place(g * GROUP + j);
                out[16 + byte] |= (nearest((x + offset) * step, 0, 3) as u8) << shift;
            }
        }
    }
}

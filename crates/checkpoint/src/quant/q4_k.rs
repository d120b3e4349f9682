//! Q4_K: 256 values of 4 bits, in 8 groups of 32 with 6-bit scales and minima.
//!
//! ```text
//! d · dmin · 12 bytes of scales and minima (k_scales) · 128 bytes      x = d scale q - dmin min
//! byte 32 p + l: value l of group 2p in the low half, of group 2p + 1 in the high half
//! ```

use super::{Format, fit, get_f16, inverse, k_scales, nearest, put_f16};
use decoder::DType;

pub struct Q4K;

pub(super) const GROUP: usize = 32;
const CODES: usize = 16;

impl Format for Q4K {
    const DTYPE: DType = DType::Q4_K;

    fn dequantize(bytes: &[u8], out: &mut [f32]) {
        for (g, out) in out.chunks_exact_mut(GROUP).enumerate() {
            let (scale, min) = grid(bytes, g);
            let codes = &bytes[CODES + g / 2 * GROUP..][..GROUP];
            for (out, code) in out.iter_mut().zip(codes) {
                *out = scale * (code >> (g % 2 * 4) & 15) as f32 - min;
            }
        }
    }

    fn quantize(values: &[f32], out: &mut [u8]) {
        put_grids(values, 15, out);
        for (g, group) in values.chunks_exact(GROUP).enumerate() {
            let (scale, min) = grid(out, g);
            let step = inverse(scale);
            for (j, x) in group.iter().enumerate() {
                out[CODES + g / 2 * GROUP + j] |= (nearest((x + min) * step, 0, 15) as u8) << (g % 2 * 4);
            }
        }
    }
}

/// Scale and minimum of group `g`; Q5_K's are the same.
pub(super) fn grid(bytes: &[u8], g: usize) -> (f32, f32) {
    let (scale, min) = k_scales::get(&bytes[4..16], g);
    (get_f16(bytes, 0) * scale as f32, get_f16(bytes, 2) * min as f32)
}

/// Chooses and stores scales and minima for codes `0 ..= top`.
pub(super) fn put_grids(values: &[f32], top: i32, out: &mut [u8]) {
    let mut scales = [0.0f32; 8];
    let mut mins = [0.0f32; 8];
    let mut weights = [0.0; GROUP];
    for (g, group) in values.chunks_exact(GROUP).enumerate() {
        fit::importance(group, &mut weights);
        (scales[g], mins[g]) = fit::affine(group, &weights, top);
    }
    let d = put_f16(out, 0, scales.iter().fold(0.0, |a: f32, &b| a.max(b)) / 63.0);
    let dmin = put_f16(out, 2, mins.iter().fold(0.0, |a: f32, &b| a.max(b)) / 63.0);
    let mut codes = ([0u8; 8], [0u8; 8]);
    for (g, group) in values.chunks_exact(GROUP).enumerate() {
        fit::importance(group, &mut weights);
        (codes.0[g], codes.1[g]) = fit::affine_codes(group, &weights, top, (scales[g], mins[g]), (d, dmin), 63);
    }
    k_scales::put(&mut out[4..16], &codes.0, &codes.1);
}

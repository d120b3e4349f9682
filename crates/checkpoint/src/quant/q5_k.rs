//! Q5_K: 256 values of 5 bits, in 8 groups of 32 with 6-bit scales and minima.
//!
//! ```text
//! d · dmin · 12 bytes of scales and minima (k_scales) · 32 bytes h · 128 bytes      x = d scale q - dmin min
//! low four bits as in Q4_K; fifth bit of value l of group g: bit g of byte l of h
//! ```

use super::q4_k::{GROUP, grid, put_grids};
use super::{Format, inverse, nearest};
use decoder::DType;

pub struct Q5K;

const HIGH: usize = 16;
const LOW: usize = 48;

impl Format for Q5K {
    const DTYPE: DType = DType::Q5_K;

    fn dequantize(bytes: &[u8], out: &mut [f32]) {
        for (g, out) in out.chunks_exact_mut(GROUP).enumerate() {
            let (scale, min) = grid(bytes, g);
            for (j, out) in out.iter_mut().enumerate() {
                let code = bytes[LOW + g / 2 * GROUP + j] >> (g % 2 * 4) & 15 | (bytes[HIGH + j] >> g & 1) << 4;
                *out = scale * code as f32 - min;
            }
        }
    }

    fn quantize(values: &[f32], out: &mut [u8]) {
        put_grids(values, 31, out);
        for (g, group) in values.chunks_exact(GROUP).enumerate() {
            let (scale, min) = grid(out, g);
            let step = inverse(scale);
            for (j, x) in group.iter().enumerate() {
                let code = nearest((x + min) * step, 0, 31) as u8;
                out[LOW + g / 2 * GROUP + j] |= (code & 15) << (g % 2 * 4);
                out[HIGH + j] |= (code >> 4) << g;
            }
        }
    }
}

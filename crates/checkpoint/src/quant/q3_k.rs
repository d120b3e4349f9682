//! Q3_K: 256 values of 3 bits, in 16 groups with 6-bit scales.
//!
//! ```text
//! 32 bytes of high bits · 64 bytes of low bits · 12 bytes of scales · d      x = d (scale - 32) (q - 4)
//! high bit of value i: bit i / 32 of byte i % 32; low two bits as in Q2_K
//! scale g: low four bits in byte g % 8 (low half for g < 8, high half after), upper two in byte 8 + g % 4 at bits 2 (g / 4)
//! ```

use super::q2_k::place;
use super::{Format, extreme, fit, get_f16, inverse, nearest, put_f16};
use decoder::DType;

pub struct Q3K;

const GROUP: usize = 16;
const LOW: usize = 32;
const SCALES: usize = 96;
const D: usize = 108;

fn get_scale(bytes: &[u8], g: usize) -> i32 {
    let low = bytes[g % 8] >> (g / 8 * 4) & 15;
    let high = bytes[8 + g % 4] >> (g / 4 * 2) & 3;
    i32::from(low | high << 4) - 32
}

fn put_scale(bytes: &mut [u8], g: usize, scale: i32) {
    let code = (scale + 32) as u8;
    bytes[g % 8] |= (code & 15) << (g / 8 * 4);
    bytes[8 + g % 4] |= (code >> 4) << (g / 4 * 2);
}

impl Format for Q3K {
    const DTYPE: DType = DType::Q3_K;

    fn dequantize(bytes: &[u8], out: &mut [f32]) {
        let d = get_f16(bytes, D);
        for (g, out) in out.chunks_exact_mut(GROUP).enumerate() {
            let scale = d * get_scale(&bytes[SCALES..], g) as f32;
            for (j, out) in out.iter_mut().enumerate() {
                let i = g * GROUP + j;
                let (byte, shift) = place(i);
                let code = bytes[LOW + byte] >> shift & 3 | (bytes[i % 32] >> (i / 32) & 1) << 2;
                *out = scale * (code as i32 - 4) as f32;
            }
        }
    }

    fn quantize(values: &[f32], out: &mut [u8]) {
        let mut scales = [0.0f32; 16];
        let mut weights = [0.0; GROUP];
        for (g, group) in values.chunks_exact(GROUP).enumerate() {
            fit::importance(group, &mut weights);
            scales[g] = fit::symmetric(group, &weights, 4);
        }
        // The extreme scale becomes -32, exactly.
        let d = put_f16(out, D, extreme(&scales) / -32.0);
        for (g, group) in values.chunks_exact(GROUP).enumerate() {
            fit::importance(group, &mut weights);
            let scale = fit::symmetric_code(group, &weights, 4, scales[g], d, 32);
            put_scale(&mut out[SCALES..], g, scale);
            let step = inverse(d * scale as f32);
            for (j, x) in group.iter().enumerate() {
                let i = g * GROUP + j;
                let (byte, shift) = place(i);
                let code = (nearest(x * step, -4, 3) + 4) as u8;
                out[LOW + byte] |= (code & 3) << shift;
                out[i % 32] |= (code >> 2) << (i / 32);
            }
        }
    }
}

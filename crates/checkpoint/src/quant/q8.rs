//! Q8_0: 32 values of 8 bits. `d · 32 × i8`, `x = d q`.

use super::{Format, extreme, get_f16, inverse, put_f16};
use decoder::DType;

pub struct Q8_0;

impl Format for Q8_0 {
    const DTYPE: DType = DType::Q8_0;

    fn dequantize(bytes: &[u8], out: &mut [f32]) {
        let d = get_f16(bytes, 0);
        for (out, &byte) in out.iter_mut().zip(&bytes[2..]) {
            *out = d * (byte as i8) as f32;
        }
    }

    fn quantize(values: &[f32], out: &mut [u8]) {
        let d = extreme(values).abs() / 127.0;
        let inverse = inverse(d);
        put_f16(out, 0, d);
        for (out, value) in out[2..].iter_mut().zip(values) {
            // Ties away from zero, as ggml.
            *out = (value * inverse).round() as i8 as u8;
        }
    }
}

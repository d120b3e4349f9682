//! Q4_0 and Q4_1: 32 values of 4 bits.
//!
//! ```text
//! Q4_0: d · 16 bytes      x = d (q - 8)
//! Q4_1: d · m · 16 bytes  x = d q + m
//! byte j: value j in the low half, value j + 16 in the high half
//! ```

use super::{Format, extreme, get_f16, inverse, put_f16, range};
use decoder::DType;

pub struct Q4_0;
pub struct Q4_1;

impl Format for Q4_0 {
    const DTYPE: DType = DType::Q4_0;

    fn dequantize(bytes: &[u8], out: &mut [f32]) {
        let d = get_f16(bytes, 0);
        for (j, byte) in bytes[2..].iter().enumerate() {
            out[j] = d * ((byte & 15) as i32 - 8) as f32;
            out[j + 16] = d * ((byte >> 4) as i32 - 8) as f32;
        }
    }

    fn quantize(values: &[f32], out: &mut [u8]) {
        // The extreme value becomes -8, exactly.
        let d = extreme(values) / -8.0;
        let inverse = inverse(d);
        put_f16(out, 0, d);
        for j in 0..16 {
            out[2 + j] = shifted(values[j], inverse, 8.5, 15) | shifted(values[j + 16], inverse, 8.5, 15) << 4;
        }
    }
}

/// `x * inverse + shift`, cut off to a whole number. In f64, where the product is exact: ggml's compilers fuse it with the sum, and the
/// bytes should not depend on that.
pub(super) fn shifted(x: f32, inverse: f32, shift: f64, high: u8) -> u8 {
    ((x as f64 * inverse as f64 + shift) as u8).min(high)
}

impl Format for Q4_1 {
    const DTYPE: DType = DType::Q4_1;

    fn dequantize(bytes: &[u8], out: &mut [f32]) {
        let (d, m) = (get_f16(bytes, 0), get_f16(bytes, 2));
        for (j, byte) in bytes[4..].iter().enumerate() {
            out[j] = d * (byte & 15) as f32 + m;
            out[j + 16] = d * (byte >> 4) as f32 + m;
        }
    }

    fn quantize(values: &[f32], out: &mut [u8]) {
        let (low, high) = range(values);
        let d = (high - low) / 15.0;
        let inverse = inverse(d);
        put_f16(out, 0, d);
        put_f16(out, 2, low);
        let code = |x: f32| (((x - low) * inverse + 0.5) as u8).min(15);
        for j in 0..16 {
            out[4 + j] = code(values[j]) | code(values[j + 16]) << 4;
        }
    }
}

//! Q5_0 and Q5_1: 32 values of 5 bits.
//!
//! ```text
//! Q5_0: d · u32 h · 16 bytes      x = d (q - 16)
//! Q5_1: d · m · u32 h · 16 bytes  x = d q + m
//! byte j: low four bits of value j in the low half, of value j + 16 in the high half; bit j of h: fifth bit of value j
//! ```

use super::q4::shifted;
use super::{Format, extreme, get_f16, inverse, put_f16, range};
use decoder::DType;

pub struct Q5_0;
pub struct Q5_1;

/// The 32 codes of `bytes`: `h`, then the halves.
fn unpack(bytes: &[u8]) -> [u8; 32] {
    let h = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let fifth = |j: usize| ((h >> j & 1) as u8) << 4;
    std::array::from_fn(|j| {
        if j < 16 {
            bytes[4 + j] & 15 | fifth(j)
        } else {
            bytes[4 + j - 16] >> 4 | fifth(j)
        }
    })
}

/// The inverse of [`unpack`].
fn pack(codes: &[u8; 32], bytes: &mut [u8]) {
    let h = codes.iter().enumerate().fold(0u32, |h, (j, code)| h | u32::from(code >> 4) << j);
    bytes[..4].copy_from_slice(&h.to_le_bytes());
    for j in 0..16 {
        bytes[4 + j] = codes[j] & 15 | codes[j + 16] << 4;
    }
}

impl Format for Q5_0 {
    const DTYPE: DType = DType::Q5_0;

    fn dequantize(bytes: &[u8], out: &mut [f32]) {
        let d = get_f16(bytes, 0);
        for (out, code) in out.iter_mut().zip(unpack(&bytes[2..])) {
            *out = d * (code as i32 - 16) as f32;
        }
    }

    fn quantize(values: &[f32], out: &mut [u8]) {
        // The extreme value becomes -16, exactly.
        let d = extreme(values) / -16.0;
        let inverse = inverse(d);
        put_f16(out, 0, d);
        pack(&std::array::from_fn(|j| shifted(values[j], inverse, 16.5, 31)), &mut out[2..]);
    }
}

impl Format for Q5_1 {
    const DTYPE: DType = DType::Q5_1;

    fn dequantize(bytes: &[u8], out: &mut [f32]) {
        let (d, m) = (get_f16(bytes, 0), get_f16(bytes, 2));
        for (out, code) in out.iter_mut().zip(unpack(&bytes[4..])) {
            *out = d * code as f32 + m;
        }
    }

    fn quantize(values: &[f32], out: &mut [u8]) {
        let (low, high) = range(values);
        let d = (high - low) / 31.0;
        let inverse = inverse(d);
        put_f16(out, 0, d);
        put_f16(out, 2, low);
        pack(
            &std::array::from_fn(|j| (((values[j] - low) * inverse + 0.5) as u8).min(31)),
            &mut out[4..],
        );
    }
}

//! Values of ggml's blocks, one at a time, as ggml's format describes them (ggml-common.h, the structs `block_*`).

use decoder::DType;

/// All values of a weight of `cols` columns.
pub fn weight(dtype: DType, bytes: &[u8]) -> Vec<f64> {
    let f = |at: &[u8]| f64::from(f32::from_le_bytes(at.try_into().expect("four bytes")));
    match dtype {
        DType::F32 => bytes.chunks_exact(4).map(f).collect(),
        DType::F16 => bytes.chunks_exact(2).map(half).collect(),
        DType::BF16 => bytes.chunks_exact(2).map(|b| f(&[0, 0, b[0], b[1]])).collect(),
        _ => bytes
            .chunks_exact(dtype.block_bytes())
            .flat_map(|block| (0..dtype.block_len()).map(move |i| value(dtype, block, i)))
            .collect(),
    }
}

/// A half by its definition.
pub fn half(bytes: &[u8]) -> f64 {
    let bits = u16::from_le_bytes([bytes[0], bytes[1]]);
    let sign = if bits >> 15 == 1 { -1.0 } else { 1.0 };
    let exponent = i32::from(bits >> 10 & 31);
    let mantissa = f64::from(bits & 1023);
    sign * if exponent == 0 {
        mantissa * 2f64.powi(-24)
    } else {
        (1024.0 + mantissa) * 2f64.powi(exponent - 25)
    }
}

/// Value `i` of a block.
fn value(dtype: DType, b: &[u8], i: usize) -> f64 {
    let nibble = |byte: u8, upper: bool| f64::from(if upper { byte >> 4 } else { byte & 15 });
    let signed = |byte: u8| f64::from(byte as i8);
    match dtype {
        DType::Q4_0 => half(b) * (nibble(b[2 + i % 16], i >= 16) - 8.0),
        DType::Q4_1 => half(b) * nibble(b[4 + i % 16], i >= 16) + half(&b[2..]),
        DType::Q5_0 => half(b) * (nibble(b[6 + i % 16], i >= 16) + 16.0 * bit(&b[2..6], i) - 16.0),
        DType::Q5_1 => half(b) * (nibble(b[8 + i % 16], i >= 16) + 16.0 * bit(&b[4..8], i)) + half(&b[2..]),
        DType::Q8_0 => half(b) * signed(b[2 + i]),
        DType::Q2_K => {
            let (scales, qs) = (&b[..16], &b[16..80]);
            let q = f64::from(qs[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3);
            half(&b[80..]) * nibble(scales[i / 16], false) * q - half(&b[82..]) * nibble(scales[i / 16], true)
        }
        DType::Q3_K => {
            let (mask, qs, scales) = (&b[..32], &b[32..96], &b[96..108]);
            let low = f64::from(qs[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3);
            let third = f64::from(mask[i % 32] >> (i / 32) & 1);
            let g = i / 16;
            let scale = nibble(scales[g % 8], g >= 8) + 16.0 * f64::from(scales[8 + g % 4] >> (g / 4 * 2) & 3) - 32.0;
            half(&b[108..]) * scale * (low + 4.0 * third - 4.0)
        }
        DType::Q4_K => {
            let (scale, min) = six_bits(&b[4..16], i / 32);
            half(b) * scale * nibble(b[16 + i / 64 * 32 + i % 32], i % 64 >= 32) - half(&b[2..]) * min
        }
        DType::Q5_K => {
            let (scale, min) = six_bits(&b[4..16], i / 32);
            let fifth = f64::from(b[16 + i % 32] >> (i / 32) & 1);
            let q = nibble(b[48 + i / 64 * 32 + i % 32], i % 64 >= 32) + 16.0 * fifth;
            half(b) * scale * q - half(&b[2..]) * min
        }
        DType::Q6_K => {
            let (low, high, scales) = (&b[..128], &b[128..192], &b[192..208]);
            let (h, j, l) = (i / 128, i % 128 / 32, i % 32);
            let q = nibble(low[64 * h + 32 * (j % 2) + l], j >= 2) + 16.0 * f64::from(high[32 * h + l] >> (2 * j) & 3);
            half(&b[208..]) * signed(scales[i / 16]) * (q - 32.0)
        }
        DType::F32 | DType::F16 | DType::BF16 => unreachable!("plain types have no blocks"),
    }
}

/// Bit `i` of little-endian bytes.
fn bit(bytes: &[u8], i: usize) -> f64 {
    f64::from(bytes[i / 8] >> (i % 8) & 1)
}

/// Scale and minimum of group `g` of Q4_K and Q5_K.
fn six_bits(s: &[u8], g: usize) -> (f64, f64) {
    let (scale, min) = if g < 4 {
        (s[g] & 63, s[g + 4] & 63)
    } else {
        ((s[g + 4] & 15) | (s[g - 4] >> 6 << 4), (s[g + 4] >> 4) | (s[g] >> 6 << 4))
    };
    (f64::from(scale), f64::from(min))
}

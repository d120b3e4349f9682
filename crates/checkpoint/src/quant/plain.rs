//! F32, F16, BF16: one value a block.

use super::Format;
use decoder::DType;
use half::{bf16, f16};

pub struct F32;
pub struct F16;
pub struct Bf16;

impl Format for F32 {
    const DTYPE: DType = DType::F32;

    fn dequantize(bytes: &[u8], out: &mut [f32]) {
        out[0] = f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    }

    fn quantize(values: &[f32], out: &mut [u8]) {
        out.copy_from_slice(&values[0].to_le_bytes());
    }
}

impl Format for F16 {
    const DTYPE: DType = DType::F16;

    fn dequantize(bytes: &[u8], out: &mut [f32]) {
        out[0] = f16::from_le_bytes([bytes[0], bytes[1]]).to_f32();
    }

    fn quantize(values: &[f32], out: &mut [u8]) {
        out.copy_from_slice(&f16::from_f32(values[0]).to_le_bytes());
    }
}

impl Format for Bf16 {
    const DTYPE: DType = DType::BF16;

    fn dequantize(bytes: &[u8], out: &mut [f32]) {
        out[0] = bf16::from_le_bytes([bytes[0], bytes[1]]).to_f32();
    }

    fn quantize(values: &[f32], out: &mut [u8]) {
        out.copy_from_slice(&bf16::from_f32(values[0]).to_le_bytes());
    }
}

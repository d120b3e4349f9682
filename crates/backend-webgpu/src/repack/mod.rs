//! From ggml's blocks to the planes of [`crate::formats`], a row at a time, while a weight streams to the GPU.
//!
//! Works on whole words (four bytes at once), so that it costs little beside reading the file. Next: [`blocks32`] and [`blocks256`].

mod blocks256;
mod blocks32;

use crate::formats::row_words;
use decoder::DType;

/// Writes a row in its GPU layout. `row` holds the file's bytes of `cols` values, `out` has [`row_words`] words and is overwritten.
pub fn row(dtype: DType, cols: usize, row: &[u8], out: &mut [u32]) {
    debug_assert_eq!(row.len(), dtype.row_bytes(cols).unwrap_or(0));
    debug_assert_eq!(out.len(), row_words(dtype, cols));
    match dtype {
        DType::F32 => plain(row, out),
        DType::F16 | DType::BF16 => plain(row, out),
        DType::Q4_0 => blocks32::q4(row, out, 18, None),
        DType::Q4_1 => blocks32::q4(row, out, 20, None),
        DType::Q5_0 => blocks32::q4(row, out, 22, Some(2)),
        DType::Q5_1 => blocks32::q4(row, out, 24, Some(4)),
        DType::Q8_0 => blocks32::q8(row, out),
        DType::Q2_K => blocks256::q2(row, out),
        DType::Q3_K => blocks256::q3(row, out),
        DType::Q4_K => blocks256::q4(row, out),
        DType::Q5_K => blocks256::q5(row, out),
        DType::Q6_K => blocks256::q6(row, out),
    }
}

/// Plain values: the bytes as they are, zeros behind them.
fn plain(row: &[u8], out: &mut [u32]) {
    let bytes: &mut [u8] = bytemuck::cast_slice_mut(out);
    bytes[..row.len()].copy_from_slice(row);
    bytes[row.len()..].fill(0);
}

/// Word number `i` of bytes that need not be aligned.
fn word(bytes: &[u8], i: usize) -> u32 {
    u32::from_le_bytes(bytes[4 * i..4 * i + 4].try_into().expect("four bytes"))
}

/// Half number `i` of bytes, as bits.
fn half(bytes: &[u8], i: usize) -> u32 {
    u32::from(u16::from_le_bytes(bytes[2 * i..2 * i + 2].try_into().expect("two bytes")))
}

/// Puts 16 bits at place `i` of a plane of halves. The plane must be zero before.
fn put_half(plane: &mut [u32], i: usize, bits: u32) {
    plane[i / 2] |= bits << (16 * (i % 2));
}

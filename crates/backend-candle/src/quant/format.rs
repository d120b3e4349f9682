//! ggml's 32-value formats, unpacked: `w = scale · q + offset`, `q` a small integer. The layouts are those of GGUF files.

/// Unpacks rows of one format.
pub(crate) trait Format {
    /// Values in a block.
    const BLOCK: usize;
    /// Bytes of a block.
    const BYTES: usize;
    /// Values that share a scale (and offset): 16 or 32.
    const SUB: usize;
    /// Whether weights have an offset.
    const OFFSETS: bool;

    /// One block → `BLOCK` integers, and for each `SUB` of them a scale and (where [`Format::OFFSETS`]) an offset.
    fn unpack(block: &[u8], q: &mut [i16], scales: &mut [f32], offsets: &mut [f32]);

    /// Whole blocks, one after the other.
    #[inline(always)] // into a function with the instructions to use
    fn unpack_row(row: &[u8], q: &mut [i16], scales: &mut [f32], offsets: &mut [f32]) {
        let subs = Self::BLOCK / Self::SUB;
        for (i, block) in row.chunks_exact(Self::BYTES).enumerate() {
            let q = &mut q[i * Self::BLOCK..(i + 1) * Self::BLOCK];
            Self::unpack(
                block,
                q,
                &mut scales[i * subs..(i + 1) * subs],
                &mut offsets[i * subs..(i + 1) * subs],
            );
        }
    }
}

/// A little-endian F16. Finite values only (a file's infinite scale would make 65536 here): one multiplication instead of a call.
#[inline(always)]
pub(crate) fn half(bytes: &[u8]) -> f32 {
    let bits = u32::from(u16::from_le_bytes([bytes[0], bytes[1]]));
    // Moves the exponent and mantissa to their F32 places; the bias differs by 112, which also makes denormals right.
    let magnitude = f32::from_bits((bits & 0x7FFF) << 13) * f32::from_bits((112 + 127) << 23);
    f32::from_bits(magnitude.to_bits() | (bits & 0x8000) << 16)
}

/// 16 bytes → low nibbles, then high nibbles.
#[inline(always)]
fn nibbles(bytes: &[u8], q: &mut [i16], shift: i16) {
    let (low, high) = q.split_at_mut(16);
    for i in 0..16 {
        low[i] = i16::from(bytes[i] & 15) - shift;
        high[i] = i16::from(bytes[i] >> 4) - shift;
    }
}

/// The fifth bits of 32 values, added as 16.
#[inline(always)]
fn fifth_bits(bytes: &[u8], q: &mut [i16]) {
    let bits = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    for half in 0..2 {
        // A vector of the same 16 bits, masked by one bit a lane: no shift by a lane's own amount, which wasm lacks.
        let word = (bits >> (16 * half)) as u16;
        for i in 0..16 {
            q[half * 16 + i] |= if word & (1 << i) != 0 { 16 } else { 0 };
        }
    }
}

pub(crate) struct Q4_0;
pub(crate) struct Q4_1;
pub(crate) struct Q5_0;
pub(crate) struct Q5_1;
pub(crate) struct Q8_0;

impl Format for Q4_0 {
    const BLOCK: usize = 32;
    const BYTES: usize = 18;
    const SUB: usize = 32;
    const OFFSETS: bool = false;

    #[inline(always)]
    fn unpack(block: &[u8], q: &mut [i16], scales: &mut [f32], _: &mut [f32]) {
        scales[0] = half(block);
        nibbles(&block[2..18], q, 8);
    }
}

impl Format for Q4_1 {
    const BLOCK: usize = 32;
    const BYTES: usize = 20;
    const SUB: usize = 32;
    const OFFSETS: bool = true;

    #[inline(always)]
    fn unpack(block: &[u8], q: &mut [i16], scales: &mut [f32], offsets: &mut [f32]) {
        scales[0] = half(block);
        offsets[0] = half(&block[2..]);
        nibbles(&block[4..20], q, 0);
    }
}

impl Format for Q5_0 {
    const BLOCK: usize = 32;
    const BYTES: usize = 22;
    const SUB: usize = 32;
    const OFFSETS: bool = false;

    #[inline(always)]
    fn unpack(block: &[u8], q: &mut [i16], scales: &mut [f32], _: &mut [f32]) {
        scales[0] = half(block);
        nibbles(&block[6..22], q, 0);
        fifth_bits(&block[2..6], q);
        q[..32].iter_mut().for_each(|q| *q -= 16);
    }
}

impl Format for Q5_1 {
    const BLOCK: usize = 32;
    const BYTES: usize = 24;
    const SUB: usize = 32;
    const OFFSETS: bool = true;

    #[inline(always)]
    fn unpack(block: &[u8], q: &mut [i16], scales: &mut [f32], offsets: &mut [f32]) {
        scales[0] = half(block);
        offsets[0] = half(&block[2..]);
        nibbles(&block[8..24], q, 0);
        fifth_bits(&block[4..8], q);
    }
}

impl Format for Q8_0 {
    const BLOCK: usize = 32;
    const BYTES: usize = 34;
    const SUB: usize = 32;
    const OFFSETS: bool = false;

    #[inline(always)]
    fn unpack(block: &[u8], q: &mut [i16], scales: &mut [f32], _: &mut [f32]) {
        scales[0] = half(block);
        for (q, &byte) in q[..32].iter_mut().zip(&block[2..34]) {
            *q = i16::from(byte as i8);
        }
    }
}

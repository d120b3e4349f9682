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
        let outputs = q
            .chunks_exact_mut(Self::BLOCK)
            .zip(scales.chunks_exact_mut(subs))
            .zip(offsets.chunks_exact_mut(subs));
        for (block, ((q, scales), offsets)) in row.chunks_exact(Self::BYTES).zip(outputs) {
            // Without `black_box` the compiler vectorises over blocks, whose odd sizes make it load byte by byte: several times slower
            // (2026-11, LLVM 21). Only the pointer goes through it, so that the length stays known and no bounds are checked below.
            // SAFETY: the pointer and length of `block` itself.
            let block = unsafe { std::slice::from_raw_parts(std::hint::black_box(block.as_ptr()), Self::BYTES) };
            Self::unpack(block, q, scales, offsets);
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

/// `N` values from `at` on, as an array: one check of bounds, and loops over it become vector instructions.
#[inline(always)]
pub(crate) fn part<const N: usize>(bytes: &[u8], at: usize) -> &[u8; N] {
    bytes[at..at + N].try_into().expect("N values")
}

/// As [`part`], to write.
#[inline(always)]
pub(crate) fn part_mut<T, const N: usize>(values: &mut [T], at: usize) -> &mut [T; N] {
    (&mut values[at..at + N]).try_into().expect("N values")
}

/// 16 bytes → low nibbles, then high nibbles.
#[inline(always)]
fn nibbles(bytes: &[u8; 16], q: &mut [i16; 32], shift: i16) {
    low_nibbles(bytes, part_mut(q, 0), shift);
    high_nibbles(bytes, part_mut(q, 16), shift);
}

#[inline(always)]
pub(crate) fn low_nibbles(bytes: &[u8; 16], q: &mut [i16; 16], shift: i16) {
    let low: [u8; 16] = std::array::from_fn(|i| bytes[i] & 15);
    *q = std::array::from_fn(|i| i16::from(low[i]) - shift);
}

#[inline(always)]
pub(crate) fn high_nibbles(bytes: &[u8; 16], q: &mut [i16; 16], shift: i16) {
    let high: [u8; 16] = std::array::from_fn(|i| bytes[i] >> 4);
    *q = std::array::from_fn(|i| i16::from(high[i]) - shift);
}

/// The fifth bits of 32 values, added as 16; then `shift` is subtracted.
#[inline(always)]
fn fifth_bits(bytes: &[u8], q: &mut [i16; 32], shift: i16) {
    /// One bit a lane: wasm and AVX2 cannot shift each lane by its own amount.
    const LANE: [u16; 16] = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768];
    for half in 0..2 {
        let word = u16::from_le_bytes(*part(bytes, 2 * half));
        let q: &mut [i16; 16] = part_mut(q, 16 * half);
        for i in 0..16 {
            let fifth = if word & LANE[i] != 0 { 16 - shift } else { -shift };
            q[i] += fifth;
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
        nibbles(part(block, 2), part_mut(q, 0), 8);
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
        nibbles(part(block, 4), part_mut(q, 0), 0);
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
        let q = part_mut(q, 0);
        nibbles(part(block, 6), q, 0);
        fifth_bits(&block[2..6], q, 16);
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
        let q = part_mut(q, 0);
        nibbles(part(block, 8), q, 0);
        fifth_bits(&block[4..8], q, 0);
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
        let (bytes, q) = (part::<32>(block, 2), part_mut::<_, 32>(q, 0));
        for i in 0..32 {
            q[i] = i16::from(bytes[i] as i8);
        }
    }
}

//! The few vector instructions that products and attention need, for AVX2, wasm's SIMD, and (as plain loops) anything else; and the choice
//! among them.
//!
//! All vectors are 256 bits wide; in wasm they are two of 128.

/// Unpacks whole blocks of a format: bytes, integers, scales, offsets. Unsafe where it uses instructions that not every processor has.
pub(crate) type Unpack = unsafe fn(&[u8], &mut [i16], &mut [f32], &mut [f32]);

/// Vectors of 16 `i16`, 8 `i32`, 8 `f32`. Methods are unsafe because the processor must have the instructions; pointers must be readable
/// (writable) for a whole vector, and need no alignment.
pub(crate) trait Simd: Copy {
    /// Sums that a loop keeps in registers beside what it reads.
    const SUMS: usize;

    type Words: Copy;
    type Ints: Copy;
    type Floats: Copy;

    /// [`Format::unpack_row`], compiled for these instructions.
    fn unpacker<F: Format>() -> Unpack;

    unsafe fn words(from: *const i16) -> Self::Words;
    /// The two words at `from`, eight times.
    unsafe fn pair(from: *const i16) -> Self::Words;
    unsafe fn no_ints() -> Self::Ints;
    /// `sum + a₀b₀ + a₁b₁` in each lane of two words.
    unsafe fn multiply_add(sum: Self::Ints, a: Self::Words, b: Self::Words) -> Self::Ints;
    /// Lane `i`: the sum of all lanes of `values[i]`.
    unsafe fn int_totals(values: [Self::Ints; 8]) -> Self::Ints;
    unsafe fn to_floats(ints: Self::Ints) -> Self::Floats;

    unsafe fn floats(from: *const f32) -> Self::Floats;
    unsafe fn splat(value: f32) -> Self::Floats;
    unsafe fn multiply(a: Self::Floats, b: Self::Floats) -> Self::Floats;
    unsafe fn add(a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// `sum + a b`.
    unsafe fn fused(sum: Self::Floats, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    unsafe fn store(to: *mut f32, value: Self::Floats);
}

/// Loops to be compiled for each set of instructions.
pub(crate) trait Kernel {
    /// Must be `#[inline(always)]`, and so must what it calls: instructions are granted to the function that it becomes part of.
    ///
    /// # Safety
    /// The processor must have the instructions of `S`.
    unsafe fn run<S: Simd>(self);
}

/// Runs a kernel with the best instructions that the processor has.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn run(kernel: impl Kernel) {
    #[cfg(target_arch = "x86_64")]
    if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
        #[target_feature(enable = "avx2,fma")]
        unsafe fn with_avx2(kernel: impl Kernel) {
            // SAFETY: this function has AVX2 and FMA.
            unsafe { kernel.run::<Avx2>() }
        }
        // SAFETY: checked in the line above.
        return unsafe { with_avx2(kernel) };
    }
    // SAFETY: plain loops.
    unsafe { kernel.run::<Portable>() }
}

/// Runs a kernel with wasm's SIMD.
#[cfg(target_arch = "wasm32")]
pub(crate) fn run(kernel: impl Kernel) {
    // SAFETY: a module compiled with these instructions only loads where they are.
    unsafe { kernel.run::<Simd128>() }
}

use crate::quant::format::Format;

#[cfg(target_arch = "x86_64")]
pub(crate) use avx2::Avx2;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use portable::Portable;
#[cfg(target_arch = "wasm32")]
pub(crate) use wasm::Simd128;

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use super::{Format, Simd, Unpack};
    use core::arch::x86_64::*;

    /// AVX2 with FMA.
    #[derive(Clone, Copy)]
    pub(crate) struct Avx2;

    impl Simd for Avx2 {
        const SUMS: usize = 8; // of 16 registers

        type Words = __m256i;
        type Ints = __m256i;
        type Floats = __m256;

        fn unpacker<F: Format>() -> Unpack {
            #[target_feature(enable = "avx2,fma")]
            unsafe fn unpack<F: Format>(row: &[u8], q: &mut [i16], scales: &mut [f32], offsets: &mut [f32]) {
                F::unpack_row(row, q, scales, offsets);
            }
            unpack::<F>
        }

        #[inline(always)]
        unsafe fn words(from: *const i16) -> __m256i {
            unsafe { _mm256_loadu_si256(from.cast()) }
        }
        #[inline(always)]
        unsafe fn pair(from: *const i16) -> __m256i {
            unsafe { _mm256_set1_epi32(from.cast::<i32>().read_unaligned()) }
        }
        #[inline(always)]
        unsafe fn no_ints() -> __m256i {
            unsafe { _mm256_setzero_si256() }
        }
        #[inline(always)]
        unsafe fn multiply_add(sum: __m256i, a: __m256i, b: __m256i) -> __m256i {
            unsafe { _mm256_add_epi32(sum, _mm256_madd_epi16(a, b)) }
        }
        #[inline(always)]
        unsafe fn int_totals([a, b, c, d, e, f, g, h]: [__m256i; 8]) -> __m256i {
            unsafe {
                let abcd = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
                let efgh = _mm256_hadd_epi32(_mm256_hadd_epi32(e, f), _mm256_hadd_epi32(g, h));
                let (low, high) = (
                    _mm256_permute2x128_si256::<0x20>(abcd, efgh),
                    _mm256_permute2x128_si256::<0x31>(abcd, efgh),
                );
                _mm256_add_epi32(low, high)
            }
        }
        #[inline(always)]
        unsafe fn to_floats(ints: __m256i) -> __m256 {
            unsafe { _mm256_cvtepi32_ps(ints) }
        }
        #[inline(always)]
        unsafe fn floats(from: *const f32) -> __m256 {
            unsafe { _mm256_loadu_ps(from) }
        }
        #[inline(always)]
        unsafe fn splat(value: f32) -> __m256 {
            unsafe { _mm256_set1_ps(value) }
        }
        #[inline(always)]
        unsafe fn multiply(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_mul_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn add(a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_add_ps(a, b) }
        }
        #[inline(always)]
        unsafe fn fused(sum: __m256, a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_fmadd_ps(a, b, sum) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f32, value: __m256) {
            unsafe { _mm256_storeu_ps(to, value) }
        }
    }
}

#[cfg(target_arch = "wasm32")]
mod wasm {
    use super::{Format, Simd, Unpack};
    use core::arch::wasm32::*;

    /// Two vectors of wasm's 128 bits.
    #[derive(Clone, Copy)]
    pub(crate) struct Simd128;

    /// `[Σ a, Σ b, Σ c, Σ d]`.
    #[inline(always)]
    fn totals([a, b, c, d]: [v128; 4]) -> v128 {
        let ab = i32x4_add(i32x4_shuffle::<0, 4, 2, 6>(a, b), i32x4_shuffle::<1, 5, 3, 7>(a, b));
        let cd = i32x4_add(i32x4_shuffle::<0, 4, 2, 6>(c, d), i32x4_shuffle::<1, 5, 3, 7>(c, d));
        i32x4_add(i64x2_shuffle::<0, 2>(ab, cd), i64x2_shuffle::<1, 3>(ab, cd))
    }

    impl Simd for Simd128 {
        const SUMS: usize = 4; // of 16 registers on most machines, two a sum

        type Words = [v128; 2];
        type Ints = [v128; 2];
        type Floats = [v128; 2];

        fn unpacker<F: Format>() -> Unpack {
            F::unpack_row
        }

        #[inline(always)]
        unsafe fn words(from: *const i16) -> [v128; 2] {
            unsafe { [v128_load(from.cast()), v128_load(from.add(8).cast())] }
        }
        #[inline(always)]
        unsafe fn pair(from: *const i16) -> [v128; 2] {
            unsafe { [v128_load32_splat(from.cast()); 2] }
        }
        #[inline(always)]
        unsafe fn no_ints() -> [v128; 2] {
            [i32x4_splat(0); 2]
        }
        #[inline(always)]
        unsafe fn multiply_add(sum: [v128; 2], a: [v128; 2], b: [v128; 2]) -> [v128; 2] {
            [
                i32x4_add(sum[0], i32x4_dot_i16x8(a[0], b[0])),
                i32x4_add(sum[1], i32x4_dot_i16x8(a[1], b[1])),
            ]
        }
        #[inline(always)]
        unsafe fn int_totals(values: [[v128; 2]; 8]) -> [v128; 2] {
            let [a, b, c, d, e, f, g, h] = values.map(|[low, high]| i32x4_add(low, high));
            [totals([a, b, c, d]), totals([e, f, g, h])]
        }
        #[inline(always)]
        unsafe fn to_floats(ints: [v128; 2]) -> [v128; 2] {
            [f32x4_convert_i32x4(ints[0]), f32x4_convert_i32x4(ints[1])]
        }
        #[inline(always)]
        unsafe fn floats(from: *const f32) -> [v128; 2] {
            unsafe { [v128_load(from.cast()), v128_load(from.add(4).cast())] }
        }
        #[inline(always)]
        unsafe fn splat(value: f32) -> [v128; 2] {
            [f32x4_splat(value); 2]
        }
        #[inline(always)]
        unsafe fn multiply(a: [v128; 2], b: [v128; 2]) -> [v128; 2] {
            [f32x4_mul(a[0], b[0]), f32x4_mul(a[1], b[1])]
        }
        #[inline(always)]
        unsafe fn add(a: [v128; 2], b: [v128; 2]) -> [v128; 2] {
            [f32x4_add(a[0], b[0]), f32x4_add(a[1], b[1])]
        }
        #[inline(always)]
        unsafe fn fused(sum: [v128; 2], a: [v128; 2], b: [v128; 2]) -> [v128; 2] {
            [f32x4_add(sum[0], f32x4_mul(a[0], b[0])), f32x4_add(sum[1], f32x4_mul(a[1], b[1]))]
        }
        #[inline(always)]
        unsafe fn store(to: *mut f32, value: [v128; 2]) {
            unsafe {
                v128_store(to.cast(), value[0]);
                v128_store(to.add(4).cast(), value[1]);
            }
        }
    }
}

#[cfg(not(target_arch = "wasm32"))]
mod portable {
    use super::{Format, Simd, Unpack};

    /// Arrays; the compiler uses what the target always has (NEON, SSE2).
    #[derive(Clone, Copy)]
    pub(crate) struct Portable;

    impl Simd for Portable {
        const SUMS: usize = 4;

        type Words = [i16; 16];
        type Ints = [i32; 8];
        type Floats = [f32; 8];

        fn unpacker<F: Format>() -> Unpack {
            F::unpack_row
        }

        #[inline(always)]
        unsafe fn words(from: *const i16) -> [i16; 16] {
            unsafe { from.cast::<[i16; 16]>().read_unaligned() }
        }
        #[inline(always)]
        unsafe fn pair(from: *const i16) -> [i16; 16] {
            let [a, b] = unsafe { from.cast::<[i16; 2]>().read_unaligned() };
            std::array::from_fn(|i| if i % 2 == 0 { a } else { b })
        }
        #[inline(always)]
        unsafe fn no_ints() -> [i32; 8] {
            [0; 8]
        }
        #[inline(always)]
        unsafe fn multiply_add(sum: [i32; 8], a: [i16; 16], b: [i16; 16]) -> [i32; 8] {
            let product = |i: usize| i32::from(a[i]) * i32::from(b[i]);
            std::array::from_fn(|i| sum[i] + product(2 * i) + product(2 * i + 1))
        }
        #[inline(always)]
        unsafe fn int_totals(values: [[i32; 8]; 8]) -> [i32; 8] {
            values.map(|lanes| lanes.iter().sum())
        }
        #[inline(always)]
        unsafe fn to_floats(ints: [i32; 8]) -> [f32; 8] {
            ints.map(|i| i as f32)
        }
        #[inline(always)]
        unsafe fn floats(from: *const f32) -> [f32; 8] {
            unsafe { from.cast::<[f32; 8]>().read_unaligned() }
        }
        #[inline(always)]
        unsafe fn splat(value: f32) -> [f32; 8] {
            [value; 8]
        }
        #[inline(always)]
        unsafe fn multiply(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
            std::array::from_fn(|i| a[i] * b[i])
        }
        #[inline(always)]
        unsafe fn add(a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
            std::array::from_fn(|i| a[i] + b[i])
        }
        #[inline(always)]
        unsafe fn fused(sum: [f32; 8], a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
            std::array::from_fn(|i| sum[i] + a[i] * b[i])
        }
        #[inline(always)]
        unsafe fn store(to: *mut f32, value: [f32; 8]) {
            unsafe { to.cast::<[f32; 8]>().write_unaligned(value) }
        }
    }
}

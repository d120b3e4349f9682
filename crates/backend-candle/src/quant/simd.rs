//! The few vector instructions that the products need, for AVX2, wasm's SIMD, and (as plain loops) anything else.
//!
//! All vectors are 256 bits wide; in wasm they are two of 128.

/// Unpacks whole blocks of a format: bytes, integers, scales, offsets. Unsafe where it uses instructions that not every processor has.
pub(crate) type Unpack = unsafe fn(&[u8], &mut [i16], &mut [f32], &mut [f32]);

/// Vectors of 16 `i16`, 8 `i32`, 8 `f32`. Methods are unsafe because the processor must have the instructions; pointers must be readable
/// (writable) for a whole vector, and need no alignment.
pub(crate) trait Simd: Copy {
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
    unsafe fn to_floats(ints: Self::Ints) -> Self::Floats;

    unsafe fn floats(from: *const f32) -> Self::Floats;
    unsafe fn splat(value: f32) -> Self::Floats;
    unsafe fn multiply(a: Self::Floats, b: Self::Floats) -> Self::Floats;
    /// `sum + a b`.
    unsafe fn fused(sum: Self::Floats, a: Self::Floats, b: Self::Floats) -> Self::Floats;
    unsafe fn store(to: *mut f32, value: Self::Floats);
    unsafe fn total(value: Self::Floats) -> f32;
}

use super::format::Format;

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
        unsafe fn fused(sum: __m256, a: __m256, b: __m256) -> __m256 {
            unsafe { _mm256_fmadd_ps(a, b, sum) }
        }
        #[inline(always)]
        unsafe fn store(to: *mut f32, value: __m256) {
            unsafe { _mm256_storeu_ps(to, value) }
        }
        #[inline(always)]
        unsafe fn total(value: __m256) -> f32 {
            let mut lanes = [0f32; 8];
            unsafe { _mm256_storeu_ps(lanes.as_mut_ptr(), value) };
            super::sum(lanes)
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

    impl Simd for Simd128 {
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
        #[inline(always)]
        unsafe fn total(value: [v128; 2]) -> f32 {
            let mut lanes = [0f32; 8];
            unsafe { Self::store(lanes.as_mut_ptr(), value) };
            super::sum(lanes)
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
        unsafe fn fused(sum: [f32; 8], a: [f32; 8], b: [f32; 8]) -> [f32; 8] {
            std::array::from_fn(|i| sum[i] + a[i] * b[i])
        }
        #[inline(always)]
        unsafe fn store(to: *mut f32, value: [f32; 8]) {
            unsafe { to.cast::<[f32; 8]>().write_unaligned(value) }
        }
        #[inline(always)]
        unsafe fn total(value: [f32; 8]) -> f32 {
            super::sum(value)
        }
    }
}

#[inline(always)]
fn sum(lanes: [f32; 8]) -> f32 {
    (lanes[0] + lanes[4]) + (lanes[1] + lanes[5]) + (lanes[2] + lanes[6]) + (lanes[3] + lanes[7])
}

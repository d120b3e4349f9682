//! Loops over slices that every step needs, written so that the compiler turns them into vector instructions (in a [`crate::simd::Kernel`],
//! into those of the kernel: hence `inline(always)`).

// Coefficients are written as their sources give them.
#![allow(clippy::excessive_precision)]

/// Number of partial sums: enough for two 128-bit or one 256-bit accumulator, and more exact than one running sum.
const LANES: usize = 8;

/// `Σ aᵢ bᵢ`.
#[inline]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0f32; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let tail: f32 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum::<f32>() + tail
}

/// `Σ xᵢ`.
#[inline(always)]
pub(crate) fn sum(x: &[f32]) -> f32 {
    let mut sums = [0f32; LANES];
    let chunks = x.chunks_exact(LANES);
    let tail: f32 = chunks.remainder().iter().sum();
    for x in chunks {
        for lane in 0..LANES {
            sums[lane] += x[lane];
        }
    }
    sums.iter().sum::<f32>() + tail
}

/// `y += a x`.
#[inline]
pub(crate) fn axpy(y: &mut [f32], a: f32, x: &[f32]) {
    for (y, x) in y.iter_mut().zip(x) {
        *y += a * x;
    }
}

/// The greatest value; −∞ of nothing.
#[inline(always)]
pub(crate) fn max(x: &[f32]) -> f32 {
    let mut maxima = [f32::NEG_INFINITY; LANES];
    let chunks = x.chunks_exact(LANES);
    let tail = chunks.remainder().iter().fold(f32::NEG_INFINITY, |a, &b| a.max(b));
    for x in chunks {
        for lane in 0..LANES {
            maxima[lane] = if x[lane] > maxima[lane] { x[lane] } else { maxima[lane] };
        }
    }
    maxima.iter().fold(tail, |a, &b| a.max(b))
}

/// Index of the greatest value, the first of equals.
pub(crate) fn argmax(x: &[f32]) -> usize {
    let greatest = max(x);
    x.iter().position(|&value| value == greatest).unwrap_or(0)
}

/// `eˣ`, within two units of the last place, as a loop body that vectorises (the system's `exp` is a call for each value, and a slow one in wasm).
///
/// Cody and Waite's reduction `x = n ln 2 + r`, then a polynomial of degree 6 in `r` (minimax on `|r| ≤ ln 2 / 2`).
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    const LOG2_E: f32 = std::f32::consts::LOG2_E;
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    // Outside this range the result is 0 or infinite in F32; inside, the exponent below cannot leave its field.
    let clamped = x.clamp(-87.3, 88.37);
    // Adding and subtracting 1.5 · 2²³ rounds to the nearest whole number without a call, and leaves it in the low bits without a conversion
    // (Rust's saturates, which no vector instruction does).
    const MAGIC: f32 = 12_582_912.0;
    let shifted = clamped * LOG2_E + MAGIC;
    let n = shifted - MAGIC;
    let r = clamped - n * LN2_HIGH - n * LN2_LOW;
    let mut p = 1.987_569_1e-4_f32;
    p = p * r + 1.398_2e-3;
    p = p * r + 8.333_452e-3;
    p = p * r + 4.166_579_6e-2;
    p = p * r + 1.666_666_5e-1;
    p = p * r + 0.5;
    let y = p * r * r + r + 1.0;
    let scale = f32::from_bits(shifted.to_bits().wrapping_sub(MAGIC.to_bits()).wrapping_add(127) << 23);
    if x < -87.3 { 0.0 } else { y * scale }
}

/// `2ˣ` for `x ≤ 0`, within three units of the last place; at most 2⁻¹²⁶ below that exponent. Half the work of [`exp`], as it needs no reduction by
/// a number that F32 does not hold; coefficients of Cephes' `exp2f`.
#[inline(always)]
pub(crate) fn exp2(x: f32) -> f32 {
    // Not `max`, which would hide a NaN.
    let clamped = if x < -126.0 { -126.0 } else { x };
    // As in `exp`.
    const MAGIC: f32 = 12_582_912.0;
    let shifted = clamped + MAGIC;
    let r = clamped - (shifted - MAGIC);
    let mut p = 1.535_336_2e-4_f32;
    p = p * r + 1.339_887_4e-3;
    p = p * r + 9.618_437e-3;
    p = p * r + 5.550_332_5e-2;
    p = p * r + 2.402_264_8e-1;
    p = p * r + 6.931_472e-1;
    p = p * r + 1.0;
    // Into the exponent's field: the other bits of the shifted number leave on the left.
    f32::from_bits(p.to_bits().wrapping_add(shifted.to_bits() << 23))
}

/// Turns scores into probabilities in place; returns `log Σ exp(score)`.
pub(crate) fn softmax(scores: &mut [f32]) -> f32 {
    let greatest = max(scores);
    for score in scores.iter_mut() {
        *score = exp(*score - greatest);
    }
    let total = sum(scores);
    let inverse = 1.0 / total;
    for score in scores.iter_mut() {
        *score *= inverse;
    }
    greatest + total.ln()
}

/// `log Σ exp(x)`, summed in F64: a vocabulary has 10⁵ terms.
pub(crate) fn log_sum_exp(x: &[f32]) -> f64 {
    let greatest = max(x);
    let mut total = 0f64;
    for chunk in x.chunks(256) {
        let mut exps = [0f32; 256];
        for (e, &x) in exps.iter_mut().zip(chunk) {
            *e = exp(x - greatest);
        }
        total += f64::from(sum(&exps[..chunk.len()]));
    }
    f64::from(greatest) + total.ln()
}

/// `tanh`, exact to F32 rounding near 0, where `exp` cancels.
#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    let a = x.abs();
    // Series below 0.5 would need a branch for each lane; the blend costs both and keeps the loop vector code.
    let x2 = x * x;
    let small = x + x * x2 * (-0.333_333_3 + x2 * (0.133_333_33 + x2 * (-0.053_968_25 + x2 * (0.021_869_49 - x2 * 0.008_863_236))));
    let e = exp(2.0 * a.min(20.0));
    let large = (1.0 - 2.0 / (e + 1.0)).copysign(x);
    if a < 0.35 { small } else { large }
}

/// `cap * tanh(x / cap)` over a slice.
#[inline(always)]
pub(crate) fn softcap(x: &mut [f32], cap: f32) {
    let inverse = 1.0 / cap;
    for x in x.iter_mut() {
        *x = cap * tanh(*x * inverse);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exp_and_tanh_agree_with_f64() {
        let mut worst = (0f64, 0f64);
        for i in -870_000..880_000 {
            let x = i as f32 * 1e-4;
            let error = (f64::from(exp(x)) / f64::from(x).exp() - 1.0).abs();
            worst.0 = worst.0.max(error);
            if x != 0.0 {
                worst.1 = worst.1.max((f64::from(tanh(x)) / f64::from(x).tanh() - 1.0).abs());
            }
        }
        // One unit of the last place is 1.2e-7 at worst.
        assert!(worst.0 < 2.5e-7 && worst.1 < 4e-7, "{worst:?}");
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert_eq!(exp(-1000.0), 0.0);
        assert!(exp(0.0) == 1.0 && tanh(0.0) == 0.0 && tanh(100.0) == 1.0 && tanh(-100.0) == -1.0);
    }

    #[test]
    fn exp2_agrees_with_f64() {
        let relative = |x: f32| (f64::from(exp2(x)) / f64::from(x).exp2() - 1.0).abs();
        let worst = (0..1_250_000).map(|i| relative(i as f32 * -1e-4)).fold(0.0, f64::max);
        assert!(worst < 4e-7, "{worst:e}");
        assert!(exp2(0.0) == 1.0 && exp2(-1.0) == 0.5 && exp2(-125.0) == 2f32.powi(-125));
        assert!((0.0..=2f32.powi(-125)).contains(&exp2(f32::NEG_INFINITY)) && (0.0..=2f32.powi(-125)).contains(&exp2(-1e9)));
        assert!(exp2(f32::NAN).is_nan());
    }

    #[test]
    fn reductions_take_tails_and_ties() {
        let x: Vec<f32> = (0..19).map(|i| (i % 7) as f32).collect();
        assert_eq!(sum(&x), x.iter().sum::<f32>());
        assert_eq!(dot(&x, &x), x.iter().map(|x| x * x).sum::<f32>());
        assert_eq!((max(&x), argmax(&x)), (6.0, 6));
        assert!((log_sum_exp(&vec![0.0; 1000]) - 1000f64.ln()).abs() < 1e-6);
    }
}

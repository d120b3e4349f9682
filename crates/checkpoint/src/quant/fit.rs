//! How the K formats choose scales: weighted least squares over a few candidate grids.
//!
//! Rounding to a grid and choosing the grid depend on each other. For a handful of grids around the obvious one, values are rounded, and
//! the scale (and offset) that fit these codes best follow in closed form; the candidate with the least weighted square error wins.

use super::{extreme, inverse, nearest, range, round};

/// Sums that run side by side, so that the compiler can use vectors.
const LANES: usize = 8;

/// `N` sums of terms that `f` makes of each value and its weight. Groups are multiples of [`LANES`].
fn sums<const N: usize>(values: &[f32], weights: &[f32], f: impl Fn(f32, f32) -> [f32; N]) -> [f32; N] {
    let mut lanes = [[0.0f32; LANES]; N];
    for (values, weights) in values.as_chunks::<LANES>().0.iter().zip(weights.as_chunks::<LANES>().0) {
        for lane in 0..LANES {
            let terms = f(values[lane], weights[lane]);
            for (sum, term) in lanes.iter_mut().zip(terms) {
                sum[lane] += term;
            }
        }
    }
    lanes.map(|lanes| lanes.iter().sum())
}

/// Weights of the squares: large values matter more, small ones still count.
pub fn importance(values: &[f32], out: &mut [f32]) {
    let rms = (values.iter().map(|x| x * x).sum::<f32>() / values.len() as f32).sqrt();
    for (out, value) in out.iter_mut().zip(values) {
        *out = rms + value.abs();
    }
}

/// The scale `s` for `x ≈ s q`, `q` in `-half ..= half - 1`. Any sign; 0 for zeros.
pub fn symmetric(values: &[f32], weights: &[f32], half: i32) -> f32 {
    let extreme = extreme(values);
    if extreme == 0.0 {
        return 0.0;
    }
    let mut best = (f32::NEG_INFINITY, 0.0);
    for step in -10..=10 {
        // The extreme value sits at the negative end, which reaches one code farther.
        let inverse = -(half as f32 + 0.1 * step as f32) / extreme;
        let [xq, qq] = sums(values, weights, |x, w| {
            let q = round(x * inverse, -half as f32, (half - 1) as f32);
            [w * x * q, w * q * q]
        });
        // The error of the best scale is Σwx² - (Σwxq)²/Σwq².
        if qq > 0.0 && xq * xq / qq > best.0 {
            best = (xq * xq / qq, xq / qq);
        }
    }
    best.1
}

/// Scale `s ≥ 0` and minimum `m ≥ 0` for `x ≈ s q - m`, `q` in `0 ..= top`.
pub fn affine(values: &[f32], weights: &[f32], top: i32) -> (f32, f32) {
    let (low, high) = range(values);
    // Without a negative value there is nothing to subtract: the grid starts at zero.
    let low = low.min(0.0);
    if high <= low {
        return (0.0, -low);
    }
    let [w_sum, x_sum] = sums(values, weights, |x, w| [w, w * x]);
    let first = ((high - low) / top as f32, -low);
    let mut best = (error(values, weights, top, first), first);
    // Grids of several widths from the smallest value, and some that give up the values below: with an outlier above, the rest share one code
    // anyway, and that code should lie in their middle.
    let grids = (-10..=10)
        .map(|step| (low, step))
        .chain((-2..=2).flat_map(|step| [(0.5 * low, 4 * step), (0.0, 4 * step)]));
    for (start, step) in grids {
        let inverse = (top as f32 + 0.1 * step as f32) / (high - start);
        let [q_sum, qq, xq] = sums(values, weights, |x, w| {
            let q = round((x - start) * inverse, 0.0, top as f32);
            [w * q, w * q * q, w * x * q]
        });
        let determinant = w_sum * qq - q_sum * q_sum;
        if determinant <= 0.0 {
            continue;
        }
        let mut scale = (w_sum * xq - q_sum * x_sum) / determinant;
        let mut offset = (qq * x_sum - q_sum * xq) / determinant;
        if offset > 0.0 {
            // A minimum cannot be negative: fit the scale alone.
            offset = 0.0;
            scale = xq * super::inverse(qq);
        }
        let candidate = (scale, -offset);
        let error = error(values, weights, top, candidate);
        if scale > 0.0 && error < best.0 {
            best = (error, candidate);
        }
    }
    best.1
}

/// The code `c` in `-limit ..= limit - 1` for which the scale `d c` serves the values best. Nearest to `scale` is not always best: where a
/// group is small beside its neighbours, rounding its scale down to nothing would lose it.
pub fn symmetric_code(values: &[f32], weights: &[f32], half: i32, scale: f32, d: f32, limit: i32) -> i32 {
    let middle = nearest(scale * inverse(d), -limit, limit - 1);
    let square = |code: i32| -> f32 {
        let scale = d * code as f32;
        let step = inverse(scale);
        let [error] = sums(values, weights, |x, w| {
            let difference = scale * round(x * step, -half as f32, (half - 1) as f32) - x;
            [w * difference * difference]
        });
        error
    };
    best_of((middle - 1).max(-limit)..=(middle + 1).min(limit - 1), middle, |&code| square(code))
}

/// As [`symmetric_code`] for a scale `d a` and a minimum `dmin b`, `a` and `b` in `0 ..= limit`.
pub fn affine_codes(values: &[f32], weights: &[f32], top: i32, (scale, min): (f32, f32), (d, dmin): (f32, f32), limit: i32) -> (u8, u8) {
    let a = nearest(scale * inverse(d), 0, limit);
    let b = nearest(min * inverse(dmin), 0, limit);
    let pairs = ((a - 1).max(0)..=(a + 1).min(limit)).flat_map(|a| ((b - 1).max(0)..=(b + 1).min(limit)).map(move |b| (a, b)));
    let best = best_of(pairs, (a, b), |&(a, b)| {
        error(values, weights, top, (d * a as f32, dmin * b as f32))
    });
    (best.0 as u8, best.1 as u8)
}

/// The candidate with the least error; `first` wins ties.
fn best_of<T: PartialEq + Copy>(candidates: impl Iterator<Item = T>, first: T, error: impl Fn(&T) -> f32) -> T {
    let mut best = (error(&first), first);
    for candidate in candidates.filter(|&candidate| candidate != first) {
        let error = error(&candidate);
        if error < best.0 {
            best = (error, candidate);
        }
    }
    best.1
}

/// Weighted square error of the grid `s q - m`.
fn error(values: &[f32], weights: &[f32], top: i32, (scale, min): (f32, f32)) -> f32 {
    let inverse = inverse(scale);
    let [error] = sums(values, weights, |x, w| {
        let difference = scale * round((x + min) * inverse, 0.0, top as f32) - min - x;
        [w * difference * difference]
    });
    error
}

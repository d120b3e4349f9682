//! Attention by its definition: all scores of a row, softmax, weighted sum.

use super::softcap;
use decoder::Batch;
use decoder::step::Attend;

/// `q: [T, H·D]`; `k`, `v: [slots, K·D]` → `[T, H·D]`.
pub fn attend(step: &Attend, batch: &Batch, q: &[f64], k: &[f64], v: &[f64]) -> Vec<f64> {
    let (heads, kv_heads, dim) = (step.heads, step.kv_heads, step.head_dim);
    let mut y = vec![0.0; batch.rows() * heads * dim];
    for segment in &batch.segments {
        let context = &batch.context[segment.context_start..segment.context_start + segment.context_len];
        for i in 0..segment.rows {
            let position = segment.context_len - segment.rows + i;
            let first = step.window.map_or(0, |w| (position + 1).saturating_sub(w));
            for head in 0..heads {
                let kv_head = head / (heads / kv_heads);
                let at = ((segment.first_row + i) * heads + head) * dim;
                let query = &q[at..at + dim];
                let row = |of: &[f64], c: usize| {
                    let at = (context[c] as usize * kv_heads + kv_head) * dim;
                    of[at..at + dim].to_vec()
                };
                let scores: Vec<f64> = (first..=position)
                    .map(|c| {
                        softcap(
                            step.softcap,
                            f64::from(step.scale) * query.iter().zip(row(k, c)).map(|(a, b)| a * b).sum::<f64>(),
                        )
                    })
                    .collect();
                let top = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
                let total: f64 = scores.iter().map(|s| (s - top).exp()).sum();
                for (s, c) in scores.iter().zip(first..) {
                    let weight = (s - top).exp() / total;
                    for (y, v) in y[at..at + dim].iter_mut().zip(row(v, c)) {
                        *y += weight * v;
                    }
                }
            }
        }
    }
    y
}

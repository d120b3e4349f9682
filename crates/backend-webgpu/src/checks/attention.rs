//! Checks of attention: segments, shared prefixes, windows, both kernels, with and without a cache.

use super::error;
use crate::WebGpuBackend;
use crate::oracle::random::Random;
use crate::oracle::{self, wide};
use decoder::step::Attend;
use decoder::{Backend, Batch, CacheShape, Qkv, Result};

/// Shape of a check of `attend`.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct AttendCase {
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub window: Option<usize>,
    pub softcap: Option<f32>,
    /// Rows of the prefix, computed in an earlier pass and cached; 0: no cache is used at all.
    pub cached: usize,
    /// Rows of the first segment of the pass, which sees the cached prefix.
    pub stem: usize,
    /// Rows of further segments, each seeing the prefix and the stem.
    pub branches: Vec<usize>,
}

/// Attention; absolute, of values of order one.
pub async fn attend(b: &WebGpuBackend, case: &AttendCase) -> Result<f64> {
    let AttendCase {
        heads, kv_heads, head_dim, ..
    } = *case;
    let mut random = Random(17 + head_dim as u64 + case.stem as u64);
    let total = case.cached + case.stem + case.branches.iter().sum::<usize>();
    // Slots in no particular order, as an old cache hands them out.
    let mut slots: Vec<u32> = (0..total as u32).collect();
    if case.cached > 0 {
        for i in (1..total).rev() {
            slots.swap(i, random.below(i + 1));
        }
    }
    let (prefix, rest) = slots.split_at(case.cached);
    let (stem, mut rest) = rest.split_at(case.stem);
    let step = Attend {
        layer: 1,
        heads,
        kv_heads,
        head_dim,
        scale: 1.0 / (head_dim as f32).sqrt(),
        softcap: case.softcap,
        window: case.window,
    };
    let mut batch = Batch::default();
    batch.push(&vec![0; case.stem], prefix, stem);
    let shared = [prefix, stem].concat();
    for &rows in &case.branches {
        let (own, others) = rest.split_at(rows);
        batch.push(&vec![0; rows], &shared, own);
        rest = others;
    }
    let mut values = |n: usize, scale: f32| random.values(n).iter().map(|v| v * scale).collect::<Vec<f32>>();
    let rows = batch.rows();
    let (q, k, v) = (
        values(rows * heads * head_dim, 4.0),
        values(rows * kv_heads * head_dim, 4.0),
        values(rows * kv_heads * head_dim, 1.0),
    );
    let width = kv_heads * head_dim;
    let upload = |q: &[f32], k: &[f32], v: &[f32], rows: usize| {
        Ok::<_, decoder::Error>(Qkv {
            q: b.tensor(q, rows, heads * head_dim)?,
            k: b.tensor(k, rows, width)?,
            v: b.tensor(v, rows, width)?,
        })
    };
    // What every slot holds, for the oracle.
    let (mut all_k, mut all_v) = (vec![0.0; total * width], vec![0.0; total * width]);
    let mut store = |slots: &[u32], k: &[f32], v: &[f32]| {
        for (i, &slot) in slots.iter().enumerate() {
            all_k[slot as usize * width..][..width].copy_from_slice(&wide(&k[i * width..][..width]));
            all_v[slot as usize * width..][..width].copy_from_slice(&wide(&v[i * width..][..width]));
        }
    };
    let cache = if case.cached == 0 {
        None
    } else {
        let cache = b.new_cache(&CacheShape {
            layers: 2,
            kv_heads,
            head_dim,
            slots: total,
        })?;
        let mut first = Batch::default();
        first.push(&vec![0; case.cached], &[], prefix);
        let (pq, pk, pv) = (
            values(case.cached * heads * head_dim, 1.0),
            values(case.cached * width, 4.0),
            values(case.cached * width, 1.0),
        );
        b.attend(&step, &upload(&pq, &pk, &pv, case.cached)?, &b.upload_batch(&first)?, Some(&cache))?;
        store(prefix, &pk, &pv);
        Some(cache)
    };
    store(&batch.slots, &k, &v);
    let y = b.attend(&step, &upload(&q, &k, &v, rows)?, &b.upload_batch(&batch)?, cache.as_ref())?;
    let got = b.read(&y).await?;
    let wanted = oracle::attention::attend(&step, &batch, &wide(&q), &all_k, &all_v);
    Ok(error(&got, &wanted, |_| 1.0))
}

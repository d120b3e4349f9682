//! Checks of the steps around attention.

use super::{Made, error, magnitudes};
use crate::WebGpuBackend;
use crate::oracle::random::{Halves, Random};
use crate::oracle::{self, wide};
use decoder::step::{Activation, Embed, GatedMlp, ProjectAdd, ProjectQkv, Rope, RopeLayout};
use decoder::{Backend, Batch, DType, Result};

/// `x + a Wᵀ + b` through `project_add`; relative to `Σ |w a|`.
pub async fn linear(b: &WebGpuBackend, dtype: DType, rows: usize, inputs: usize, outputs: usize, halves: Halves) -> Result<f64> {
    let mut random = Random(rows as u64 * 7 + inputs as u64);
    let w = Made::random(b, dtype, outputs, inputs, halves, &mut random)?;
    let a = random.values(rows * inputs);
    // Small next to the product, whatever the scales, so that an error of the product shows.
    let small = w.values.iter().fold(0.0, |m: f64, v| m.max(v.abs())) as f32;
    let scaled = |random: &mut Random, n: usize| random.values(n).iter().map(|v| v * small).collect::<Vec<_>>();
    let bias = Made::floats(b, 1, outputs, &scaled(&mut random, outputs))?;
    let x = scaled(&mut random, rows * outputs);
    let step = ProjectAdd {
        project: w.linear(Some(&bias)),
        post_norm: None,
    };
    let y = b.project_add(&step, &b.tensor(&a, rows, inputs)?, &b.tensor(&x, rows, outputs)?)?;
    let got = b.read(&y).await?;
    let mut wanted = oracle::linear(&wide(&a), &w.values, Some(&bias.values), inputs);
    wanted.iter_mut().zip(&x).for_each(|(y, x)| *y += f64::from(*x));
    let scale = magnitudes(&wide(&a), &w.values, inputs);
    Ok(error(&got, &wanted, |i| scale[i] + f64::from(small)))
}

/// Rows of a table; relative to its largest value.
pub async fn embed(b: &WebGpuBackend, dtype: DType, rows: usize, width: usize, halves: Halves) -> Result<f64> {
    let vocabulary = 37;
    let mut random = Random(11 + width as u64);
    let table = Made::random(b, dtype, vocabulary, width, halves, &mut random)?;
    let tokens: Vec<u32> = (0..rows).map(|_| random.below(vocabulary) as u32).collect();
    let batch = b.upload_batch(&Batch::from_documents([tokens.as_slice()]))?;
    let got = b
        .read(&b.embed(
            &Embed {
                table: table.parameter(),
                scale: 1.5,
            },
            &batch,
        )?)
        .await?;
    let wanted: Vec<f64> = tokens
        .iter()
        .flat_map(|&t| table.values[t as usize * width..][..width].iter().map(|v| v * 1.5))
        .collect();
    let largest = table.values.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    Ok(error(&got, &wanted, |_| largest))
}

/// Shape of a check of `project_qkv`.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct QkvCase {
    pub rows: usize,
    pub width: usize,
    pub heads: usize,
    pub kv_heads: usize,
    pub head_dim: usize,
    pub layout: RopeLayout,
    pub normed: bool,
    pub bias: bool,
}

/// Queries, keys and values; absolute, of values of order one.
pub async fn project_qkv(b: &WebGpuBackend, case: &QkvCase) -> Result<f64> {
    let QkvCase {
        rows,
        width,
        heads,
        kv_heads,
        head_dim,
        ..
    } = *case;
    let mut random = Random(5 + head_dim as u64);
    let x: Vec<f32> = random.values(rows * width);
    let norm = Made::floats(b, 1, width, &random.values(width))?;
    let mut matrix = |outputs: usize| {
        let scale = 1.0 / (width as f32).sqrt();
        let values: Vec<f32> = random.values(outputs * width).iter().map(|v| v * scale).collect();
        let bias = case.bias.then(|| random.values(outputs));
        Ok::<_, decoder::Error>((
            Made::floats(b, outputs, width, &values)?,
            bias.map(|v| Made::floats(b, 1, outputs, &v)).transpose()?,
        ))
    };
    let (q, k, v) = (
        matrix(heads * head_dim)?,
        matrix(kv_heads * head_dim)?,
        matrix(kv_heads * head_dim)?,
    );
    let (q_norm, k_norm) = (
        Made::floats(b, 1, head_dim, &random.values(head_dim))?,
        Made::floats(b, 1, head_dim, &random.values(head_dim))?,
    );
    let angle = |position: u32, i: usize| f64::from(position) * 10_000f64.powf(-2.0 * i as f64 / head_dim as f64);
    let context = rows + 40;
    let table: Vec<f32> = (0..context as u32)
        .flat_map(|p| {
            (0..head_dim / 2)
                .map(move |i| angle(p, i).cos() as f32)
                .chain((0..head_dim / 2).map(move |i| angle(p, i).sin() as f32))
        })
        .collect();
    let table = Made::floats(b, context, head_dim, &table)?;
    let step = ProjectQkv {
        norm: norm.norm(1e-5, 1.0),
        q: q.0.linear(q.1.as_ref()),
        k: k.0.linear(k.1.as_ref()),
        v: v.0.linear(v.1.as_ref()),
        q_norm: case.normed.then(|| q_norm.norm(1e-6, 0.0)),
        k_norm: case.normed.then(|| k_norm.norm(1e-6, 1.0)),
        rope: Rope {
            layout: case.layout,
            table: table.weight.clone(),
        },
        heads,
        kv_heads,
        head_dim,
    };
    let mut batch = Batch::from_documents([vec![0u32; rows].as_slice()]);
    batch.positions.iter_mut().for_each(|p| *p += 40 - 1);
    let got = b.project_qkv(&step, &b.tensor(&x, rows, width)?, &b.upload_batch(&batch)?)?;
    let n = oracle::norm(&wide(&x), &norm.values, f64::from(1e-5f32), 1.0, width);
    let project = |m: &(Made, Option<Made>)| oracle::linear(&n, &m.0.values, m.1.as_ref().map(|b| b.values.as_slice()), width);
    let (mut wq, mut wk, wv) = (project(&q), project(&k), project(&v));
    if case.normed {
        wq = oracle::norm(&wq, &q_norm.values, f64::from(1e-6f32), 0.0, head_dim);
        wk = oracle::norm(&wk, &k_norm.values, f64::from(1e-6f32), 1.0, head_dim);
    }
    let interleaved = case.layout == RopeLayout::Interleaved;
    oracle::rope(&mut wq, heads * head_dim, head_dim, interleaved, &batch.positions, angle);
    oracle::rope(&mut wk, kv_heads * head_dim, head_dim, interleaved, &batch.positions, angle);
    let one = |_| 1.0;
    let errors = [
        error(&b.read(&got.q).await?, &wq, one),
        error(&b.read(&got.k).await?, &wk, one),
        error(&b.read(&got.v).await?, &wv, one),
    ];
    Ok(errors.into_iter().fold(0.0, f64::max))
}

/// Shape of a check of `gated_mlp`.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct MlpCase {
    pub rows: usize,
    pub width: usize,
    pub hidden: usize,
    pub activation: Activation,
    pub post_norm: bool,
}

/// The gated MLP; absolute, of values of order one.
pub async fn gated_mlp(b: &WebGpuBackend, case: &MlpCase) -> Result<f64> {
    let MlpCase { rows, width, hidden, .. } = *case;
    let mut random = Random(13 + hidden as u64);
    // Wide inputs, so that both tails of the activation are met.
    let x: Vec<f32> = random.values(rows * width).iter().map(|v| 3.0 * v).collect();
    let norm = Made::floats(b, 1, width, &random.values(width).iter().map(|v| 4.0 * v).collect::<Vec<_>>())?;
    let post = Made::floats(b, 1, width, &random.values(width))?;
    let mut matrix = |outputs: usize, inputs: usize, scale: f32| {
        let scale = scale / (inputs as f32).sqrt();
        Made::floats(
            b,
            outputs,
            inputs,
            &random.values(outputs * inputs).iter().map(|v| v * scale).collect::<Vec<_>>(),
        )
    };
    let (gate, up, down) = (
        matrix(hidden, width, 4.0)?,
        matrix(hidden, width, 1.0)?,
        matrix(width, hidden, 0.25)?,
    );
    let step = GatedMlp {
        norm: norm.norm(1e-5, 0.0),
        gate: gate.linear(None),
        up: up.linear(None),
        down: down.linear(None),
        activation: case.activation,
        post_norm: case.post_norm.then(|| post.norm(1e-6, 1.0)),
    };
    let got = b.read(&b.gated_mlp(&step, &b.tensor(&x, rows, width)?)?).await?;
    let x = wide(&x);
    let n = oracle::norm(&x, &norm.values, f64::from(1e-5f32), 0.0, width);
    let g = oracle::linear(&n, &gate.values, None, width);
    let u = oracle::linear(&n, &up.values, None, width);
    let h: Vec<f64> = g.iter().zip(&u).map(|(g, u)| oracle::activation(case.activation, *g) * u).collect();
    let mut y = oracle::linear(&h, &down.values, None, hidden);
    if case.post_norm {
        y = oracle::norm(&y, &post.values, f64::from(1e-6f32), 1.0, width);
    }
    y.iter_mut().zip(&x).for_each(|(y, x)| *y += x);
    Ok(error(&got, &y, |_| 1.0))
}

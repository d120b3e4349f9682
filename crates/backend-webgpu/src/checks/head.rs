//! Checks of the head in its four forms.

use super::{Made, error};
use crate::WebGpuBackend;
use crate::oracle::random::{Halves, Random};
use crate::oracle::{self, wide};
use decoder::step::Head;
use decoder::{Backend, DType, Result};

/// Shape of a check of the head.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct HeadCase {
    pub dtype: DType,
    pub batch_rows: usize,
    pub asked: usize,
    pub width: usize,
    pub vocabulary: usize,
    pub softcap: Option<f32>,
}

/// Logits, logits of chosen tokens, log-probabilities and the most likely token; absolute, of logits of order ten. A wrong token is an
/// infinite error unless the two logits are as good as equal.
pub async fn head(b: &WebGpuBackend, case: &HeadCase) -> Result<f64> {
    let HeadCase {
        width, vocabulary, asked, ..
    } = *case;
    let mut random = Random(19 + vocabulary as u64);
    let matrix = Made::random(b, case.dtype, vocabulary, width, Halves::Normal, &mut random)?;
    // Norm weights that bring logits to order ten, whatever the format's values are.
    let square: f64 = matrix.values.iter().map(|v| v * v).sum::<f64>() / vocabulary as f64;
    let gain = (4.0 / square.sqrt()) as f32;
    let norm = Made::floats(b, 1, width, &random.values(width).iter().map(|v| v * gain).collect::<Vec<_>>())?;
    let x = random.values(case.batch_rows * width);
    let rows: Vec<u32> = (0..asked).map(|_| random.below(case.batch_rows) as u32).collect();
    let tokens: Vec<u32> = (0..5).map(|_| random.below(vocabulary) as u32).collect();
    let step = Head {
        norm: norm.norm(1e-5, 0.0),
        project: matrix.linear(None),
        softcap: case.softcap,
    };
    let chosen: Vec<f64> = rows.iter().flat_map(|&r| wide(&x[r as usize * width..][..width])).collect();
    let n = oracle::norm(&chosen, &norm.values, f64::from(1e-5f32), 0.0, width);
    let logits: Vec<f64> = oracle::linear(&n, &matrix.values, None, width)
        .into_iter()
        .map(|l| oracle::softcap(case.softcap, l))
        .collect();
    let best: Vec<usize> = logits
        .chunks_exact(vocabulary)
        .map(|row| {
            (0..vocabulary)
                .rev()
                .max_by(|&a, &b| row[a].total_cmp(&row[b]))
                .expect("a vocabulary")
        })
        .collect();
    // Every other target is the most likely token.
    let targets: Vec<u32> = best
        .iter()
        .enumerate()
        .map(|(i, &t)| if i % 2 == 0 { t as u32 } else { random.below(vocabulary) as u32 })
        .collect();

    let x = b.tensor(&x, case.batch_rows, width)?;
    let got = b.read(&b.head_logits(&step, &x, &rows)?).await?;
    let mut worst = error(&got, &logits, |_| 1.0);
    let some = b.read(&b.head_tokens(&step, &x, &rows, &tokens)?).await?;
    let wanted: Vec<f64> = logits
        .chunks_exact(vocabulary)
        .flat_map(|row| tokens.iter().map(|&t| row[t as usize]))
        .collect();
    worst = worst.max(error(&some, &wanted, |_| 1.0));
    let log_probs = b.read(&b.head_log_probs(&step, &x, &rows, &targets)?).await?;
    let ids = b.read(&b.head_best(&step, &x, &rows)?).await?;
    if log_probs.len() != 2 * asked || ids.len() != asked {
        return Ok(f64::INFINITY);
    }
    for (i, row) in logits.chunks_exact(vocabulary).enumerate() {
        let target = targets[i] as usize;
        worst = worst.max(error(&log_probs[2 * i..2 * i + 1], &[oracle::log_softmax(row)[target]], |_| 1.0));
        let near = |token: usize| row.get(token).is_some_and(|l| row[best[i]] - l < 1e-4);
        let flag = log_probs[2 * i + 1];
        if (flag != f32::from(u8::from(target == best[i])) && !near(target)) || !near(ids[i] as usize) {
            return Ok(f64::INFINITY);
        }
    }
    Ok(worst)
}

//! Records the head on chosen rows. Where logits are only reduced, they are made a slice of rows at a time in one buffer.

use super::{Recorder, Tensor};
use crate::kernel::Kernel;
use crate::uniforms;
use crate::weight::Weight;
use decoder::step::Head;
use decoder::{Error, Result};

/// Bytes of logits that exist at once where only a reduction of them is wanted.
const SLICE_BYTES: usize = 32 << 20;

impl Recorder<'_> {
    /// Logits of `rows` → `[R, V]`.
    pub fn head_logits(&self, step: &Head<Weight>, x: &Tensor, rows: &[u32]) -> Result<Tensor> {
        check_rows(x, rows)?;
        let chosen = self.gpu.upload(rows)?;
        let n = self.norm_chosen(&step.norm, x, &chosen, 0, rows.len())?;
        self.linear_capped(&step.project, &n, step.softcap)
    }

    /// Logits of `rows` for `tokens` → `[R, tokens]`.
    pub fn head_tokens(&self, step: &Head<Weight>, x: &Tensor, rows: &[u32], tokens: &[u32]) -> Result<Tensor> {
        check_rows(x, rows)?;
        let weight = &step.project.weight.value;
        check_tokens(weight.rows, tokens)?;
        if step.project.bias.is_some() {
            return Err(Error::Input("a head with a bias has no single tokens".into()));
        }
        self.expect("head", x, weight.cols)?;
        let chosen = self.gpu.upload(rows)?;
        let n = self.norm_chosen(&step.norm, x, &chosen, 0, rows.len())?;
        let ids = self.gpu.upload(tokens)?;
        let y = self.tensor(rows.len(), tokens.len())?;
        let ragged = !weight.cols.is_multiple_of(8);
        for shard in &weight.shards {
            let range = shard.first as u32..(shard.first + shard.rows) as u32;
            if !tokens.iter().any(|t| range.contains(t)) {
                continue;
            }
            let params = uniforms::HeadTokens {
                rows: rows.len() as u32,
                tokens: tokens.len() as u32,
                inputs: weight.cols as u32,
                units: weight.units() as u32,
                row_words: weight.row_words as u32,
                first: shard.first as u32,
                count: shard.rows as u32,
                softcap: step.softcap.unwrap_or(0.0),
            };
            let groups = [tokens.len() as u32, rows.len() as u32, 1];
            self.gpu.run(
                Kernel::HeadTokens {
                    dtype: weight.dtype,
                    ragged,
                },
                &[&shard.buffer, &n.buffer, &ids, &y.buffer],
                &params,
                groups,
            );
        }
        Ok(y)
    }

    /// `[R, 2]` of (log p(target), 1 if it is the most likely token).
    pub fn head_log_probs(&self, step: &Head<Weight>, x: &Tensor, rows: &[u32], targets: &[u32]) -> Result<Tensor> {
        if targets.len() != rows.len() {
            return Err(Error::Input(format!("{} rows and {} targets", rows.len(), targets.len())));
        }
        check_tokens(step.project.outputs, targets)?;
        self.reduce(step, x, rows, Some(targets))
    }

    /// `[R, 1]`: the most likely token.
    pub fn head_best(&self, step: &Head<Weight>, x: &Tensor, rows: &[u32]) -> Result<Tensor> {
        self.reduce(step, x, rows, None)
    }

    fn reduce(&self, step: &Head<Weight>, x: &Tensor, rows: &[u32], targets: Option<&[u32]>) -> Result<Tensor> {
        check_rows(x, rows)?;
        let vocabulary = step.project.outputs;
        let chosen = self.gpu.upload(rows)?;
        let ids = targets.map(|t| self.gpu.upload(t)).transpose()?;
        let y = self.tensor(rows.len(), if targets.is_some() { 2 } else { 1 })?;
        let limit = SLICE_BYTES.min(self.gpu.info.max_binding_bytes as usize);
        let slice = (limit / (4 * vocabulary)).max(1);
        for first in (0..rows.len()).step_by(slice) {
            let count = slice.min(rows.len() - first);
            let n = self.norm_chosen(&step.norm, x, &chosen, first, count)?;
            let logits = self.linear_capped(&step.project, &n, step.softcap)?;
            let params = uniforms::Reduce {
                rows: count as u32,
                vocabulary: vocabulary as u32,
                first: first as u32,
                best_only: u32::from(targets.is_none()),
            };
            let ids = ids.as_ref().unwrap_or(self.unused);
            self.gpu
                .run(Kernel::Reduce, &[&logits.buffer, ids, &y.buffer], &params, [count as u32, 1, 1]);
        }
        Ok(y)
    }
}

fn check_rows(x: &Tensor, rows: &[u32]) -> Result<()> {
    if rows.is_empty() {
        return Err(Error::Input("the head was asked for no rows".into()));
    }
    match rows.iter().find(|&&r| r as usize >= x.rows) {
        Some(row) => Err(Error::Input(format!("row {row} was asked for, but the batch has {}", x.rows))),
        None => Ok(()),
    }
}

fn check_tokens(vocabulary: usize, tokens: &[u32]) -> Result<()> {
    if tokens.is_empty() {
        return Err(Error::Input("the head was asked for no tokens".into()));
    }
    match tokens.iter().find(|&&t| t as usize >= vocabulary) {
        Some(token) => Err(Error::Input(format!("token {token} is not in the vocabulary of {vocabulary}"))),
        None => Ok(()),
    }
}

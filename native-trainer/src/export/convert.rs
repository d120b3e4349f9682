//! One parameter at a time: read in F32, and rearranged between the two sides' conventions.
//!
//! * llama.cpp's `llama` and `internlm2` graphs rotate components `2i` and `2i+1` of a head, Hugging Face's `i` and `i + D/2`: rows of `q`
//!   and `k` change places.
//! * Gemma's Hugging Face files store norms as `w - 1`, GGUF stores `w`.
//! * `config.json` may name any factor on attention scores, readers of GGUF assume one: the quotient goes into `q`.

use anyhow::{Result, bail};
use decoder::names::{LayerParam, Param};
use decoder::step::RopeLayout;
use decoder::{Config, TensorInfo, TensorSource};

/// Values of a parameter, row-major, whatever type they are stored in.
pub async fn read(source: &mut impl TensorSource, config: &Config, param: Param) -> Result<Vec<f32>> {
    let place = param.place(config);
    let Some(TensorInfo { dtype, shape }) = source.info(&place.tensor) else {
        bail!("tensor `{}`: missing in the file", place.tensor);
    };
    let (rows, cols) = param.shape(config);
    // A part of a packed vector is ranges of values, a part of a packed matrix ranges of rows.
    let unit = if rows == 1 && place.rows.is_some() { 1 } else { cols };
    let stored: usize = shape.iter().product();
    let ranges = match &place.rows {
        Some(ranges) => ranges.clone(),
        None if stored == rows * cols => Vec::from_iter(std::iter::once(0..rows)),
        None => bail!(
            "tensor `{}`: has shape {shape:?}, but the configuration asks for [{rows}, {cols}]",
            place.tensor
        ),
    };
    let mut values = Vec::new();
    for range in ranges {
        if range.end * unit > stored {
            bail!("tensor `{}`: has shape {shape:?}, too small for the configuration", place.tensor);
        }
        let count = range.len() * unit;
        let (Some(start), Some(length)) = (dtype.row_bytes(range.start * unit), dtype.row_bytes(count)) else {
            bail!("tensor `{}`: its rows are no whole number of {dtype} blocks", place.tensor);
        };
        let mut bytes = vec![0; length];
        source.read(&place.tensor, start as u64, &mut bytes).await?;
        let first = values.len();
        values.resize(first + count, 0.0);
        checkpoint::dequantize(dtype, &bytes, &mut values[first..])?;
    }
    Ok(values)
}

/// True for the weights and biases whose rows RoPE rotates, with the number of their heads.
pub fn rotated_heads(config: &Config, param: Param) -> Option<usize> {
    match param {
        Param::Layer(_, LayerParam::QWeight | LayerParam::QBias) => Some(config.heads),
        Param::Layer(_, LayerParam::KWeight | LayerParam::KBias) => Some(config.kv_heads),
        _ => None,
    }
}

/// True for norms.
pub fn is_norm(param: Param) -> bool {
    use LayerParam::*;
    matches!(
        param,
        Param::FinalNorm | Param::Layer(_, InputNorm | PostAttentionNorm | MlpNorm | PostMlpNorm | QNorm | KNorm)
    )
}

/// Rows of each head from one layout to the other. `values`: `[heads · head_dim, cols]`.
pub fn relayout(values: &[f32], heads: usize, head_dim: usize, to: RopeLayout) -> Vec<f32> {
    let cols = values.len() / (heads * head_dim);
    let half = head_dim / 2;
    let mut out = Vec::with_capacity(values.len());
    for head in 0..heads {
        for row in 0..head_dim {
            let from = match to {
                RopeLayout::Interleaved => row / 2 + row % 2 * half,
                RopeLayout::Halves => row % half * 2 + row / half,
            };
            let start = (head * head_dim + from) * cols;
            out.extend_from_slice(&values[start..start + cols]);
        }
    }
    out
}

/// The other side's conventions.
#[derive(Clone, Copy, Debug)]
pub struct Conventions {
    /// How RoPE pairs components.
    pub rope_layout: RopeLayout,
    /// See [`decoder::step::Norm::offset`].
    pub norm_offset: f32,
    /// Factor on attention scores.
    pub attention_scale: f32,
}

/// A parameter as the other side keeps it.
pub fn convert(values: Vec<f32>, config: &Config, param: Param, to: &Conventions) -> Vec<f32> {
    let mut values = match rotated_heads(config, param) {
        Some(heads) if config.rope_layout != to.rope_layout => relayout(&values, heads, config.head_dim, to.rope_layout),
        _ => values,
    };
    let shift = config.norm_offset - to.norm_offset;
    // Scores are linear in `q`: after its norm where it has one, which forgets factors on its input.
    let scales = match param {
        Param::Layer(_, LayerParam::QNorm) => config.head_norms,
        Param::Layer(_, LayerParam::QWeight | LayerParam::QBias) => !config.head_norms,
        _ => false,
    };
    let factor = config.attention_scale / to.attention_scale;
    if is_norm(param) && scales && factor != 1.0 {
        values
            .iter_mut()
            .for_each(|value| *value = (*value + config.norm_offset) * factor - to.norm_offset);
    } else if is_norm(param) && shift != 0.0 {
        values.iter_mut().for_each(|value| *value += shift);
    } else if scales && factor != 1.0 {
        values.iter_mut().for_each(|value| *value *= factor);
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_change_places_and_back() {
        // Two heads of four rows with two columns; each value says its row.
        let values: Vec<f32> = (0..8).flat_map(|row| [row as f32; 2]).collect();
        let interleaved = relayout(&values, 2, 4, RopeLayout::Interleaved);
        let rows: Vec<f32> = interleaved.iter().step_by(2).copied().collect();
        assert_eq!(rows, [0.0, 2.0, 1.0, 3.0, 4.0, 6.0, 5.0, 7.0]);
        assert_eq!(relayout(&interleaved, 2, 4, RopeLayout::Halves), values);
    }
}

//! Weights from a [`TensorSource`] onto a backend, piece by piece.
//!
//! At most [`PIECE_BYTES`] of a file are in memory at a time, whatever its size. Every shape is checked against the configuration before a
//! byte is read, so a file that lies about its tensors is refused by name.

use std::ops::ControlFlow;

use crate::backend::{Backend, WeightSpec};
use crate::config::RopeScaling;
use crate::model::{Decoder, Model};
use crate::names::{LayerParam, Naming, Param, Place};
use crate::rope;
use crate::source::{TensorInfo, TensorSource};
use crate::step::*;
use crate::{Config, DType, Error, Result};

/// Bytes read at a time; rows are never cut, so a longer row makes a longer piece.
pub const PIECE_BYTES: usize = 4 << 20;

/// How far loading has come, in bytes of weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Progress {
    pub loaded: u64,
    pub total: u64,
}

impl<B: Backend> Decoder<B> {
    /// Loads the weights of a model. RoPE tables cover `context_length` positions. `progress` is called after every piece; breaking from it
    /// stops with [`Error::Cancelled`] and frees what was loaded.
    pub async fn load<S: TensorSource>(
        backend: B,
        config: Config,
        context_length: usize,
        source: &mut S,
        mut progress: impl FnMut(Progress) -> ControlFlow<()>,
    ) -> Result<Self> {
        config.validate()?;
        config.check_context(context_length)?;
        let prefix = name_prefix(&config, source);
        let places: Vec<(Param, Place)> = Param::all(&config)
            .into_iter()
            .map(|param| {
                let mut place = param.place(&config);
                if let Some(rest) = place.tensor.strip_prefix("model.")
                    && prefix != "model."
                {
                    place.tensor = format!("{prefix}{rest}");
                }
                (param, place)
            })
            .collect();
        let mut total = 0;
        let mut specs = Vec::with_capacity(places.len());
        for (param, place) in &places {
            let spec = check(*param, place, &config, source)?;
            total += spec.bytes();
            specs.push(spec);
        }
        let mut loaded = 0;
        let mut parameters = Vec::with_capacity(places.len());
        for ((param, place), spec) in places.iter().zip(&specs) {
            let weight = upload(&backend, spec, place, source, |bytes| {
                loaded += bytes;
                progress(Progress { loaded, total })
            })
            .await?;
            parameters.push((*param, weight));
        }
        let tables = rope_tables(&backend, &config, context_length, source).await?;
        let model = arrange(config, context_length, parameters, &tables);
        Ok(Decoder { backend, model })
    }
}

/// Multimodal files nest the language model: `language_model.model.` or `model.language_model.` instead of `model.`.
fn name_prefix(config: &Config, source: &impl TensorSource) -> &'static str {
    let nested = ["language_model.model.", "model.language_model."];
    let has = |prefix: &str| source.info(&format!("{prefix}embed_tokens.weight")).is_some();
    match config.naming {
        Naming::HuggingFace => nested.into_iter().find(|prefix| has(prefix)).unwrap_or("model."),
        _ => "model.",
    }
}

fn check(param: Param, place: &Place, config: &Config, source: &impl TensorSource) -> Result<WeightSpec> {
    let wrong = |problem: String| Error::Tensor {
        name: place.tensor.clone(),
        problem,
    };
    let (rows, cols) = param.shape(config);
    let TensorInfo { dtype, shape } = source.info(&place.tensor).ok_or_else(|| wrong("missing in the file".into()))?;
    let stored_rows = match &place.rows {
        None => rows,
        Some(ranges) => {
            let last = ranges.iter().map(|range| range.end).max().unwrap_or(0);
            if param.is_vector(config) { 1 } else { last }
        }
    };
    let stored_cols = match &place.rows {
        Some(ranges) if param.is_vector(config) => ranges.iter().map(|range| range.end).max().unwrap_or(0).max(shape.iter().product()),
        _ => cols,
    };
    let fits = match shape.as_slice() {
        [n] => stored_rows == 1 && *n == stored_cols,
        [n, m] => {
            // A packed matrix holds more rows than one of its parts names.
            let enough = if place.rows.is_some() {
                *n >= stored_rows
            } else {
                *n == stored_rows
            };
            enough && *m == stored_cols
        }
        _ => false,
    };
    if !fits {
        return Err(wrong(format!(
            "has shape {shape:?}, but the model's configuration asks for [{stored_rows}, {stored_cols}]"
        )));
    }
    if param.is_vector(config) && dtype.block_len() != 1 {
        return Err(wrong(format!("is a vector stored as {dtype}; vectors must be F32, F16 or BF16")));
    }
    if dtype.row_bytes(cols).is_none() {
        return Err(wrong(format!(
            "has rows of {cols} values, no whole number of {dtype} blocks of {}",
            dtype.block_len()
        )));
    }
    Ok(WeightSpec {
        name: place.tensor.clone(),
        dtype,
        rows,
        cols,
    })
}

async fn upload<B: Backend>(
    backend: &B,
    spec: &WeightSpec,
    place: &Place,
    source: &mut impl TensorSource,
    mut progress: impl FnMut(u64) -> ControlFlow<()>,
) -> Result<B::Weight> {
    // A vector that is cut out of a packed one is read value by value range, as rows of one value.
    let unit = match (&place.rows, spec.rows) {
        (Some(_), 1) => spec.row_bytes() / spec.cols,
        _ => spec.row_bytes(),
    };
    let count = if unit == spec.row_bytes() { spec.rows } else { spec.cols };
    let whole = Vec::from_iter(std::iter::once(0..count));
    let ranges = place.rows.as_ref().unwrap_or(&whole);
    let mut upload = backend.begin_weight(spec)?;
    let mut vector = Vec::new();
    let mut buffer = Vec::new();
    let step = (PIECE_BYTES / unit).max(1);
    for range in ranges {
        let mut at = range.start;
        while at < range.end {
            let rows = step.min(range.end - at);
            buffer.resize(rows * unit, 0);
            source.read(&spec.name, (at * unit) as u64, &mut buffer).await?;
            if unit == spec.row_bytes() {
                backend.write_weight(&mut upload, &buffer)?;
            } else {
                vector.extend_from_slice(&buffer);
            }
            at += rows;
            if progress(buffer.len() as u64).is_break() {
                return Err(Error::Cancelled);
            }
        }
    }
    if !vector.is_empty() {
        backend.write_weight(&mut upload, &vector)?;
    }
    backend.finish_weight(upload)
}

async fn rope_tables<B: Backend>(
    backend: &B,
    config: &Config,
    context_length: usize,
    source: &mut impl TensorSource,
) -> Result<Vec<B::Weight>> {
    if context_length == 0 {
        return Err(Error::Input("a context of 0 tokens holds no text".into()));
    }
    let mut tables = Vec::new();
    for (index, rope) in config.ropes.iter().enumerate() {
        let factors = match &rope.scaling {
            RopeScaling::Tensor { name } => Some(read_vector(name, config.head_dim / 2, source).await?),
            _ => None,
        };
        let frequencies = rope::frequencies(rope, config.head_dim, factors.as_deref())?;
        let spec = WeightSpec {
            name: format!("RoPE table {index}"),
            dtype: DType::F32,
            rows: context_length,
            cols: config.head_dim,
        };
        let mut upload = backend.begin_weight(&spec)?;
        let step = (PIECE_BYTES / spec.row_bytes()).max(1);
        for first in (0..context_length).step_by(step) {
            let mut values = Vec::new();
            for position in first..context_length.min(first + step) {
                rope::row(&frequencies, position, &mut values);
            }
            let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            backend.write_weight(&mut upload, &bytes)?;
        }
        tables.push(backend.finish_weight(upload)?);
    }
    Ok(tables)
}

async fn read_vector(name: &str, length: usize, source: &mut impl TensorSource) -> Result<Vec<f32>> {
    let wrong = |problem: String| Error::Tensor {
        name: name.to_owned(),
        problem,
    };
    let info = source.info(name).ok_or_else(|| wrong("missing in the file".into()))?;
    if info.dtype != DType::F32 || info.shape != [length] {
        return Err(wrong(format!("is {} {:?}, should be F32 [{length}]", info.dtype, info.shape)));
    }
    let mut bytes = vec![0; length * 4];
    source.read(name, 0, &mut bytes).await?;
    Ok(bytes
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
        .collect())
}

/// Puts weights into the steps that use them. This function *is* the architecture.
fn arrange<W: Clone>(config: Config, context_length: usize, parameters: Vec<(Param, W)>, tables: &[W]) -> Model<W> {
    use LayerParam::*;
    let find = |param: Param| {
        let id = parameters
            .iter()
            .position(|(known, _)| *known == param)
            .expect("every parameter of the configuration was loaded");
        Parameter {
            id: ParameterId(id),
            value: parameters[id].1.clone(),
        }
    };
    let norm = |param: Param| Norm {
        weight: find(param),
        eps: config.norm_eps,
        offset: config.norm_offset,
    };
    let layers = config
        .layers
        .iter()
        .enumerate()
        .map(|(index, layer)| {
            let at = |param| Param::Layer(index, param);
            let linear = |weight, bias: Option<LayerParam>| {
                let (outputs, inputs) = at(weight).shape(&config);
                Linear {
                    weight: find(at(weight)),
                    bias: bias.map(|bias| find(at(bias))),
                    inputs,
                    outputs,
                }
            };
            let qkv_bias = |bias| config.qkv_bias.then_some(bias);
            Layer {
                qkv: ProjectQkv {
                    norm: norm(at(InputNorm)),
                    q: linear(QWeight, qkv_bias(QBias)),
                    k: linear(KWeight, qkv_bias(KBias)),
                    v: linear(VWeight, qkv_bias(VBias)),
                    q_norm: config.head_norms.then(|| norm(at(QNorm))),
                    k_norm: config.head_norms.then(|| norm(at(KNorm))),
                    rope: Rope {
                        layout: config.rope_layout,
                        table: tables[layer.rope].clone(),
                    },
                    heads: config.heads,
                    kv_heads: config.kv_heads,
                    head_dim: config.head_dim,
                },
                attend: Attend {
                    layer: index,
                    heads: config.heads,
                    kv_heads: config.kv_heads,
                    head_dim: config.head_dim,
                    scale: config.attention_scale,
                    softcap: config.attention_softcap,
                    window: layer.window,
                },
                output: ProjectAdd {
                    project: linear(OutputWeight, config.output_bias.then_some(OutputBias)),
                    post_norm: config.post_norms.then(|| norm(at(PostAttentionNorm))),
                },
                mlp: GatedMlp {
                    norm: norm(at(MlpNorm)),
                    gate: linear(GateWeight, None),
                    up: linear(UpWeight, None),
                    down: linear(DownWeight, None),
                    activation: config.activation,
                    post_norm: config.post_norms.then(|| norm(at(PostMlpNorm))),
                },
            }
        })
        .collect();
    let head = Head {
        norm: norm(Param::FinalNorm),
        project: Linear {
            weight: find(if config.tied { Param::Embedding } else { Param::Head }),
            bias: None,
            inputs: config.hidden_size,
            outputs: config.vocab_size,
        },
        softcap: config.final_softcap,
    };
    let embed = Embed {
        table: find(Param::Embedding),
        scale: config.embedding_scale,
    };
    Model {
        config,
        context_length,
        embed,
        layers,
        head,
        parameters,
    }
}

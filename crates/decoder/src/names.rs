//! What the parameters of a model are called, and where a file keeps them.
//!
//! A parameter is usually one tensor of the file. InternLM 2 packs `q`, `k` and `v` into one matrix, so a parameter is in general a list of
//! row ranges of a tensor.

use std::ops::Range;

use crate::Config;

/// A weight of the model, independent of any file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Param {
    /// `[V, d]`.
    Embedding,
    /// A weight of a layer.
    Layer(usize, LayerParam),
    /// `[d]`.
    FinalNorm,
    /// `[V, d]`, absent in tied models.
    Head,
}

/// A weight of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum LayerParam {
    InputNorm,
    QWeight,
    QBias,
    KWeight,
    KBias,
    VWeight,
    VBias,
    QNorm,
    KNorm,
    OutputWeight,
    OutputBias,
    PostAttentionNorm,
    MlpNorm,
    GateWeight,
    UpWeight,
    DownWeight,
    PostMlpNorm,
}

/// Whose names a file uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Naming {
    /// `model.layers.0.self_attn.q_proj.weight`.
    HuggingFace,
    /// `model.layers.0.attention.wqkv.weight`.
    InternLm2,
    /// `blk.0.attn_q.weight`.
    Gguf,
}

/// Rows of a tensor of the file that make up a parameter, in order. Vectors count their values as rows of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// Tensor of the file.
    pub tensor: String,
    /// Row ranges, or `None` for the whole tensor.
    pub rows: Option<Vec<Range<usize>>>,
}

impl Param {
    /// Every parameter of the model, in the order of a forward pass.
    pub fn all(config: &Config) -> Vec<Param> {
        use LayerParam::*;
        let mut params = vec![Param::Embedding];
        for layer in 0..config.layers.len() {
            let wanted = [
                (InputNorm, true),
                (QWeight, true),
                (QBias, config.qkv_bias),
                (KWeight, true),
                (KBias, config.qkv_bias),
                (VWeight, true),
                (VBias, config.qkv_bias),
                (QNorm, config.head_norms),
                (KNorm, config.head_norms),
                (OutputWeight, true),
                (OutputBias, config.output_bias),
                (PostAttentionNorm, config.post_norms),
                (MlpNorm, true),
                (GateWeight, true),
                (UpWeight, true),
                (DownWeight, true),
                (PostMlpNorm, config.post_norms),
            ];
            params.extend(
                wanted
                    .into_iter()
                    .filter(|(_, there)| *there)
                    .map(|(param, _)| Param::Layer(layer, param)),
            );
        }
        params.push(Param::FinalNorm);
        if !config.tied {
            params.push(Param::Head);
        }
        params
    }

    /// `(rows, cols)`; a vector has one row.
    pub fn shape(self, config: &Config) -> (usize, usize) {
        use LayerParam::*;
        let (d, f) = (config.hidden_size, config.intermediate_size);
        let (q, kv) = (config.heads * config.head_dim, config.kv_heads * config.head_dim);
        match self {
            Param::Embedding | Param::Head => (config.vocab_size, d),
            Param::FinalNorm => (1, d),
            Param::Layer(_, param) => match param {
                InputNorm | PostAttentionNorm | MlpNorm | PostMlpNorm | OutputBias => (1, d),
                QWeight => (q, d),
                KWeight | VWeight => (kv, d),
                QBias => (1, q),
                KBias | VBias => (1, kv),
                QNorm | KNorm => (1, config.head_dim),
                OutputWeight => (d, q),
                GateWeight | UpWeight => (f, d),
                DownWeight => (d, f),
            },
        }
    }

    /// True for norms and biases.
    pub fn is_vector(self, config: &Config) -> bool {
        self.shape(config).0 == 1
    }

    /// Where a file with `config.naming` keeps it.
    pub fn place(self, config: &Config) -> Place {
        match config.naming {
            Naming::HuggingFace => Place {
                tensor: self.huggingface(config.post_norms),
                rows: None,
            },
            Naming::InternLm2 => self.internlm2(config),
            Naming::Gguf => Place {
                tensor: self.gguf(),
                rows: None,
            },
        }
    }

    /// Hugging Face's name. In models with post-norms (Gemma), `post_attention_layernorm` is one; in all others it is the MLP's norm.
    pub fn huggingface(self, post_norms: bool) -> String {
        use LayerParam::*;
        match self {
            Param::Embedding => "model.embed_tokens.weight".into(),
            Param::FinalNorm => "model.norm.weight".into(),
            Param::Head => "lm_head.weight".into(),
            Param::Layer(layer, param) => {
                let name = match param {
                    InputNorm => "input_layernorm.weight",
                    QWeight => "self_attn.q_proj.weight",
                    QBias => "self_attn.q_proj.bias",
                    KWeight => "self_attn.k_proj.weight",
                    KBias => "self_attn.k_proj.bias",
                    VWeight => "self_attn.v_proj.weight",
                    VBias => "self_attn.v_proj.bias",
                    QNorm => "self_attn.q_norm.weight",
                    KNorm => "self_attn.k_norm.weight",
                    OutputWeight => "self_attn.o_proj.weight",
                    OutputBias => "self_attn.o_proj.bias",
                    PostAttentionNorm => "post_attention_layernorm.weight",
                    MlpNorm if post_norms => "pre_feedforward_layernorm.weight",
                    MlpNorm => "post_attention_layernorm.weight",
                    GateWeight => "mlp.gate_proj.weight",
                    UpWeight => "mlp.up_proj.weight",
                    DownWeight => "mlp.down_proj.weight",
                    PostMlpNorm => "post_feedforward_layernorm.weight",
                };
                format!("model.layers.{layer}.{name}")
            }
        }
    }

    /// llama.cpp's name.
    pub fn gguf(self) -> String {
        use LayerParam::*;
        match self {
            Param::Embedding => "token_embd.weight".into(),
            Param::FinalNorm => "output_norm.weight".into(),
            Param::Head => "output.weight".into(),
            Param::Layer(layer, param) => {
                let name = match param {
                    InputNorm => "attn_norm.weight",
                    QWeight => "attn_q.weight",
                    QBias => "attn_q.bias",
                    KWeight => "attn_k.weight",
                    KBias => "attn_k.bias",
                    VWeight => "attn_v.weight",
                    VBias => "attn_v.bias",
                    QNorm => "attn_q_norm.weight",
                    KNorm => "attn_k_norm.weight",
                    OutputWeight => "attn_output.weight",
                    OutputBias => "attn_output.bias",
                    PostAttentionNorm => "post_attention_norm.weight",
                    MlpNorm => "ffn_norm.weight",
                    GateWeight => "ffn_gate.weight",
                    UpWeight => "ffn_up.weight",
                    DownWeight => "ffn_down.weight",
                    PostMlpNorm => "post_ffw_norm.weight",
                };
                format!("blk.{layer}.{name}")
            }
        }
    }

    /// InternLM 2 keeps, for each key/value head: its query heads, then `k`, then `v`, in one matrix `wqkv`.
    fn internlm2(self, config: &Config) -> Place {
        use LayerParam::*;
        let (dim, queries) = (config.head_dim, config.heads / config.kv_heads);
        let group = (queries + 2) * dim;
        let packed = |first: usize, count: usize| {
            Some(
                (0..config.kv_heads)
                    .map(|head| head * group + first * dim..head * group + (first + count) * dim)
                    .collect(),
            )
        };
        let (name, rows) = match self {
            Param::Embedding => {
                return Place {
                    tensor: "model.tok_embeddings.weight".into(),
                    rows: None,
                };
            }
            Param::FinalNorm => {
                return Place {
                    tensor: "model.norm.weight".into(),
                    rows: None,
                };
            }
            Param::Head => {
                return Place {
                    tensor: "output.weight".into(),
                    rows: None,
                };
            }
            Param::Layer(layer, param) => {
                let (name, rows) = match param {
                    QWeight => ("attention.wqkv.weight", packed(0, queries)),
                    QBias => ("attention.wqkv.bias", packed(0, queries)),
                    KWeight => ("attention.wqkv.weight", packed(queries, 1)),
                    KBias => ("attention.wqkv.bias", packed(queries, 1)),
                    VWeight => ("attention.wqkv.weight", packed(queries + 1, 1)),
                    VBias => ("attention.wqkv.bias", packed(queries + 1, 1)),
                    OutputWeight => ("attention.wo.weight", None),
                    OutputBias => ("attention.wo.bias", None),
                    InputNorm => ("attention_norm.weight", None),
                    MlpNorm => ("ffn_norm.weight", None),
                    GateWeight => ("feed_forward.w1.weight", None),
                    UpWeight => ("feed_forward.w3.weight", None),
                    DownWeight => ("feed_forward.w2.weight", None),
                    QNorm => ("attention.q_norm.weight", None),
                    KNorm => ("attention.k_norm.weight", None),
                    PostAttentionNorm => ("post_attention_norm.weight", None),
                    PostMlpNorm => ("post_ffn_norm.weight", None),
                };
                (format!("model.layers.{layer}.{name}"), rows)
            }
        };
        Place { tensor: name, rows }
    }
}

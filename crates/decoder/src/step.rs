//! The large steps of a transformer, as data.
//!
//! A layer of a model is `ProjectQkv`, `Attend`, `ProjectAdd`, `GatedMlp`; `Embed` stands before the first layer and `Head` after the
//! last. Each struct holds the weights (`W` is a backend's handle, cheap to clone) and the numbers that the step needs, so that an
//! architecture is a way of filling them.

/// Index of a weight in the model's parameter table; equal ids are the same weight (a tied head).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParameterId(pub usize);

/// A weight and its identity.
#[derive(Clone, Debug)]
pub struct Parameter<W> {
    /// Identity: where gradients of this weight are collected.
    pub id: ParameterId,
    /// The backend's handle.
    pub value: W,
}

/// `y = x Wᵀ + b`, `W: [out, in]`, `b: [out]`.
#[derive(Clone, Debug)]
pub struct Linear<W> {
    /// `[out, in]`, row-major, maybe quantised.
    pub weight: Parameter<W>,
    /// `[out]`, F32.
    pub bias: Option<Parameter<W>>,
    /// Number of inputs.
    pub inputs: usize,
    /// Number of outputs.
    pub outputs: usize,
}

/// Root-mean-square norm: `x / sqrt(mean(x²) + eps) * (offset + w)` (Zhang and Sennrich, 2019).
#[derive(Clone, Debug)]
pub struct Norm<W> {
    /// `[width]`, F32.
    pub weight: Parameter<W>,
    /// Added to the mean square.
    pub eps: f32,
    /// 1 for Gemma's Hugging Face files, which store `w - 1`; else 0.
    pub offset: f32,
}

/// How the two components that RoPE rotates lie in a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum RopeLayout {
    /// Components `i` and `i + D/2` (Hugging Face; ggml's NEOX).
    Halves,
    /// Components `2i` and `2i + 1` (the original Llama; ggml's NORM).
    Interleaved,
}

/// Rotary position embedding (Su et al., 2021) from a table of angles.
#[derive(Clone, Debug)]
pub struct Rope<W> {
    /// Which components form a pair.
    pub layout: RopeLayout,
    /// F32 `[context, D]`: row `p` holds `cos` of the `D/2` angles at position `p`, then their `sin`. Computed in f64 on the host,
    /// because WGSL promises little about `sin` and `cos` of large angles. Not trained.
    pub table: W,
}

/// Token ids → rows of the embedding table.
#[derive(Clone, Debug)]
pub struct Embed<W> {
    /// `[V, d]`.
    pub table: Parameter<W>,
    /// Factor on every row: `sqrt(d)` in Gemma, else 1.
    pub scale: f32,
}

/// `n = norm(x)`; `q, k, v = n Wᵀ + b`; optional norm over each head of `q` and `k`; RoPE on `q` and `k`.
#[derive(Clone, Debug)]
pub struct ProjectQkv<W> {
    /// Before the projections.
    pub norm: Norm<W>,
    /// `[H·D, d]`.
    pub q: Linear<W>,
    /// `[K·D, d]`.
    pub k: Linear<W>,
    /// `[K·D, d]`.
    pub v: Linear<W>,
    /// Over each head's `D` components (Qwen 3, Gemma 3).
    pub q_norm: Option<Norm<W>>,
    /// As `q_norm`.
    pub k_norm: Option<Norm<W>>,
    /// Positions.
    pub rope: Rope<W>,
    /// `H`.
    pub heads: usize,
    /// `K`, a divisor of `H`.
    pub kv_heads: usize,
    /// `D`.
    pub head_dim: usize,
}

/// Causal attention of each segment over its context. No weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Attend {
    /// Which layer's keys and values of the cache.
    pub layer: usize,
    /// `H`.
    pub heads: usize,
    /// `K`; query head `h` reads key/value head `h / (H/K)`.
    pub kv_heads: usize,
    /// `D`.
    pub head_dim: usize,
    /// Factor on `q·k`, usually `1/sqrt(D)`.
    pub scale: f32,
    /// Scores become `cap * tanh(score / cap)` (Gemma 2).
    pub softcap: Option<f32>,
    /// A query at position `p` sees positions `p - window + 1 ..= p` only.
    pub window: Option<usize>,
}

/// `x + post_norm(a Wᵀ + b)`.
#[derive(Clone, Debug)]
pub struct ProjectAdd<W> {
    /// `[d, H·D]`.
    pub project: Linear<W>,
    /// Before the addition (Gemma).
    pub post_norm: Option<Norm<W>>,
}

/// Activation of the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Activation {
    /// `x * sigmoid(x)`.
    Silu,
    /// `x/2 * (1 + tanh(sqrt(2/π) (x + 0.044715 x³)))`.
    GeluTanh,
}

/// `x + post_norm((act(n W_gateᵀ) ∘ n W_upᵀ) W_downᵀ)`, `n = norm(x)`.
#[derive(Clone, Debug)]
pub struct GatedMlp<W> {
    /// Before the projections.
    pub norm: Norm<W>,
    /// `[f, d]`.
    pub gate: Linear<W>,
    /// `[f, d]`.
    pub up: Linear<W>,
    /// `[d, f]`.
    pub down: Linear<W>,
    /// On the gate.
    pub activation: Activation,
    /// Before the addition (Gemma).
    pub post_norm: Option<Norm<W>>,
}

/// `cap(norm(x) Wᵀ)` on chosen rows.
#[derive(Clone, Debug)]
pub struct Head<W> {
    /// The model's last norm.
    pub norm: Norm<W>,
    /// `[V, d]`; the embedding table itself in tied models.
    pub project: Linear<W>,
    /// Logits become `cap * tanh(logit / cap)` (Gemma 2).
    pub softcap: Option<f32>,
}

/// The four steps of a layer.
#[derive(Clone, Debug)]
pub struct Layer<W> {
    /// Norm, projections, positions.
    pub qkv: ProjectQkv<W>,
    /// Attention.
    pub attend: Attend,
    /// Back to the model's width.
    pub output: ProjectAdd<W>,
    /// The gated MLP.
    pub mlp: GatedMlp<W>,
}

//! Results of commands, one kind for each.

use serde::{Deserialize, Serialize};

use super::BackendChoice;

/// Results.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Reply {
    /// Nothing to say.
    Empty,
    /// A model is loaded.
    Loaded {
        /// What it is and where it runs.
        info: Info,
    },
    /// One for each item.
    Scores {
        /// In the order of the items.
        scores: Vec<Scores>,
    },
    /// One for each item.
    OptionTokens {
        /// In the order of the items.
        results: Vec<OptionResult>,
    },
    /// A text was written.
    Generated(Generated),
    /// A text.
    Text {
        /// It.
        text: String,
    },
    /// Token ids.
    Tokens {
        /// They.
        tokens: Vec<u32>,
    },
    /// Speeds.
    Benched(Benched),
    /// Kept models.
    Models(Models),
    /// Memory.
    Memory(Memory),
}

/// A loaded model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Info {
    /// Name in the file's metadata, else the file's.
    pub name: String,
    /// `llama`, `qwen3`, …
    pub architecture: String,
    /// The type of most of its weights: `Q4_K`, `F16`, …
    pub quantization: String,
    /// Number of weights.
    pub parameters: u64,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// `webgpu` or `cpu`.
    pub backend: BackendChoice,
    /// The device, for people.
    pub adapter: String,
    /// Why this device and not another, where the engine chose.
    pub reason: Option<String>,
    /// Tokens that prompt and answer may have together.
    pub context_length: u32,
    /// Whether the file carries a chat template.
    pub chat_template: bool,
    /// What the self-test found.
    pub self_test: SelfTest,
    /// How products are computed, for records of a run: `matvec=f32 matmul=f32 subgroups cache=f32`. 32-bit floats, whatever the device could do
    /// faster.
    #[serde(default)]
    pub kernels: String,
    /// How they are computed for texts that are written with [`super::Generate::fast`].
    #[serde(default)]
    pub fast_kernels: String,
    /// SHA-256 of the file, where it was computed or known.
    pub sha256: Option<String>,
}

/// The self-test of the device that runs the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SelfTest {
    /// A device that did not pass is not used, so this is true wherever a model is loaded.
    pub passed: bool,
    /// Largest difference from the golden log-probabilities.
    pub max_difference: f64,
    /// What differences were allowed.
    pub tolerance: f64,
    /// In words.
    pub details: String,
}

/// Scores of one item.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Scores {
    /// Σ log p(token | what stands before), natural logarithm, one for each continuation.
    pub log_likelihoods: Vec<f64>,
    /// Tokens of each continuation.
    pub token_counts: Vec<u32>,
    /// Whether greedy decoding would have written the continuation.
    pub greedy: Vec<bool>,
    /// Asked for with `per_token`.
    #[serde(default)]
    pub token_log_likelihoods: Option<Vec<Vec<f64>>>,
    /// Tokens of the context as it was computed.
    #[serde(default)]
    pub context_tokens: u32,
    /// Tokens cut from its left, for the continuation that needed it most.
    #[serde(default)]
    pub truncated_tokens: u32,
}

/// Next tokens in question, among themselves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OptionResult {
    /// The token meant by each option.
    pub tokens: Vec<u32>,
    /// Their logits.
    pub logits: Vec<f64>,
    /// Softmax of the logits over the options.
    pub probabilities: Vec<f64>,
    /// As in [`Scores`].
    #[serde(default)]
    pub context_tokens: u32,
    /// As in [`Scores`].
    #[serde(default)]
    pub truncated_tokens: u32,
}

/// A written text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Generated {
    /// Without the prompt and without the stop string.
    pub text: String,
    /// Tokens that were drawn, up to the stop string's; an end-of-text token is not among them.
    pub tokens: Vec<u32>,
    /// Tokens of the prompt, what was cut not counted.
    pub prompt_tokens: u32,
    /// Tokens cut from the left of the prompt.
    #[serde(default)]
    pub truncated_tokens: u32,
    /// Time until the first token, in milliseconds.
    pub prefill_ms: f64,
    /// Time from the first token to the last, in milliseconds.
    pub decode_ms: f64,
    /// Why it ended.
    pub stopped: Stopped,
}

/// Why a text ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stopped {
    /// The model said so.
    EndOfText,
    /// A stop string.
    StopString,
    /// As many tokens as asked for.
    MaxTokens,
    /// The context is full.
    ContextFull,
}

/// Speeds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Benched {
    /// Tokens of the prompt a second. (Snake case on the wire: the names of benchmark records.)
    pub prefill_tps: f64,
    /// Tokens written a second.
    pub decode_tps: f64,
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Tokens written.
    pub gen_tokens: u32,
}

/// Models kept in this browser.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Models {
    /// By name.
    pub models: Vec<StoredModel>,
    /// Bytes that this site uses, as the browser estimates.
    pub usage: u64,
    /// Bytes that this site may use, as the browser estimates.
    pub quota: u64,
}

/// A kept model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredModel {
    /// Its name here.
    pub name: String,
    /// Size of the whole file.
    pub bytes: u64,
    /// How much of it is here.
    pub stored: u64,
    /// Where it came from.
    pub url: Option<String>,
}

/// Memory of the worker.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Memory {
    /// Size of the WebAssembly memory; it never shrinks, so it is also its peak.
    pub wasm_bytes: u64,
    /// Bytes of weights on the device, as far as the engine knows.
    pub device_bytes: u64,
    /// Most bytes of a model's file that were in memory at once during the last load, apart from weights that live there (CPU).
    pub peak_in_flight: u64,
}

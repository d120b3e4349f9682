//! What a page can ask of the engine. Replies are in `reply.rs`.

use serde::{Deserialize, Serialize};

/// What an engine can do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Command {
    /// Takes a model in, in place of the one before. Reply: [`super::Reply::Loaded`].
    Load(Load),
    /// What is loaded. Reply: [`super::Reply::Loaded`].
    Info,
    /// Log-likelihoods of continuations. Reply: [`super::Reply::Scores`].
    Score {
        /// One or many.
        items: Vec<ScoreItem>,
        /// Also the log-likelihood of each token.
        #[serde(default)]
        per_token: bool,
    },
    /// Probabilities of a few next tokens among themselves (letters of options). One pass, and only those rows of the vocabulary are
    /// read. Reply: [`super::Reply::OptionTokens`].
    OptionTokens {
        /// One or many.
        items: Vec<OptionItem>,
    },
    /// Writes text. Events: [`super::Event::Token`]. Reply: [`super::Reply::Generated`].
    Generate(Generate),
    /// The prompt that the model's chat template makes of messages. Reply: [`super::Reply::Text`].
    Render {
        /// The conversation.
        messages: Vec<ChatMessage>,
        /// End with the opening of the model's turn.
        #[serde(default = "yes")]
        add_generation_prompt: bool,
    },
    /// Text → token ids. Reply: [`super::Reply::Tokens`].
    Tokenize {
        /// The text.
        text: String,
        /// Add what the model wants at the beginning (and end), usually one token.
        #[serde(default = "yes")]
        special: bool,
    },
    /// Token ids → text. Reply: [`super::Reply::Text`].
    Detokenize {
        /// Token ids.
        tokens: Vec<u32>,
    },
    /// Measures prefill and decode on made-up tokens. Reply: [`super::Reply::Benched`].
    Bench {
        /// Tokens of the prompt.
        prompt_tokens: u32,
        /// Tokens to write after it.
        gen_tokens: u32,
    },
    /// Models kept in this browser. Reply: [`super::Reply::Models`].
    ListModels,
    /// Removes a kept model. Reply: [`super::Reply::Empty`].
    DeleteModel {
        /// As listed.
        name: String,
    },
    /// Memory of the worker. Reply: [`super::Reply::Memory`].
    Memory,
    /// Stops a request that runs or waits: it fails with [`super::ErrorKind::Cancelled`], and what it had taken is given back. Reply:
    /// [`super::Reply::Empty`], also where that request is over already.
    Cancel {
        /// Its id.
        request: u32,
    },
    /// Gives the model, its cache and its device memory back. Reply: [`super::Reply::Empty`].
    Free,
}

fn yes() -> bool {
    true
}

/// A model to take in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Load {
    /// Where it is.
    pub source: Source,
    /// Which device runs it.
    #[serde(default)]
    pub backend: BackendChoice,
    /// Tokens of prompt and answer together; the engine takes the least of this, of what the model was trained for and of what the device can
    /// hold. Absent: 4,096.
    #[serde(default)]
    pub context_length: Option<u32>,
}

/// Where a model is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Source {
    /// The small model that is served beside the page.
    Demo,
    /// An address; the file is kept in this browser while it loads, and the next load reads it from there.
    Url {
        /// Absolute, or relative to the site.
        url: String,
        /// Hash of the whole file, in hexadecimal, where a catalogue knows it.
        #[serde(default)]
        sha256: Option<String>,
        /// Name under which it is kept; absent: the last part of the address.
        #[serde(default)]
        name: Option<String>,
    },
    /// The `File` that travels in the message's field `file`. Read in place, not kept.
    File,
    /// A kept model.
    Stored {
        /// As listed.
        name: String,
    },
}

/// Which device runs a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackendChoice {
    /// WebGPU where there is an adapter with room for the model that passes the self-test, else the processor.
    #[default]
    Auto,
    /// WebGPU, or an error.
    WebGpu,
    /// The processor.
    Cpu,
}

/// A context and what may follow it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScoreItem {
    /// Text before.
    pub context: String,
    /// Texts that may follow; each usually begins with a space.
    pub continuations: Vec<String>,
    /// The context was made by [`Command::Render`]: it names its special tokens itself, and gets none in front.
    #[serde(default)]
    pub rendered: bool,
    /// A text that is too long is cut on the left, and the reply says by how much. Otherwise it is an error.
    #[serde(default)]
    pub truncate: bool,
}

/// A context and the tokens in question after it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OptionItem {
    /// Text before.
    pub context: String,
    /// Texts whose first token after the context is meant, for instance ` A`, ` B`. Tokens that all of them begin with count as context. Two
    /// options that begin with the same token otherwise are an error.
    pub options: Vec<String>,
    /// As in [`ScoreItem`].
    #[serde(default)]
    pub rendered: bool,
    /// As in [`ScoreItem`].
    #[serde(default)]
    pub truncate: bool,
}

/// One message of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatMessage {
    /// `system`, `user` or `assistant`.
    pub role: String,
    /// Its text.
    pub content: String,
}

/// A text to write. Exactly one of `prompt` and `messages` is given.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Generate {
    /// Plain text to go on from.
    pub prompt: Option<String>,
    /// A conversation, laid out by the model's chat template.
    pub messages: Option<Vec<ChatMessage>>,
    /// As in [`ScoreItem`], of `prompt`.
    pub rendered: bool,
    /// A prompt that leaves less room than `max_tokens` is cut on the left, and the reply says by how much. Otherwise the text ends where the
    /// context is full.
    pub truncate: bool,
    /// At most so many tokens; absent: 256, and never more than the context holds.
    pub max_tokens: Option<u32>,
    /// 0 or absent: always the most likely token.
    pub temperature: Option<f32>,
    /// Only the `k` most likely tokens; 0 or absent: all.
    pub top_k: Option<u32>,
    /// Only the most likely tokens that together reach this probability.
    pub top_p: Option<f32>,
    /// Only tokens with at least this share of the likeliest one's probability.
    pub min_p: Option<f32>,
    /// Logits of tokens that are already there are divided (or, below zero, multiplied) by it; 1 or absent: not.
    pub repetition_penalty: Option<f32>,
    /// The same seed, model and device give the same text. Absent: 0.
    pub seed: Option<u64>,
    /// The text ends before the first of these.
    pub stop: Vec<String>,
    /// Computed in whatever form of products was measured to be fastest on this device ([`super::Info::fast_kernels`]), which may round more than
    /// scores are allowed to.
    pub fast: bool,
}

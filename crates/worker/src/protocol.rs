//! The messages between a page and the engine in its worker.
//!
//! A page posts `{id, command, file?}` ([`Request`]; `file` is a `File` beside the typed part, because serde cannot carry one) and gets
//! any number of `{id, event}` ([`Message`]) back: progress and tokens while the command runs, and exactly one last event, a
//! [`Event::Done`] or an [`Event::Failed`]. Commands run one after the other, in the order of their arrival, except
//! [`Command::Cancel`], which is seen at once. Right after its start the worker posts [`Event::Started`] with id 0.
//!
//! Fields are camel case on the wire, enums are tagged with `type`, absent values are `null` or missing, and numbers are JavaScript's, so
//! that `-Infinity` survives. `www/mmedkit.js` speaks the same messages: change both together, and `version` with them.

use serde::{Deserialize, Serialize};

/// Version of this protocol; the worker names it when it starts.
pub const VERSION: u32 = 1;

/// Id of messages that answer no request.
pub const NO_REQUEST: u32 = 0;

/// From a page to the engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Chosen by the page, from 1, unique while the request runs.
    pub id: u32,
    /// What to do.
    pub command: Command,
}

/// From the engine to a page.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// The request's, or [`NO_REQUEST`].
    pub id: u32,
    /// What happened.
    pub event: Event,
}

/// What an engine can do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Command {
    /// Takes a model in, in place of the one before. Reply: [`Reply::Loaded`].
    Load(Load),
    /// What is loaded. Reply: [`Reply::Loaded`].
    Info,
    /// Log-likelihoods of continuations. Reply: [`Reply::Scores`].
    Score {
        /// One or many.
        items: Vec<ScoreItem>,
        /// Also the log-likelihood of each token.
        #[serde(default)]
        per_token: bool,
    },
    /// Probabilities of a few next tokens among themselves (letters of options). One pass, and only those rows of the vocabulary are
    /// read. Reply: [`Reply::OptionTokens`].
    OptionTokens {
        /// One or many.
        items: Vec<OptionItem>,
    },
    /// Writes text. Events: [`Event::Token`]. Reply: [`Reply::Generated`].
    Generate(Generate),
    /// The prompt that the model's chat template makes of messages. Reply: [`Reply::Text`].
    Render {
        /// The conversation.
        messages: Vec<ChatMessage>,
        /// End with the opening of the model's turn.
        #[serde(default = "yes")]
        add_generation_prompt: bool,
    },
    /// Text → token ids. Reply: [`Reply::Tokens`].
    Tokenize {
        /// The text.
        text: String,
        /// Add what the model wants at the beginning (and end), usually one token.
        #[serde(default = "yes")]
        special: bool,
    },
    /// Token ids → text. Reply: [`Reply::Text`].
    Detokenize {
        /// Token ids.
        tokens: Vec<u32>,
    },
    /// Measures prefill and decode on made-up tokens. Reply: [`Reply::Benched`].
    Bench {
        /// Tokens of the prompt.
        prompt_tokens: u32,
        /// Tokens to write after it.
        gen_tokens: u32,
    },
    /// Models kept in this browser. Reply: [`Reply::Models`].
    ListModels,
    /// Removes a kept model. Reply: [`Reply::Empty`].
    DeleteModel {
        /// As listed.
        name: String,
    },
    /// Memory of the worker. Reply: [`Reply::Memory`].
    Memory,
    /// Stops a request that runs or waits: it fails with [`ErrorKind::Cancelled`], and what it had taken is given back. Reply:
    /// [`Reply::Empty`], also where that request is over already.
    Cancel {
        /// Its id.
        request: u32,
    },
    /// Gives the model, its cache and its device memory back. Reply: [`Reply::Empty`].
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
}

/// A context and the tokens in question after it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OptionItem {
    /// Text before.
    pub context: String,
    /// Texts whose first token after the context is meant, for instance ` A`, ` B`. Two options with the same first token are an error.
    pub options: Vec<String>,
    /// As in [`ScoreItem`].
    #[serde(default)]
    pub rendered: bool,
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
}

/// What happens to a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Event {
    /// The worker has started.
    Started {
        /// [`VERSION`].
        version: u32,
    },
    /// A load goes on.
    Progress(Progress),
    /// Text was written. Pieces end at whole characters; together they are the reply's text.
    Token {
        /// The newest token.
        token: u32,
        /// What can be shown because of it; maybe empty.
        text: String,
    },
    /// The last event of a request that went well.
    Done {
        /// Its result.
        reply: Reply,
    },
    /// The last event of a request that did not.
    Failed {
        /// Why.
        error: Failure,
    },
}

/// How far a load is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// What is done now.
    pub stage: Stage,
    /// Bytes so far (of the file or of its weights), or 0.
    pub loaded: u64,
    /// Bytes in all, or 0.
    pub total: u64,
}

/// Parts of a load, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// The file's header is read.
    Header,
    /// The file is fetched and stored; bytes count those of the file, also what an earlier load had fetched.
    Download,
    /// A device is chosen and proves itself.
    Device,
    /// Weights go to the device.
    Weights,
    /// The loaded model proves itself.
    SelfTest,
}

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
}

/// A written text.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Generated {
    /// Without the prompt and without the stop string.
    pub text: String,
    /// Tokens that were drawn, up to the stop string's; an end-of-text token is not among them.
    pub tokens: Vec<u32>,
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
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

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    /// For programs.
    pub kind: ErrorKind,
    /// For people: what, where, and what to do.
    pub message: String,
    /// Whether the engine can go on as it is. False: load again (lost device) or start a new worker (internal).
    pub recoverable: bool,
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl Failure {
    /// An error after which the engine goes on, where its kind allows.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Failure {
        Failure {
            kind,
            message: message.into(),
            recoverable: !matches!(kind, ErrorKind::DeviceLost | ErrorKind::Internal),
        }
    }
}

/// Kinds of errors. Snake case on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// A request makes no sense: wrong fields, empty lists, both prompt and messages.
    BadRequest,
    /// No model is loaded.
    NotLoaded,
    /// The file is no GGUF, is cut short, or lies about itself.
    BadFile,
    /// The file's architecture, tokenizer or weight type is not supported.
    Unsupported,
    /// The file is not what it should be: hash.
    Corrupt,
    /// The address cannot be reached, or not from this page (CORS).
    Network,
    /// The address or the stored model does not exist.
    NotFound,
    /// The server does not answer requests for parts of a file.
    NoRanges,
    /// The browser's storage is full.
    Quota,
    /// Another tab uses the stored model.
    Busy,
    /// There is no WebGPU adapter.
    NoAdapter,
    /// The GPU computes wrong numbers.
    SelfTest,
    /// Device or WebAssembly memory is full.
    OutOfMemory,
    /// The device went away; load again.
    DeviceLost,
    /// The text does not fit into the context.
    ContextFull,
    /// The page asked to stop.
    Cancelled,
    /// An error of the program itself.
    Internal,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip<T: Serialize + for<'a> Deserialize<'a> + PartialEq + std::fmt::Debug>(value: T, wire: &str) {
        assert_eq!(serde_json::to_string(&value).unwrap(), wire);
        assert_eq!(serde_json::from_str::<T>(wire).unwrap(), value);
    }

    #[test]
    fn commands_have_the_names_that_the_javascript_module_uses() {
        round_trip(
            Request {
                id: 7,
                command: Command::Load(Load {
                    source: Source::Demo,
                    backend: BackendChoice::WebGpu,
                    context_length: Some(512),
                }),
            },
            r#"{"id":7,"command":{"type":"load","source":{"type":"demo"},"backend":"webgpu","contextLength":512}}"#,
        );
        round_trip(
            Command::Score {
                items: vec![ScoreItem {
                    context: "a".into(),
                    continuations: vec![" b".into()],
                    rendered: false,
                }],
                per_token: true,
            },
            r#"{"type":"score","items":[{"context":"a","continuations":[" b"],"rendered":false}],"perToken":true}"#,
        );
        round_trip(
            Command::Bench {
                prompt_tokens: 1,
                gen_tokens: 2,
            },
            r#"{"type":"bench","promptTokens":1,"genTokens":2}"#,
        );
    }

    #[test]
    fn what_a_page_leaves_out_has_a_default() {
        let load: Load = serde_json::from_str(r#"{"source":{"type":"url","url":"m.gguf"}}"#).unwrap();
        assert_eq!(load.backend, BackendChoice::Auto);
        assert_eq!(
            load.source,
            Source::Url {
                url: "m.gguf".into(),
                sha256: None,
                name: None
            }
        );
        let generate: Command = serde_json::from_str(r#"{"type":"generate","prompt":"x","seed":null}"#).unwrap();
        assert_eq!(
            generate,
            Command::Generate(Generate {
                prompt: Some("x".into()),
                ..Generate::default()
            })
        );
        let tokenize: Command = serde_json::from_str(r#"{"type":"tokenize","text":"x"}"#).unwrap();
        assert_eq!(
            tokenize,
            Command::Tokenize {
                text: "x".into(),
                special: true
            }
        );
    }

    #[test]
    fn replies_have_the_names_that_the_javascript_module_uses() {
        round_trip(
            Message {
                id: 1,
                event: Event::Progress(Progress {
                    stage: Stage::SelfTest,
                    loaded: 1,
                    total: 2,
                }),
            },
            r#"{"id":1,"event":{"type":"progress","stage":"selfTest","loaded":1,"total":2}}"#,
        );
        round_trip(
            Event::Failed {
                error: Failure::new(ErrorKind::DeviceLost, "gone"),
            },
            r#"{"type":"failed","error":{"kind":"device_lost","message":"gone","recoverable":false}}"#,
        );
        round_trip(
            Event::Done {
                reply: Reply::Benched(Benched {
                    prefill_tps: 1.5,
                    decode_tps: 0.5,
                    prompt_tokens: 8,
                    gen_tokens: 4,
                }),
            },
            r#"{"type":"done","reply":{"type":"benched","prefill_tps":1.5,"decode_tps":0.5,"prompt_tokens":8,"gen_tokens":4}}"#,
        );
    }
}

//! The messages between a page and the engine in its worker.
//!
//! A page posts `{id, command, file?}` ([`Request`]; `file` is a `File` beside the typed part, because serde cannot carry one) and gets
//! any number of `{id, event}` ([`Message`]) back: progress and tokens while the command runs, and exactly one last event, a
//! [`Event::Done`] or an [`Event::Failed`]. Commands run one after the other, in the order of their arrival, except
//! [`Command::Cancel`], which is seen at once. Right after its start the worker posts [`Event::Started`] with id 0; later, with that id,
//! [`Event::Failed`] where something fails that no request asked for: the device is lost while nothing runs, or the program itself has failed.
//!
//! Fields are camel case on the wire, enums are tagged with `type`, absent values are `null` or missing, and numbers are JavaScript's, so
//! that `-Infinity` survives. `www/mmedkit.js` speaks the same messages: change both together, and `version` with them.

mod command;
mod event;
mod failure;
mod reply;

use serde::{Deserialize, Serialize};

pub use command::*;
pub use event::*;
pub use failure::*;
pub use reply::*;

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
                    truncate: false,
                }],
                per_token: true,
            },
            r#"{"type":"score","items":[{"context":"a","continuations":[" b"],"rendered":false,"truncate":false}],"perToken":true}"#,
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

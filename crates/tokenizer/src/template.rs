//! Chat templates: Jinja as Hugging Face's `apply_chat_template` runs it.
//!
//! What must hold: blocks are trimmed, strings and dictionaries have Python's methods, `raise_exception` refuses, `tojson` writes what Python
//! writes. Templates come with files from anywhere, so the work that one may do is limited.

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde, Value};
use minijinja::{Environment, ErrorKind, State, context};
use minijinja_contrib::pycompat::unknown_method_callback as of_python;
use serde::{Deserialize, Serialize};

use crate::time::DateTime;
use crate::{Error, Result, filters, python_json};

/// Instructions that a template may run: some ten thousand messages, and an end to `range(10 ** 9)`.
const FUEL: u64 = 5_000_000;

/// One turn of a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// `system`, `user` or `assistant`.
    pub role: String,
    /// Its text.
    pub content: String,
}

impl Message {
    /// A message of `role`.
    pub fn new(role: impl Into<String>, content: impl Into<String>) -> Message {
        Message {
            role: role.into(),
            content: content.into(),
        }
    }
}

/// How to render.
#[derive(Clone, Debug, Default)]
pub struct RenderOptions {
    /// End with the beginning of the assistant's turn.
    pub add_generation_prompt: bool,
    /// For `strftime_now`; without it, templates print a fixed date of their own.
    pub now: Option<DateTime>,
    /// More names for the template: `enable_thinking`, `tools`, `date_string`.
    pub extra: serde_json::Map<String, serde_json::Value>,
}

impl RenderOptions {
    /// As for an answer from the model.
    pub fn for_answer() -> RenderOptions {
        RenderOptions {
            add_generation_prompt: true,
            ..RenderOptions::default()
        }
    }
}

/// A template, parsed.
pub struct ChatTemplate {
    environment: Environment<'static>,
}

impl ChatTemplate {
    /// Parses. Errors: no Jinja, with the line.
    pub fn new(source: &str) -> Result<ChatTemplate> {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder()
            .trim_blocks(true)
            .lstrip_blocks(true)
            .build()
            .map_err(describe)?;
        environment.set_syntax(syntax);
        environment.set_fuel(Some(FUEL));
        environment.set_unknown_method_callback(method);
        filters::limit(&mut environment);
        environment.add_filter("tojson", to_json);
        environment.add_function("raise_exception", |message: String| -> Result<Value, minijinja::Error> {
            Err(minijinja::Error::new(ErrorKind::InvalidOperation, message))
        });
        environment
            .add_template_owned("chat_template", source.to_owned())
            .map_err(describe)?;
        Ok(ChatTemplate { environment })
    }

    /// `messages` (any values with `role` and `content`) as the model was trained to see them.
    /// Errors: the template refuses (its own words are in the message) or goes on for too long.
    pub fn render<M: Serialize>(&self, messages: &[M], bos_token: &str, eos_token: &str, options: &RenderOptions) -> Result<String> {
        let strftime_now = match options.now {
            Some(now) => Value::from_function(move |format: String| {
                now.format(&format)
                    .map_err(|error| minijinja::Error::new(ErrorKind::InvalidOperation, error.to_string()))
            }),
            None => Value::UNDEFINED,
        };
        // As in transformers: `tools` and `documents` are always there, and none.
        let base = context! {
            messages => Value::from(Serde(messages)),
            add_generation_prompt => options.add_generation_prompt,
            bos_token => bos_token,
            eos_token => eos_token,
            tools => (),
            documents => (),
            strftime_now => strftime_now,
        };
        let values = context! { ..Value::from(Serde(&options.extra)), ..base };
        let template = self.environment.get_template("chat_template").map_err(describe)?;
        template.render(values).map_err(describe)
    }
}

/// Methods of Python's types. `str.title` is done here: the library's starts words after spaces only.
fn method(state: &mut State, value: &Value, name: &str, arguments: &[Value]) -> Result<Value, minijinja::Error> {
    match (name, value.as_str(), arguments) {
        ("title", Some(text), []) => Ok(Value::from(title(text))),
        ("format", Some(text), _) => filters::narrow(text).and_then(|()| of_python(state, value, name, arguments)),
        _ => of_python(state, value, name, arguments),
    }
}

/// A letter after none begins a word.
fn title(text: &str) -> String {
    let mut inside = false;
    let mut output = String::with_capacity(text.len());
    for character in text.chars() {
        if inside {
            output.extend(character.to_lowercase());
        } else {
            output.extend(character.to_uppercase());
        }
        inside = character.is_alphabetic();
    }
    output
}

/// `tojson` of transformers: `json.dumps(value, ensure_ascii=False, indent=indent)`, nothing escaped for HTML.
fn to_json(value: Value, indent: Option<usize>, options: Kwargs) -> Result<Value, minijinja::Error> {
    let indent = match options.get::<Option<usize>>("indent")? {
        Some(indent) => Some(indent),
        None => indent,
    };
    let _: Option<bool> = options.get("ensure_ascii")?;
    options.assert_all_used()?;
    let text = python_json::to_string(&value, indent.map(|indent| indent.min(16)))
        .map_err(|error| minijinja::Error::new(ErrorKind::BadSerialization, error.to_string()))?;
    Ok(Value::from_safe_string(text))
}

fn describe(error: minijinja::Error) -> Error {
    let line = error.line().map(|line| format!(" (line {line})")).unwrap_or_default();
    Error::Template(match error.detail() {
        Some(detail) => format!("{}: {detail}{line}", error.kind()),
        None => format!("{}{line}", error.kind()),
    })
}

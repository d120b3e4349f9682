//! Prompts for evaluation: what stands before a question's answer, from a file with a name, a version and a hash.
//!
//! The paper's prompts (`prompt.rs`), lm-evaluation-harness's and our own in six languages are built in; users bring theirs as files of the
//! same form (`prompts/README.md`). What must hold: everything before the question is the same for all questions of a frame, so that it can
//! be computed once; templates are filled in one pass. Next: `shots.rs` chooses examples, `run/plan.rs` puts contexts together.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Deserialize;

use crate::Question;
use crate::prompt::{ANSWER_LEAD, ANSWER_TAIL, Prompt, PromptId, PromptVariant};

/// A prompt with its frames.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    id: PromptId,
    frames: BTreeMap<String, Frame>,
    /// The frame for everything, where the user named one.
    only: Option<String>,
}

/// How one kind of question is asked. Keys are those of the file (`prompts/README.md`).
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Frame {
    #[serde(default)]
    pub preamble: String,
    pub question: String,
    #[serde(default)]
    pub option: String,
    #[serde(default)]
    pub lead: String,
    #[serde(default = "space")]
    pub delimiter: String,
    #[serde(default)]
    pub choices: Choices,
    #[serde(default)]
    pub tail: String,
    #[serde(default = "two_breaks")]
    pub between: String,
    /// The paper's prompt, which has its own form of a chat message.
    #[serde(skip)]
    paper: Option<Prompt>,
}

/// What `loglik` scores after a question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Choices {
    #[default]
    Letters,
    Texts,
}

fn space() -> String {
    " ".into()
}

fn two_breaks() -> String {
    "\n\n".into()
}

/// Why a prompt cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    #[error("there is no prompt {name:?}; built in are {}; or name a .json file", Template::NAMES.join(", "))]
    Unknown { name: String },
    #[error("{file}: not a prompt file: {reason}")]
    File { file: String, reason: String },
    #[error("the prompt {prompt:?} has no frame {frame:?}; it has {have}")]
    NoFrame { prompt: String, frame: String, have: String },
    #[error("question {id}: the prompt {prompt:?} has no frame for {language} questions; it has {have}")]
    NoFrameFor {
        id: String,
        prompt: String,
        language: String,
        have: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    version: u32,
    frames: BTreeMap<String, Frame>,
}

impl Template {
    /// Names of the built-in prompts.
    pub const NAMES: [&'static str; 5] = ["paper", "paper-rationale", "paper-rationale-training", "harness", "native"];

    /// A built-in prompt: `NAME` or `NAME/FRAME`.
    pub fn built_in(name: &str) -> Result<Template, TemplateError> {
        let (name, frame) = match name.split_once('/') {
            Some((name, frame)) => (name, Some(frame)),
            None => (name, None),
        };
        let template = match name {
            "paper" => Template::paper(PromptVariant::Answer),
            "paper-rationale" => Template::paper(PromptVariant::RationaleInference),
            "paper-rationale-training" => Template::paper(PromptVariant::Rationale),
            "harness" => Template::from_json("harness.1.json", include_str!("../prompts/harness.1.json"))?,
            "native" => Template::from_json("native.1.json", include_str!("../prompts/native.1.json"))?,
            _ => return Err(TemplateError::Unknown { name: name.into() }),
        };
        match frame {
            Some(frame) => template.with_frame(frame),
            None => Ok(template),
        }
    }

    /// The built-in prompt that a record names; `None` where this program has no such prompt, or another version of it.
    pub fn of_record(id: &PromptId) -> Option<Template> {
        let names = Template::NAMES.into_iter().chain([id.name.as_str()]);
        names
            .filter_map(|name| Template::built_in(name).ok())
            .find(|template| template.id == *id)
    }

    /// A prompt file's text; `file` names it in errors.
    pub fn from_json(file: &str, text: &str) -> Result<Template, TemplateError> {
        let bad = |reason: String| TemplateError::File { file: file.into(), reason };
        let parsed: File = serde_json::from_str(text).map_err(|e| bad(e.to_string()))?;
        if parsed.frames.is_empty() {
            return Err(bad("`frames` is empty".into()));
        }
        for (name, frame) in &parsed.frames {
            let asks = ["{question}", "{trimmed}", "{stem}"];
            if !asks.iter().any(|place| frame.question.contains(place)) {
                return Err(bad(format!("frame {name:?}: `question` has none of {}", asks.join(", "))));
            }
            if frame.question.contains("{options}") != frame.option.contains("{text}") {
                return Err(bad(format!(
                    "frame {name:?}: `{{options}}` in `question` and `{{text}}` in `option` go together"
                )));
            }
        }
        Ok(Template {
            id: PromptId {
                name: parsed.name,
                version: parsed.version,
                hash: crate::sha256_hex(text.as_bytes()),
            },
            frames: parsed.frames,
            only: None,
        })
    }

    fn paper(variant: PromptVariant) -> Template {
        let prompt = variant.prompt();
        let frame = Frame {
            preamble: String::new(),
            question: prompt.template.to_string(),
            option: "{letter}. {text} ".into(),
            lead: ANSWER_LEAD.into(),
            delimiter: space(),
            choices: Choices::Texts,
            tail: ANSWER_TAIL.into(),
            between: two_breaks(),
            paper: Some(prompt),
        };
        Template {
            id: prompt.id(),
            frames: BTreeMap::from([("any".to_string(), frame)]),
            only: None,
        }
    }

    /// The same prompt with one frame for every question.
    pub fn with_frame(mut self, frame: &str) -> Result<Template, TemplateError> {
        if !self.frames.contains_key(frame) {
            return Err(TemplateError::NoFrame {
                prompt: self.id.name,
                frame: frame.into(),
                have: names(&self.frames),
            });
        }
        self.id.name = format!("{}/{frame}", self.id.name);
        self.only = Some(frame.into());
        Ok(self)
    }

    /// Identity for records.
    pub fn id(&self) -> &PromptId {
        &self.id
    }

    /// The name of the frame for a question.
    pub fn frame_name(&self, question: &Question) -> Result<&str, TemplateError> {
        let has = |name: &str| self.frames.get_key_value(name).map(|(key, _)| key.as_str());
        if let Some(only) = &self.only {
            return Ok(only);
        }
        benchmark(&question.id, &question.source)
            .and_then(has)
            .or_else(|| has(question.language.name()))
            .or_else(|| has("any"))
            .or_else(|| has("medqa"))
            .ok_or_else(|| TemplateError::NoFrameFor {
                id: question.id.clone(),
                prompt: self.id.name.clone(),
                language: question.language.name().into(),
                have: names(&self.frames),
            })
    }

    /// The frame for a question.
    pub fn frame(&self, question: &Question) -> Result<&Frame, TemplateError> {
        Ok(&self.frames[self.frame_name(question)?])
    }
}

impl Frame {
    /// The text before the examples.
    pub fn preamble(&self, question: &Question) -> String {
        fill(&self.preamble, |name| self.value(name, question))
    }

    /// The question, up to (and without) its lead.
    pub fn ask(&self, question: &Question) -> String {
        fill(&self.question, |name| self.value(name, question))
    }

    /// The question as a chat message: the paper's without the frame around it.
    pub fn ask_in_chat(&self, question: &Question) -> String {
        match &self.paper {
            Some(prompt) => prompt.render_message(question),
            None => self.ask(question),
        }
    }

    /// A question with its answer, as an example for others.
    pub fn example(&self, question: &Question, answer: &str) -> String {
        let tail = self.tail.trim_end_matches('\n');
        format!(
            "{}{}{}{answer}{tail}{}",
            self.ask(question),
            self.lead,
            self.delimiter,
            self.between
        )
    }

    /// Whether the options' letters stand in the question, so that a letter can be an answer.
    pub fn shows_letters(&self) -> bool {
        self.question.contains("{options}") && self.option.contains("{letter}")
    }

    fn value<'a>(&self, name: &str, question: &'a Question) -> Option<Cow<'a, str>> {
        let text = question.question.as_str();
        Some(match name {
            "{question}" => text.into(),
            "{trimmed}" => text.trim().into(),
            "{context}" => text.rsplit_once('\n').map_or("", |(context, _)| context).into(),
            "{stem}" => text.rsplit_once('\n').map_or(text, |(_, stem)| stem).into(),
            "{lang}" => question.language.name().into(),
            "{subject}" => question.source.replace('_', " ").into(),
            "{options}" => question
                .options
                .iter()
                .map(|(letter, text)| {
                    fill(&self.option, |name| match name {
                        "{letter}" => Some(letter.to_string().into()),
                        "{text}" => Some(text.as_str().into()),
                        _ => None,
                    })
                })
                .collect::<String>()
                .into(),
            _ => return None,
        })
    }
}

/// The benchmark that a question comes from, as far as its id (which may be its file) and its source say so.
pub fn benchmark(id: &str, source: &str) -> Option<&'static str> {
    let text = format!("{id} {source}").to_ascii_lowercase();
    if text.contains("frenchmedmcqa") {
        return None; // its name contains another's
    }
    let marks = [
        ("pubmedqa", "pubmedqa"),
        ("medmcqa", "medmcqa"),
        ("mmlu", "mmlu"),
        ("headqa", "headqa"),
        ("cuaderno_", "headqa"),
        ("medqa", "medqa"),
    ];
    marks.into_iter().find(|(mark, _)| text.contains(mark)).map(|(_, name)| name)
}

fn names(frames: &BTreeMap<String, Frame>) -> String {
    frames.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// Replaces each `{name}` that `value` knows; everything else, also what values bring in, stays.
fn fill<'a>(template: &str, value: impl Fn(&str) -> Option<Cow<'a, str>>) -> String {
    let mut out = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        out.push_str(&rest[..open]);
        rest = &rest[open..];
        let end = rest.find('}').map_or(rest.len(), |at| at + 1);
        match value(&rest[..end]) {
            Some(text) => {
                out.push_str(&text);
                rest = &rest[end..];
            }
            None => {
                out.push('{');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Language;

    fn question(id: &str, language: Language) -> Question {
        let line = format!(
            r#"{{"id":"{id}","question":"First line.\nQuelle {{options}} ?","options":{{"A":"un {{lang}}","B":"deux"}},"answer_idx":"B","source":"college_biology"}}"#
        );
        Question::from_json_line(&line, "q", "x.jsonl", Some(language)).unwrap()
    }

    #[test]
    fn the_papers_prompt_is_the_same_as_in_a_quiz() {
        let q = question("q", Language::French);
        let template = Template::built_in("paper").unwrap();
        let frame = template.frame(&q).unwrap();
        assert_eq!(frame.ask(&q), PromptVariant::Answer.prompt().render(&q));
        assert_eq!(frame.ask_in_chat(&q), PromptVariant::Answer.prompt().render_message(&q));
        assert_eq!(*template.id(), PromptVariant::Answer.prompt().id());
        assert!(frame.example(&q, "B").ends_with("### Response:###Answer: OPTION B IS CORRECT.\n\n"));
    }

    #[test]
    fn the_harness_prompts_are_the_harness() {
        // Written by hand after the tasks' files in lm-evaluation-harness 0.4.13.
        let template = Template::built_in("harness").unwrap();
        let ask = |id: &str| {
            let q = question(id, Language::English);
            let frame = template.frame(&q).unwrap();
            format!("{}{}", frame.preamble(&q), frame.ask(&q))
        };
        let options = "A. un {lang}\nB. deux\n";
        assert_eq!(
            ask("medqa-1"),
            format!("Question: First line.\nQuelle {{options}} ?\n{options}Answer:")
        );
        assert_eq!(
            ask("medmcqa-1"),
            format!("Question: First line.\nQuelle {{options}} ?\nChoices:\n{options}Answer:")
        );
        assert_eq!(
            ask("english-benchmarks/PubMedQA:3"),
            "Abstract: First line.\nQuestion: Quelle {options} ?\nAnswer:"
        );
        assert_eq!(
            ask("mmlu-7"),
            format!(
                "The following are multiple choice questions (with answers) about college biology.\n\nFirst line.\nQuelle {{options}} ?\n{options}Answer:"
            )
        );
        assert_eq!(ask("headqa-es-1"), "Question: First line.\nQuelle {options} ?\nAnswer:");
        assert_eq!(
            template.frame_name(&question("frenchmedmcqa-1", Language::French)).unwrap(),
            "medqa"
        );
    }

    #[test]
    fn native_has_all_six_languages() {
        let template = Template::built_in("native").unwrap();
        for language in Language::ALL {
            let q = question("q", language);
            assert_eq!(template.frame_name(&q).unwrap(), language.name());
            let frame = template.frame(&q).unwrap();
            assert_eq!(
                Language::guess(&frame.preamble(&q)),
                language,
                "the preamble is in the question's language"
            );
            assert!(frame.shows_letters());
        }
    }

    #[test]
    fn a_prompt_file_is_checked() {
        let err = |text: &str| Template::from_json("mine.json", text).unwrap_err().to_string();
        assert!(err("{").starts_with("mine.json: not a prompt file"));
        assert!(err(r#"{"name":"m","version":1,"frames":{}}"#).contains("`frames` is empty"));
        assert!(err(r#"{"name":"m","version":1,"frames":{"any":{"question":"Q"}}}"#).contains("`question` has none of"));
        assert!(err(r#"{"name":"m","version":1,"frames":{"any":{"question":"{question} {options}"}}}"#).contains("go together"));
        assert!(err(r#"{"name":"m","version":1,"frames":{"any":{"qestion":"x"}}}"#).contains("qestion"));
        let good = r#"{"name":"m","version":1,"frames":{"French":{"question":"{question}"}}}"#;
        let template = Template::from_json("mine.json", good).unwrap();
        assert!(matches!(
            template.frame(&question("q", Language::Russian)),
            Err(TemplateError::NoFrameFor { .. })
        ));
        assert!(
            Template::built_in("harness/mmlu")
                .unwrap()
                .frame_name(&question("q", Language::Chinese))
                .unwrap()
                == "mmlu"
        );
        assert!(matches!(Template::built_in("harness/x"), Err(TemplateError::NoFrame { .. })));
        assert!(matches!(Template::built_in("x"), Err(TemplateError::Unknown { .. })));
    }

    #[test]
    fn released_prompts_never_change() {
        let hash = |name: &str| Template::built_in(name).unwrap().id().hash.clone();
        assert_eq!(hash("harness"), "d921c54b7e0a5bc269dd0c1c409fb658e540f7b057854a305111cfc3cf548d9d");
        assert_eq!(hash("native"), "b23fda343c87e060b5025ac9ea332d7cacd547afe4667920dca347135a84cf83");
    }
}

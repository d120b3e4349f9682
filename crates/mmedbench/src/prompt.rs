//! Prompts as data, and the texts a model is trained to answer with.
//!
//! The paper's three prompts are files under `prompts/`, word for word with their faults (see the README there). What must hold: a prompt
//! is filled in one pass, so that braces in a question stay what they are; name, version and hash identify it in every record.
//! Next: `scoring.rs` says what is scored after a prompt.

use serde::{Deserialize, Serialize};

use crate::{Language, Question};

/// The paper's prompts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PromptVariant {
    /// Answer with the letters directly.
    Answer,
    /// First the reason, then the letters; as in training.
    Rationale,
    /// The same with the two spaces that the authors' inference code has after "step-by-step.".
    RationaleInference,
}

impl PromptVariant {
    pub const ALL: [PromptVariant; 3] = [PromptVariant::Answer, PromptVariant::Rationale, PromptVariant::RationaleInference];

    /// The template of this variant.
    pub fn prompt(self) -> Prompt {
        let (name, file) = match self {
            PromptVariant::Answer => ("paper-answer", include_str!("../prompts/paper-answer.1.txt")),
            PromptVariant::Rationale => ("paper-rationale", include_str!("../prompts/paper-rationale.1.txt")),
            PromptVariant::RationaleInference => (
                "paper-rationale-inference",
                include_str!("../prompts/paper-rationale-inference.1.txt"),
            ),
        };
        Prompt {
            name,
            version: 1,
            template: file.strip_suffix('\n').unwrap_or(file),
        }
    }
}

/// A prompt's template with what identifies it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prompt {
    pub name: &'static str,
    pub version: u32,
    pub template: &'static str,
}

/// What a record says about the prompt that was used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptId {
    pub name: String,
    pub version: u32,
    /// SHA-256 of the template, hex.
    pub hash: String,
}

impl Prompt {
    /// Identity for records.
    pub fn id(&self) -> PromptId {
        PromptId {
            name: self.name.into(),
            version: self.version,
            hash: crate::sha256_hex(self.template.as_bytes()),
        }
    }

    /// The prompt for a question. The model's answer follows directly, without a space.
    pub fn render(&self, question: &Question) -> String {
        self.fill(question.language, &question.question, &options_text(&question.options))
    }

    /// What the user says in a chat: the prompt's instruction and input without the frame around them, for models that bring a chat
    /// template of their own.
    pub fn render_message(&self, question: &Question) -> String {
        let rendered = self.render(question);
        let instruction = between(&rendered, "### Instruction:\n", "\n\n### Input:\n").unwrap_or(&rendered);
        let start = rendered.find("\n\n### Input:\n").map_or(0, |at| at + "\n\n### Input:\n".len());
        let end = rendered.rfind("\n\n### Response:").unwrap_or(rendered.len());
        format!("{instruction}\n\n{}", &rendered[start..end.max(start)])
    }

    fn fill(&self, language: Language, question: &str, options: &str) -> String {
        let mut out = String::with_capacity(self.template.len() + question.len() + options.len());
        let mut rest = self.template;
        while let Some(open) = rest.find('{') {
            out.push_str(&rest[..open]);
            rest = &rest[open..];
            let (value, name) = [(language.name(), "{lang}"), (question, "{question}"), (options, "{options}")]
                .into_iter()
                .find(|(_, name)| rest.starts_with(name))
                .unwrap_or(("{", "{"));
            out.push_str(value);
            rest = &rest[name.len()..];
        }
        out.push_str(rest);
        out
    }
}

/// Every option as `A. text `, joined: the whole ends in a space, as in the paper's code.
pub fn options_text(options: &[(char, String)]) -> String {
    options.iter().map(|(letter, text)| format!("{letter}. {text} ")).collect()
}

/// The trained answer up to the letters: what scoring puts before them.
pub const ANSWER_LEAD: &str = "###Answer: OPTION";
/// The trained answer after the letters.
pub const ANSWER_TAIL: &str = " IS CORRECT.";
/// What a trained rationale begins with.
pub const RATIONALE_LEAD: &str = "###Rationale: ";

/// The training target of the answer-only prompt. The end token follows.
pub fn answer_target(question: &Question) -> String {
    format!("{ANSWER_LEAD} {}{ANSWER_TAIL}", question.answer_idx())
}

/// The training target of the prompt with rationale; `None` where the question has none.
pub fn rationale_target(question: &Question) -> Option<String> {
    question
        .rationale
        .as_ref()
        .map(|rationale| format!("{RATIONALE_LEAD}{rationale}\n{}", answer_target(question)))
}

/// What fine-tuning sees of a question: prompt and target for each variant that the question allows. Loss is on the target only.
pub fn training_examples(question: &Question) -> Vec<(String, String)> {
    let mut out = vec![(PromptVariant::Answer.prompt().render(question), answer_target(question))];
    if let Some(target) = rationale_target(question) {
        out.push((PromptVariant::Rationale.prompt().render(question), target));
    }
    out
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    let from = text.find(start)? + start.len();
    let to = text[from..].find(end)? + from;
    Some(&text[from..to])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question() -> Question {
        let line = r#"{"question":"Quelle {options} ?","options":{"A":"un","B":"deux {lang}"},"answer_idx":"A,B","rationale":"parce que"}"#;
        Question::from_json_line(line, "q", "French.jsonl", Some(Language::French)).unwrap()
    }

    #[test]
    fn the_paper_word_for_word() {
        let expected = "Below is an instruction that describes a task, paired with an input that provides further context. Write a response that \
             appropriately completes the request.\n\n### Instruction:\nYou're a French doctor, kindly address the medical queries according to the \
             patient's account. Answer with the best option directly.\n\n### Input:\n###Question: Quelle {options} ? Which of the following is the \
             best treatment for this patient? ###Options: A. un B. deux {lang} \n\n### Response:";
        assert_eq!(PromptVariant::Answer.prompt().render(&question()), expected);
        let with = PromptVariant::Rationale.prompt().render(&question());
        assert!(with.contains(
            "according to the patient's account in French. Let\u{2019}s solve this step-by-step. You should first give the reason in French for \
             your choice. Then you should give the right answer index of the question.\n\n### Input:\n"
        ));
        assert_eq!(
            PromptVariant::RationaleInference
                .prompt()
                .render(&question())
                .replace("step.  You", "step. You"),
            with
        );
    }

    #[test]
    fn targets_are_the_papers() {
        let examples = training_examples(&question());
        assert_eq!(examples.len(), 2);
        assert_eq!(examples[0].1, "###Answer: OPTION A,B IS CORRECT.");
        assert_eq!(examples[1].1, "###Rationale: parce que\n###Answer: OPTION A,B IS CORRECT.");
        let bare = Question {
            rationale: None,
            ..question()
        };
        assert_eq!(training_examples(&bare).len(), 1);
    }

    #[test]
    fn a_chat_message_has_no_frame() {
        let message = PromptVariant::Answer.prompt().render_message(&question());
        assert!(message.starts_with("You're a French doctor"), "{message}");
        assert!(message.ends_with("###Options: A. un B. deux {lang} "), "{message}");
        assert!(!message.contains("### "), "{message}");
    }

    #[test]
    fn each_prompt_has_its_own_hash() {
        let hashes: std::collections::BTreeSet<String> = PromptVariant::ALL.into_iter().map(|v| v.prompt().id().hash).collect();
        assert_eq!(hashes.len(), 3);
        // Released: these never change under the same version.
        assert_eq!(
            PromptVariant::Answer.prompt().id().hash,
            "a1868350e2270de330f928ed94de7303a45c3aceaa10bb3c3e7ca2d74ac132b6"
        );
        assert_eq!(
            PromptVariant::Rationale.prompt().id().hash,
            "da0e43c0c1bc0da927133f757758d3ae52ba4a70b20396a59e24c24ecfbf531b"
        );
    }
}

//! What a benchmark run is asked to be: chosen in the form, remembered, and stored with the run, so that it can go on after the tab is gone.

use mmedbench::run::{Data, MOST_TOKENS, Plan, Settings};
use mmedbench::{Language, Protocol, Question, Template};
use serde::{Deserialize, Serialize};

use crate::library::{Choice, Library};
use crate::storage::prefs;

/// The seed of orders, samples and examples. Fixed, so that two models are asked the same questions; it stands in the record.
pub const SEED: u64 = 0;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Setup {
    /// [`Choice::key`].
    pub choice: String,
    /// The choice in words.
    pub title: String,
    pub languages: Vec<Language>,
    pub protocol: Protocol,
    /// [`Template::built_in`].
    pub prompt: String,
    pub shots: usize,
    /// Through the model's chat template.
    pub chat: bool,
    /// At most so many questions; none: all.
    pub limit: Option<usize>,
    /// Most tokens of a written answer.
    #[serde(default = "most_tokens")]
    pub max_tokens: u32,
    pub seed: u64,
}

fn most_tokens() -> u32 {
    MOST_TOKENS
}

impl Setup {
    /// Reads the questions and puts them in order. `together`: questions that the model is handed at once. The error is a sentence.
    pub async fn plan(&self, library: Library, together: usize) -> Result<Plan, String> {
        let all = library.questions(&Choice::from_key(&self.choice), &self.languages).await?;
        let (asked, training) = split(all);
        let settings = Settings {
            protocol: self.protocol,
            template: Template::built_in(&self.prompt).map_err(|e| e.to_string())?,
            shots: self.shots,
            chat: self.chat,
            seed: self.seed,
            max_tokens: self.max_tokens,
            together,
            ..Settings::default()
        };
        let of_test = asked.iter().any(|q| is_in(&q.id, "test"));
        let broken = library.broken(&Choice::from_key(&self.choice));
        let data = Data {
            name: self.title.clone(),
            unreadable_lines: broken
                .iter()
                .filter(|(file, _)| !of_test || is_in(file, "test"))
                .map(|(_, n)| n)
                .sum(),
        };
        let mut plan = Plan::new(settings, data, asked, &training).map_err(|e| e.to_string())?;
        if let Some(limit) = self.limit {
            plan.limit(limit);
        }
        Ok(plan)
    }
}

/// Questions to ask, and those to take examples from: where files lie in folders named train and test, only the test is asked.
pub fn split(all: Vec<Question>) -> (Vec<Question>, Vec<Question>) {
    let (test, rest): (Vec<Question>, Vec<Question>) = all.into_iter().partition(|q| is_in(&q.id, "test"));
    if test.is_empty() {
        return (rest, Vec::new());
    }
    (test, rest.into_iter().filter(|q| is_in(&q.id, "train")).collect())
}

/// Whether a file's path, or the id of a question in it, has this folder in it.
fn is_in(path: &str, folder: &str) -> bool {
    path.split('/').rev().skip(1).any(|part| part.eq_ignore_ascii_case(folder))
}

/// A protocol in plain words.
pub fn about(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Letters => {
            "Which letter the model would write next. One pass for each question, so it is fast. One letter each, also where several are right."
        }
        Protocol::LetterSets => {
            "Every set of letters is weighed, so that several right answers can be found. Up to 31 short continuations for each question."
        }
        Protocol::Loglik => "How likely the model finds each option, as lm-evaluation-harness scores it.",
        Protocol::Paper => "The model writes its answer; only the form that MMed-Llama was trained on is read. For models trained on it.",
        Protocol::Lenient => "The model writes its answer, and letters are looked for by a chain of rules. Slow.",
    }
}

/// A prompt in plain words.
pub fn about_prompt(name: &str) -> &'static str {
    match name {
        "paper" => "The paper’s, word for word: answer directly.",
        "paper-rationale" => "The paper’s: first the reason, then the answer.",
        "paper-rationale-training" => "The same as it stood in training.",
        "harness" => "lm-evaluation-harness’s, by benchmark.",
        "native" => "An exam’s, in the language of the question.",
        _ => "",
    }
}

/// What was chosen last: protocol, prompt, limit.
pub fn remembered() -> (Protocol, String, Option<usize>) {
    let protocol = prefs::get("bench-protocol").and_then(|name| Protocol::parse(&name));
    let prompt = prefs::get("bench-prompt").filter(|name| Template::NAMES.contains(&name.as_str()));
    let limit = prefs::get("bench-limit").map_or(Some(100), |n| n.parse().ok());
    (
        protocol.unwrap_or(Protocol::Letters),
        prompt.unwrap_or_else(|| "paper".into()),
        limit,
    )
}

pub fn remember(setup: &Setup) {
    prefs::set("bench-protocol", setup.protocol.name());
    prefs::set("bench-prompt", &setup.prompt);
    prefs::set("bench-limit", &setup.limit.map_or(String::new(), |n| n.to_string()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(id: &str) -> Question {
        let line = format!(r#"{{"id":"{id}","question":"Q","options":{{"A":"1","B":"2"}},"answer_idx":"A"}}"#);
        Question::from_json_line(&line, "", "", Some(Language::French)).unwrap()
    }

    #[test]
    fn of_a_whole_benchmark_the_test_is_asked() {
        let ids = ["MMedBench/Test/French:1", "MMedBench/Train/French:1", "MMedBench/Dev/French:1"];
        let (asked, training) = split(ids.map(question).into());
        assert_eq!((asked[0].id.as_str(), asked.len()), (ids[0], 1));
        assert_eq!((training[0].id.as_str(), training.len()), (ids[1], 1));
        let (asked, training) = split(vec![question("Train/French:1"), question("test")]);
        assert_eq!((asked.len(), training.len()), (2, 0), "a file called test is no folder");
    }
}

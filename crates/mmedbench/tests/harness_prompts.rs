//! The prompt `harness` against the texts that lm-evaluation-harness's own files write (`scripts/harness_prompts.py`), character by character.

use mmedkit_mmedbench::run::{Data, Plan, Settings};
use mmedkit_mmedbench::template::Choices;
use mmedkit_mmedbench::{Language, Protocol, Question, Template};
use serde_json::Value;

#[test]
fn prompts_are_those_of_the_harness() {
    let stored: Value = serde_json::from_str(include_str!("vectors/harness_prompts.json")).unwrap();
    let items = stored["items"].as_array().unwrap();
    assert!(items.len() > 10);
    for item in items {
        let question = Question::from_json_line(&item["row"].to_string(), "q", "x.jsonl", Some(Language::English)).unwrap();
        let settings = Settings {
            protocol: Protocol::Loglik,
            template: Template::built_in("harness").unwrap(),
            ..Settings::default()
        };
        let plan = Plan::new(settings, Data::default(), vec![question.clone()], &[]).unwrap();
        let asked = plan.ask(plan.items()[0]).unwrap();
        assert_eq!(asked.text, item["text"].as_str().unwrap(), "{}", question.id);
        assert_eq!((asked.lead.as_str(), asked.delimiter.as_str()), ("", " "));
        let choices: Vec<String> = question
            .options
            .iter()
            .map(|(letter, text)| {
                if asked.choices == Choices::Letters {
                    letter.to_string()
                } else {
                    text.clone()
                }
            })
            .collect();
        assert_eq!(serde_json::to_value(choices).unwrap(), item["choices"], "{}", question.id);
    }
}

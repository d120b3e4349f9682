//! The plan of a record that was made elsewhere, from its header and questions that are at hand.
//!
//! What must hold: only what the header says is believed; a plan that would ask something else is none.

use super::plan::{Data, Plan, Settings};
use crate::protocol::{OptionOrder, Protocol};
use crate::{Question, RunHeader, Template};

impl Plan {
    /// The plan that the record's run had, if `questions` are its data and `training` holds its examples. Records do not say how many
    /// questions were to be asked: the plan asks all.
    pub fn of_record(header: &RunHeader, questions: Vec<Question>, training: &[Question]) -> Option<Plan> {
        let evaluation = header.evaluation.as_ref()?;
        let settings = Settings {
            protocol: Protocol::parse(&evaluation.protocol)?,
            template: Template::of_record(header.prompt.as_ref()?)?,
            shots: evaluation.shots as usize,
            chat: evaluation.chat_template,
            option_order: OptionOrder::parse(&evaluation.option_order)?,
            begin_token: evaluation.begin_token,
            seed: header.seed,
            max_tokens: evaluation.max_tokens.unwrap_or(super::MOST_TOKENS),
            mutual_information: evaluation.mutual_information,
            ..Settings::default()
        };
        let data = Data {
            name: evaluation.data.name.clone(),
            unreadable_lines: evaluation.data.unreadable_lines as usize,
        };
        let plan = Plan::new(settings, data, questions, training).ok()?;
        let made = plan.header(
            &header.run_id,
            &header.started,
            &header.software,
            header.model.clone()?,
            evaluation.context_length,
        );
        super::differences(&made, header).is_empty().then_some(plan)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::ModelId;

    fn questions(n: usize) -> Vec<Question> {
        let one = |i: usize| {
            let line = format!(r#"{{"question":"Q{i}","options":{{"A":"one","B":"two"}},"answer_idx":"B"}}"#);
            Question::from_json_line(&line, &format!("q{i}"), "English.jsonl", None).unwrap()
        };
        (0..n).map(one).collect()
    }

    #[test]
    fn a_plan_comes_back_from_its_header_and_its_own_questions_only() {
        let model = ModelId {
            name: "m".into(),
            architecture: String::new(),
            quantization: String::new(),
            parameters: 1,
            sha256: None,
            backend: "cpu".into(),
            adapter: String::new(),
            kernels: String::new(),
        };
        let settings = Settings {
            protocol: Protocol::Loglik,
            template: Template::built_in("harness/mmlu").unwrap(),
            shots: 2,
            option_order: OptionOrder::Rotated,
            seed: 9,
            ..Settings::default()
        };
        let training = &questions(30)[10..];
        let plan = Plan::new(settings, Data::default(), questions(10), training).unwrap();
        let header = plan.header("r", "", "elsewhere", model, 64);
        let again = Plan::of_record(&header, questions(10), training).unwrap();
        assert_eq!(again.items(), plan.items());
        let first = plan.items()[0];
        assert_eq!(again.ask(first).unwrap(), plan.ask(first).unwrap());
        assert!(Plan::of_record(&header, questions(9), training).is_none(), "other questions");
        assert!(Plan::of_record(&header, questions(10), &training[..15]).is_none(), "other examples");
        assert!(Plan::of_record(&header, questions(10), &[]).is_none(), "no examples");
        let mut other = header.clone();
        other.prompt.as_mut().unwrap().hash = "another".into();
        assert!(Plan::of_record(&other, questions(10), training).is_none(), "another prompt");
    }
}

//! The results that the paper and its repository publish, as data: accuracy per language, rationale scores, English benchmarks, the
//! ablation.
//!
//! They are `data/published.json`, with where each table comes from, by which protocol, and what is doubtful about it. What must hold: a
//! row is never shown without its protocol, because most differences between tables are differences of protocol. Next: `report/` lays the
//! accuracies beside a run.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;

use crate::Language;

/// All of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    pub title: String,
    pub citation: String,
    /// Table (`accuracy`, …) to where its numbers were read.
    pub provenance: BTreeMap<String, String>,
    /// Questions of each language's test set.
    pub test_sizes: BTreeMap<Language, usize>,
    /// Protocol to what it means.
    pub protocols: BTreeMap<String, String>,
    /// Doubt to what it says.
    pub doubts: BTreeMap<String, String>,
    pub accuracy: Vec<Accuracy>,
    pub rationales: Vec<Rationales>,
    pub english: Vec<English>,
    pub ablation: Vec<Ablation>,
}

/// Accuracy on the MMedBench test sets, percent.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accuracy {
    pub model: String,
    pub size: Option<String>,
    pub protocol: String,
    pub percent: BTreeMap<Language, f64>,
    /// As printed; see [`Accuracy::macro_percent`].
    pub reported_average: f64,
    pub doubts: Vec<String>,
}

/// BLEU-1 and ROUGE-1 of rationales, percent. Languages are absent where only the average is published.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rationales {
    pub model: String,
    pub bleu1: Option<BTreeMap<Language, f64>>,
    pub rouge1: Option<BTreeMap<Language, f64>>,
    pub reported_average: Similarity,
    pub doubts: Vec<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Similarity {
    pub bleu1: f64,
    pub rouge1: Option<f64>,
}

/// Accuracy on English benchmarks, percent, by the benchmark's name.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct English {
    pub model: String,
    pub size: Option<String>,
    pub protocol: String,
    pub percent: BTreeMap<String, Option<f64>>,
    pub reported_average: Option<f64>,
    pub doubts: Vec<String>,
}

/// One stage of training on one base model.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ablation {
    pub line: String,
    pub stage: String,
    pub accuracy: f64,
    pub bleu1: Option<f64>,
    pub rouge1: Option<f64>,
    pub doubts: Vec<String>,
}

fn with_size(model: &str, size: &Option<String>) -> String {
    match size {
        Some(size) => format!("{model} {size}"),
        None => model.to_string(),
    }
}

impl English {
    /// Name and size.
    pub fn name(&self) -> String {
        with_size(&self.model, &self.size)
    }
}

/// The paper's English benchmark that an English question is of, by its name in the table, as far as its id and source say so.
pub fn english_benchmark(id: &str, source: &str) -> Option<String> {
    match crate::template::benchmark(id, source)? {
        "pubmedqa" => Some("PubMedQA".into()),
        "medmcqa" => Some("MedMCQA".into()),
        "medqa" => Some("MedQA".into()),
        "mmlu" => Some(format!("MMLU {}", source.replace('_', " "))),
        _ => None,
    }
}

/// Whether a question may be one of MMedBench's test sets, as far as its id and source say: not where they name a benchmark that is no part of it.
pub fn may_be_mmedbench(id: &str, source: &str) -> bool {
    let text = format!("{id} {source}").to_ascii_lowercase();
    // `mmlu` names JMMLU too, and `frenchmedmcqa`, which is a part, holds another's name.
    let others = ["pubmedqa", "mmlu", "casimedicos"];
    !others.iter().any(|other| text.contains(other)) && (!text.contains("medmcqa") || text.contains("frenchmedmcqa"))
}

impl Accuracy {
    /// Name and size.
    pub fn name(&self) -> String {
        with_size(&self.model, &self.size)
    }

    /// Plain mean of the six languages, from the row itself.
    pub fn macro_percent(&self) -> f64 {
        self.percent.values().sum::<f64>() / self.percent.len().max(1) as f64
    }

    /// Mean weighted by the sizes of the test sets.
    pub fn micro_percent(&self) -> f64 {
        let sizes = &published().test_sizes;
        let size = |language: &Language| sizes.get(language).copied().unwrap_or(0) as f64;
        let total: f64 = self.percent.keys().map(size).sum();
        self.percent.iter().map(|(language, percent)| percent * size(language)).sum::<f64>() / total.max(1.0)
    }

    /// The protocol of this kit whose numbers compare with this row; `None` where none does.
    pub fn comparable_protocol(&self) -> Option<&'static str> {
        (self.protocol == "fine-tuned-generation").then_some("paper")
    }
}

/// The data that this build carries.
pub fn published() -> &'static Published {
    static PUBLISHED: LazyLock<Published> = LazyLock::new(|| {
        // Part of the program and read by its tests: it cannot fail in use.
        serde_json::from_str(include_str!("../data/published.json")).expect("data/published.json is valid")
    });
    &PUBLISHED
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Printed averages equal the means of their rows, but for the rows that a doubt is noted for; and the fine-tuned accuracies are shares
    /// of the test sets. Either would break with a digit mistyped.
    #[test]
    fn rows_agree_with_themselves() {
        let data = published();
        assert_eq!(
            (data.accuracy.len(), data.rationales.len(), data.english.len(), data.ablation.len()),
            (20, 16, 12, 15)
        );
        for row in &data.accuracy {
            assert_eq!(row.percent.len(), 6, "{}", row.name());
            let doubted = row.doubts.iter().any(|d| d.contains("average"));
            assert_eq!(
                (row.macro_percent() - row.reported_average).abs() > 0.0101,
                doubted,
                "{}",
                row.name()
            );
            for (language, percent) in &row.percent {
                let n = data.test_sizes[language] as f64;
                let nearest = (percent * n / 100.0).round() / n * 100.0;
                let known = row.doubts.iter().any(|d| d == "gpt-rows" || d == "not-a-share-of-n");
                assert!(known || (nearest - percent).abs() < 0.0051, "{} {language}: {percent}", row.name());
            }
        }
        for row in &data.rationales {
            let mean = |values: &BTreeMap<Language, f64>| values.values().sum::<f64>() / values.len() as f64;
            if let (Some(bleu), Some(rouge)) = (&row.bleu1, &row.rouge1) {
                assert!((mean(bleu) - row.reported_average.bleu1).abs() < 0.0101, "{}", row.model);
                assert!((mean(rouge) - row.reported_average.rouge1.unwrap()).abs() < 0.0101, "{}", row.model);
            }
        }
        for row in &data.english {
            let values: Option<Vec<f64>> = row.percent.values().copied().collect();
            if let (Some(values), Some(average)) = (values, row.reported_average) {
                let off = (values.iter().sum::<f64>() / values.len() as f64 - average).abs() > 0.0101;
                assert_eq!(off, row.doubts.iter().any(|d| d.contains("average")), "{}", row.model);
            }
        }
    }

    #[test]
    fn every_row_names_a_protocol_and_doubts_that_are_explained() {
        let data = published();
        assert!(data.title.contains("percent") && data.citation.contains("8384"));
        assert_eq!(data.test_sizes.values().sum::<usize>(), 8518);
        for table in ["accuracy", "rationales", "english", "ablation"] {
            assert!(!data.provenance[table].is_empty());
        }
        let protocols = data
            .accuracy
            .iter()
            .map(|r| &r.protocol)
            .chain(data.english.iter().map(|r| &r.protocol));
        for protocol in protocols {
            assert!(data.protocols.contains_key(protocol), "{protocol}");
        }
        let doubts = data
            .accuracy
            .iter()
            .flat_map(|r| &r.doubts)
            .chain(data.english.iter().flat_map(|r| &r.doubts));
        let doubts = doubts
            .chain(data.rationales.iter().flat_map(|r| &r.doubts))
            .chain(data.ablation.iter().flat_map(|r| &r.doubts));
        let used: std::collections::BTreeSet<&String> = doubts.collect();
        assert_eq!(used, data.doubts.keys().collect());
    }

    #[test]
    fn questions_of_english_benchmarks_are_known_by_id_and_source() {
        let name = |id, source| english_benchmark(id, source);
        assert_eq!(name("PubMedQA:3", "2014").as_deref(), Some("PubMedQA"));
        assert_eq!(name("mmlu-887", "college_biology").as_deref(), Some("MMLU college biology"));
        assert_eq!(name("x/MedQA-5options:1", "step1").as_deref(), Some("MedQA"));
        assert_eq!(name("Test/English:1", "step1"), None);
        for (id, source, may) in [
            ("PubMedQA:3", "2014", false),
            ("jmmlu-anatomy-1", "anatomy", false),
            ("casimedicos-en-dev.tsv-0", "CasiMedicos", false),
            ("medmcqa-2", "medmcqa", false),
            ("frenchmedmcqa-1", "x", true),
            ("medqa-1", "step1", true),
            ("Test/English:1", "step1", true),
        ] {
            assert_eq!(may_be_mmedbench(id, source), may, "{id}");
        }
        let columns = &published().english[0].percent;
        for (id, source) in [("mmlu-1", "anatomy"), ("medmcqa-2", "medmcqa"), ("pubmedqa-1", ""), ("medqa-1", "")] {
            assert!(columns.contains_key(&name(id, source).unwrap()), "{id}");
        }
    }

    #[test]
    fn the_last_stage_of_the_ablation_is_the_published_model() {
        let data = published();
        for (line, model) in [
            ("InternLM 7B", "MMedLM 7B"),
            ("InternLM 2 7B", "MMedLM 2 7B"),
            ("Llama 3 8B", "MMed-Llama 3 8B"),
        ] {
            let last = data.ablation.iter().rfind(|row| row.line == line).unwrap();
            let row = data.accuracy.iter().find(|row| row.name() == model).unwrap();
            assert!((last.accuracy - row.reported_average).abs() < 0.0051, "{line}");
        }
    }
}

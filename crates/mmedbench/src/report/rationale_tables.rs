//! Rationale scores as tables of text.

use std::collections::BTreeMap;

use super::rationales::{Rationales, Scores};
use super::table::{Table, percent};
use crate::Language;
use crate::published::published;

/// Scores that are means over texts, and those of whole corpora.
pub(super) fn scores(rationales: &Rationales) -> [Table; 2] {
    let mut columns = vec!["", "n", "empty", "words"];
    columns.extend(["BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4"]);
    columns.extend([
        "ROUGE-1 (authors)",
        "ROUGE-2 (authors)",
        "ROUGE-L (authors)",
        "ROUGE-1",
        "ROUGE-2",
        "ROUGE-L",
    ]);
    let mut title = "Rationales beside the stored ones, mean over texts, %".to_string();
    if let Some(how) = &rationales.bert_score {
        columns.push("BERTScore F1");
        title += &format!("; BERTScore by {how}");
    }
    let mut texts = Table::new(&title, &columns);
    let mut corpora = Table::new(
        "Rationales, corpus scores of sacrebleu",
        &["", "n", "BLEU", "chrF", "chrF++", "TER"],
    );
    let mut add = |name: String, counts: [String; 3], scores: &Scores| {
        let n = counts[0].clone();
        let shares = scores.bleu.iter().chain(&scores.rouge_authors).chain(&scores.rouge).copied();
        let mut cells = vec![name.clone()];
        cells.extend(counts);
        cells.extend(shares.chain(scores.bert_score).map(percent));
        texts.rows.push(cells);
        let scores = [scores.corpus_bleu, scores.chrf, scores.chrf_plus_plus, scores.ter].map(|score| format!("{score:.1}"));
        corpora.rows.push([&[name, n], &scores[..]].concat());
    };
    for row in &rationales.languages {
        let counts = [row.n.to_string(), row.empty.to_string(), row.tokens.to_string()];
        add(row.language.to_string(), counts, &row.scores);
    }
    if let Some(mean) = &rationales.macro_mean {
        add("macro (mean of languages)".into(), Default::default(), mean);
    }
    [texts, corpora]
}

/// The two numbers that the paper prints of each model, beside those of this run that have their names. The title tells where the run's questions
/// are `others` than MMedBench's.
pub(super) fn beside_published(model: &str, mine: &Rationales, others: bool, most: usize) -> Table {
    let data = published();
    let two = |bleu: Option<f64>, rouge: Option<f64>| {
        let number = |n: Option<f64>| n.map(|n| format!("{n:.1}")).unwrap_or_else(|| "–".into());
        format!("{} / {}", number(bleu), number(rouge))
    };
    let of = |scores: &Scores| two(Some(100.0 * scores.bleu[0]), Some(100.0 * scores.rouge_authors[0]));
    let mut title =
        "Rationales beside the published ones, BLEU-1 / ROUGE-1 (authors), % (which variant the paper prints is in doubt)".to_owned();
    if others {
        title += "; the published are of MMedBench's test questions, these of others";
    }
    let mut table = Table::new(&title, &[""]);
    table.columns.extend(mine.languages.iter().map(|row| row.language.to_string()));
    table.columns.push("macro of six".into());
    let mut first = vec![format!("this run: {model}")];
    first.extend(mine.languages.iter().map(|row| of(&row.scores)));
    let six = mine.macro_mean.as_ref().filter(|_| mine.languages.len() == 6);
    first.push(six.map_or_else(|| "–".into(), of));
    table.rows.push(first);
    let mut rows: Vec<_> = data.rationales.iter().collect();
    rows.sort_by(|a, b| b.reported_average.bleu1.total_cmp(&a.reported_average.bleu1));
    for row in rows.into_iter().take(most) {
        let mut cells = vec![row.model.clone()];
        for mine in &mine.languages {
            let of = |table: &Option<BTreeMap<Language, f64>>| table.as_ref().and_then(|t| t.get(&mine.language).copied());
            cells.push(two(of(&row.bleu1), of(&row.rouge1)));
        }
        cells.push(two(Some(row.reported_average.bleu1), row.reported_average.rouge1));
        table.rows.push(cells);
    }
    table
}

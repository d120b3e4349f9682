//! CasiMedicos token files (one token and its IOB2 tag a line, an empty line a paragraph) back into questions with the doctors' explanations.
//!
//! What must hold: documents begin at "QUESTION TYPE:", the key stands after "CORRECT ANSWER:" (in French "BONNE RÉPONSE:"), options are
//! numbered from 1; a document in which one of them is missing is reported, not guessed.

use super::entry::build;
use crate::{Language, Question};

/// `(number of the document, question or field and problem)`. Documents without a key line are front matter or case discussions and are
/// reported like every other.
pub(super) fn read(path: &str, text: &str) -> Vec<(usize, Result<Question, (Option<&'static str>, String)>)> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let language = Language::from_file_name(path);
    // The first column; an empty line is a token of its own, the line break.
    let tokens: Vec<&str> = text.lines().map(|line| line.split_whitespace().next().unwrap_or("\n")).collect();
    let whole = tokens.join(" ");
    let mut documents = Vec::new();
    let mut starts: Vec<usize> = marks(&whole, "QUESTION TYPE").into_iter().map(|(start, _)| start).collect();
    if starts.first() != Some(&0) {
        starts.insert(0, 0);
    }
    for (index, &start) in starts.iter().enumerate() {
        let end = starts.get(index + 1).copied().unwrap_or(whole.len());
        let document = &whole[start..end];
        if !document.trim().is_empty() {
            documents.push(document);
        }
    }
    let mut taken = 0;
    documents
        .into_iter()
        .enumerate()
        .map(|(index, document)| {
            let read = one(document, language).and_then(|parts| {
                let id = format!("casimedicos-{name}-{taken}");
                let mut question = build(
                    id,
                    parts.question,
                    parts.options,
                    &[parts.key],
                    parts.language,
                    "casimedicos-arg".into(),
                )?;
                question.rationale = Some(parts.explanation);
                question.rationale_checked = true;
                taken += 1;
                Ok(question)
            });
            (index + 1, read)
        })
        .collect()
}

struct Parts {
    question: String,
    options: Vec<String>,
    key: char,
    explanation: String,
    language: Language,
}

fn one(document: &str, language: Option<Language>) -> Result<Parts, (Option<&'static str>, String)> {
    let missing = |field: &'static str, what: &str| (Some(field), what.to_string());
    let (gold, head_end, rest) = key_line(document).ok_or_else(|| missing("CORRECT ANSWER", "missing"))?;
    let head = format!("{}\n", &document[..head_end]);
    let explanation = clean(&document[rest..]);
    let body = marks(&head, "CLINICAL CASE")
        .first()
        .map_or(head.as_str(), |&(_, end)| head[end..].trim_start());
    let body = format!("\n{body}");
    let (stem, numbered) = numbered(&body);
    if !numbered.iter().map(|(n, _)| *n).eq(1..=numbered.len()) || numbered.len() < 4 {
        return Err(missing("options", "are not numbered from 1, or fewer than four"));
    }
    let options: Vec<String> = numbered.into_iter().map(|(_, text)| clean(&text)).collect();
    if options.iter().any(String::is_empty) {
        return Err(missing("options", "one is empty"));
    }
    if explanation.is_empty() {
        return Err(missing("explanation", "empty"));
    }
    let question = clean(stem);
    Ok(Parts {
        language: language.unwrap_or_else(|| Language::guess(&question)),
        question,
        options,
        key: char::from(b'A' + gold as u8 - 1),
        explanation,
    })
}

/// Places of `words` followed by a colon (white space allowed before it): start, and the place behind the colon.
fn marks(text: &str, words: &str) -> Vec<(usize, usize)> {
    text.match_indices(words)
        .filter_map(|(start, _)| {
            let after = &text[start + words.len()..];
            let colon = after.trim_start();
            colon.starts_with(':').then(|| (start, text.len() - colon.len() + 1))
        })
        .collect()
}

/// A line of its own that says the key: the number, where the text before it ends, where the text behind it begins.
fn key_line(document: &str) -> Option<(usize, usize, usize)> {
    let mut found: Vec<(usize, usize)> = ["CORRECT ANSWER", "BONNE RÉPONSE"]
        .iter()
        .flat_map(|words| marks(document, words))
        .collect();
    found.sort_unstable();
    found.into_iter().find_map(|(start, end)| {
        // White space with a line break before the words …
        let before = document[..start].trim_end();
        let gap = &document[before.len()..start];
        let head_end = before.len() + gap.find('\n')?;
        // … and behind the number.
        let number = document[end..].trim_start();
        let digit = number.chars().next()?.to_digit(10).filter(|d| (1..=5).contains(d))?;
        let behind = &number[1..];
        let trimmed = behind.trim_start();
        behind[..behind.len() - trimmed.len()]
            .contains('\n')
            .then(|| (digit as usize, head_end, document.len() - trimmed.len()))
    })
}

/// The text before the first numbered option, and the options: a line that begins with "1 - " and so on.
fn numbered(body: &str) -> (&str, Vec<(usize, String)>) {
    let mut cuts: Vec<(usize, usize, usize)> = Vec::new();
    let mut from = 0;
    while let Some(at) = body[from..].find('\n') {
        let at = from + at;
        from = at + 1;
        let line = body[at + 1..].trim_start();
        let Some(digit) = line.chars().next().and_then(|c| c.to_digit(10)).filter(|d| (1..=5).contains(d)) else {
            continue;
        };
        let Some(dash) = line[1..].trim_start().strip_prefix('-') else {
            continue;
        };
        let text = dash.trim_start();
        if text.len() == dash.len() {
            continue;
        }
        let start = body.len() - text.len();
        cuts.push((at, digit as usize, start));
        from = start;
    }
    let stem = &body[..cuts.first().map_or(body.len(), |cut| cut.0)];
    let options = cuts
        .iter()
        .enumerate()
        .map(|(i, &(_, n, start))| (n, body[start..cuts.get(i + 1).map_or(body.len(), |next| next.0)].to_string()))
        .collect();
    (stem, options)
}

/// Line breaks and the blanks around them become one blank.
fn clean(text: &str) -> String {
    text.split('\n')
        .map(|line| line.trim_matches([' ', '\t']))
        .collect::<Vec<_>>()
        .join(" ")
        .trim()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> String {
        text.split('\n')
            .map(|line| line.split(' ').map(|t| format!("{t} O\n")).collect::<String>())
            .collect::<Vec<_>>()
            .join("\n")
    }

    #[test]
    fn a_document_is_read_and_a_broken_one_reported() {
        let good = "QUESTION TYPE: SURGERY\nCLINICAL CASE:\nA man falls.\nWhat now?\n1- Wait.\n2- Call.\n3 - Look\nagain.\n4- Go.\nCORRECT ANSWER: 3\nBecause.\n";
        let good = good.replace("1-", "1 -").replace("2-", "2 -").replace("4-", "4 -");
        let bad = "QUESTION TYPE: X\nCLINICAL CASE:\nNothing else.\n";
        let read = read("casimedicos/en-dev.tsv", &tokens(&format!("{good}{bad}")));
        assert_eq!(read.len(), 2);
        let question = read[0].1.as_ref().unwrap();
        assert_eq!(question.question, "A man falls. What now?");
        assert_eq!(question.options[2], ('C', "Look again.".to_string()));
        assert_eq!(
            (question.answer_idx().as_str(), question.rationale.as_deref()),
            ("C", Some("Because."))
        );
        assert_eq!(question.language, Language::English);
        assert_eq!(read[1].1.as_ref().unwrap_err().0, Some("CORRECT ANSWER"));
    }
}

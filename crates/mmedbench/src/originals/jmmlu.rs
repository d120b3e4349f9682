//! JMMLU: CSV without a header.

use super::entry::{Entry, fault, letter, make};
use crate::Language;

/// Rows of question, four options and the right letter. Cells may be quoted and hold line breaks (RFC 4180).
pub(super) fn read(path: &str, text: &str) -> Vec<(usize, Entry)> {
    let name = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".csv");
    csv_rows(text)
        .into_iter()
        .enumerate()
        .map(|(index, (line, mut cells))| {
            let entry = if cells.len() < 4 {
                fault("row", format!("{} cells, at least four are needed", cells.len()))
            } else {
                let key = letter(&cells.pop().unwrap_or_default(), "answer");
                let question = cells.remove(0);
                let language = Language::guess(&question);
                let options = cells.iter().map(|cell| cell.trim().to_string()).collect();
                key.and_then(|key| make(format!("{name}-{index}"), question, options, &[key], language, name.into()))
            };
            (line, entry)
        })
        .collect()
}

/// Rows with the line they begin on.
fn csv_rows(text: &str) -> Vec<(usize, Vec<String>)> {
    let mut rows = Vec::new();
    let (mut line, mut begun) = (1, 1);
    let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.peek() == Some(&'"') => cell.extend(chars.next()),
            '"' if quoted || cell.is_empty() => quoted = !quoted,
            ',' if !quoted => cells.push(std::mem::take(&mut cell)),
            '\n' if !quoted => {
                cells.push(std::mem::take(&mut cell));
                rows.push((begun, std::mem::take(&mut cells)));
                begun = line + 1;
            }
            '\r' if !quoted => {}
            other => cell.push(other),
        }
        line += usize::from(c == '\n');
    }
    if !cell.is_empty() || !cells.is_empty() {
        cells.push(cell);
        rows.push((begun, cells));
    }
    rows.retain(|(_, cells)| cells.iter().any(|cell| !cell.trim().is_empty()));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_cells_may_hold_commas_and_breaks() {
        let rows = csv_rows("\"a, \"\"b\"\"\nc\",d,A\r\nq,1,2,B\n");
        assert_eq!(
            rows,
            vec![
                (1, vec!["a, \"b\"\nc".to_string(), "d".into(), "A".into()]),
                (3, vec!["q".into(), "1".into(), "2".into(), "B".into()])
            ]
        );
    }
}

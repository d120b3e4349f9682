//! The paper's table, tokens by language and source, as text for a terminal.

use super::{BySource, LanguageTag, Tally};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Documents,
    Characters,
    Tokens,
}

impl Unit {
    pub fn name(self) -> &'static str {
        match self {
            Unit::Documents => "documents",
            Unit::Characters => "characters",
            Unit::Tokens => "tokens",
        }
    }

    pub fn of(self, tally: &Tally) -> u64 {
        match self {
            Unit::Documents => tally.documents,
            Unit::Characters => tally.characters,
            Unit::Tokens => tally.tokens,
        }
    }
}

/// A number with a thin structure: `12,345`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number to three or four digits: `12.3 k`, `4.35 B`.
pub fn short(number: u64) -> String {
    let (divisor, unit) = match number {
        0..10_000 => return grouped(number),
        10_000..1_000_000 => (1e3, "k"),
        1_000_000..1_000_000_000 => (1e6, "M"),
        _ => (1e9, "B"),
    };
    let value = number as f64 / divisor;
    let digits = if value < 10.0 { 2 } else { usize::from(value < 100.0) };
    format!("{value:.digits$} {unit}")
}

/// Languages down, sources across, sums at the ends.
pub fn table(amounts: &BySource, unit: Unit) -> String {
    let totals = amounts.by_language();
    let mut header: Vec<String> = vec![unit.name().into()];
    header.extend(amounts.0.keys().cloned());
    header.push("total".into());
    let mut rows = vec![header];
    for (language, total) in &totals {
        let mut row = vec![language.name().to_string()];
        row.extend(amounts.0.values().map(|languages| cell(languages.get(language), unit)));
        row.push(short(unit.of(total)));
        rows.push(row);
    }
    let mut sums = vec!["sum".to_string()];
    sums.extend(amounts.0.values().map(|languages| short(unit.of(&languages.values().sum()))));
    sums.push(short(unit.of(&amounts.total())));
    rows.push(sums);
    lines(&rows)
}

fn cell(tally: Option<&Tally>, unit: Unit) -> String {
    tally.map_or_else(|| "–".into(), |tally| short(unit.of(tally)))
}

/// Columns of equal width, a rule under the header and above the last row; the first column to the left, numbers to the right.
pub fn lines(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter()
            .filter_map(|row| row.get(column))
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let rule = "─".repeat(widths.iter().sum::<usize>() + 2 * columns.saturating_sub(1));
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        if index == 1 || (index > 1 && index + 1 == rows.len()) {
            text += &rule;
            text.push('\n');
        }
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let space = " ".repeat(width - cell.chars().count());
            match column {
                0 => line += &format!("{cell}{space}"),
                _ => line += &format!("  {space}{cell}"),
            }
        }
        text += line.trim_end();
        text.push('\n');
    }
    text
}

/// Languages that have something, in the paper's order.
pub fn languages(amounts: &BySource) -> Vec<LanguageTag> {
    amounts.by_language().into_keys().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_reads_like_the_papers() {
        let mut amounts = BySource::default();
        let tokens = |tokens| Tally {
            documents: 1,
            tokens,
            ..Tally::default()
        };
        amounts.add("web", LanguageTag::En, &tokens(6_560_000_000));
        amounts.add("textbooks", LanguageTag::En, &tokens(4_000_000_000));
        amounts.add("web", LanguageTag::Es, &tokens(3_980_000));
        assert_eq!(
            table(&amounts, Unit::Tokens),
            "\
tokens   textbooks     web   total
──────────────────────────────────
English     4.00 B  6.56 B  10.6 B
Spanish          –  3.98 M  3.98 M
──────────────────────────────────
sum         4.00 B  6.56 B  10.6 B
"
        );
    }

    #[test]
    fn numbers_are_short() {
        for (number, text) in [
            (0, "0"),
            (9_999, "9,999"),
            (10_000, "10.0 k"),
            (999_999, "1000 k"),
            (1_234_567, "1.23 M"),
            (25_490_000_000, "25.5 B"),
        ] {
            assert_eq!(short(number), text);
        }
    }
}

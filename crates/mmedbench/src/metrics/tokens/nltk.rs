//! Words as NLTK's `NLTKWordTokenizer` finds them (3.10): the Penn Treebank's rules, with quotation marks of other languages.
//!
//! The rules are rewritings of the text, one after the other, each from left to right; the order matters and is NLTK's. Sentences are not
//! split first (NLTK's `word_tokenize` does so with a trained model), so a full stop inside a text stays on its word and only the last one
//! comes off.

/// The words of `text`.
pub fn tokens(text: &str) -> Vec<String> {
    let mut text: Vec<char> = text.chars().collect();
    opening_quotes(&mut text);
    punctuation(&mut text);
    rewrite(&mut text, |t, i| "[](){}<>".contains(t[i]).then(|| spaced(&t[i..=i])));
    rewrite(&mut text, |t, i| t[i..].starts_with(&['-', '-']).then(|| spaced(&t[i..i + 2])));
    text.insert(0, ' ');
    text.push(' ');
    closing_quotes(&mut text);
    contractions(&mut text);
    let text: String = text.into_iter().collect();
    text.split(is_space).filter(|word| !word.is_empty()).map(str::to_string).collect()
}

/// What replaces a match: how many characters it takes, and what comes instead.
struct Change {
    taken: usize,
    put: Vec<char>,
}

/// One rule over the whole text; `rule` sees the text as it was before.
fn rewrite(text: &mut Vec<char>, rule: impl Fn(&[char], usize) -> Option<Change>) {
    let mut out = Vec::with_capacity(text.len() + 16);
    let mut i = 0;
    while i < text.len() {
        match rule(text, i) {
            Some(change) => {
                out.extend(change.put);
                i += change.taken;
            }
            None => {
                out.push(text[i]);
                i += 1;
            }
        }
    }
    *text = out;
}

/// A match with a space on either side.
fn spaced(found: &[char]) -> Change {
    Change {
        taken: found.len(),
        put: [&[' '], found, &[' ']].concat(),
    }
}

/// A match of `taken` characters becomes `put`.
fn becomes(taken: usize, put: String) -> Option<Change> {
    Some(Change {
        taken,
        put: put.chars().collect(),
    })
}

fn opening_quotes(text: &mut Vec<char>) {
    rewrite(text, |t, i| match t[i] {
        '«' | '“' | '‘' | '„' => Some(spaced(&t[i..=i])),
        '`' => Some(spaced(&t[i..i + run(t, i, '`')])),
        _ => None,
    });
    rewrite(text, |t, i| if i == 0 && t[0] == '"' { becomes(1, "``".into()) } else { None });
    rewrite(text, |t, i| t[i..].starts_with(&['`', '`']).then(|| spaced(&t[i..i + 2])));
    rewrite(text, |t, i| {
        let quote = match t.get(i + 1..) {
            Some(['"', ..]) => 1,
            Some(['\'', '\'', ..]) => 2,
            _ => return None,
        };
        if " ([{<".contains(t[i]) {
            becomes(1 + quote, format!("{} `` ", t[i]))
        } else {
            None
        }
    });
    // An apostrophe before a word that is no clitic opens a quotation.
    rewrite(text, |t, i| {
        let next = t.get(i + 1).copied().filter(|c| is_word(*c));
        if t[i] != '\'' || next.is_none() || (i > 0 && is_word(t[i - 1])) {
            return None;
        }
        let word: String = t[i + 1..]
            .iter()
            .take_while(|c| is_word(**c))
            .flat_map(|c| c.to_lowercase())
            .collect();
        if ["re", "ve", "ll", "m", "t", "s", "d", "n"].contains(&word.as_str()) {
            return None;
        }
        becomes(1, "' ".into())
    });
}

fn punctuation(text: &mut Vec<char>) {
    last_full_stop(text, "])}>\"'»”’ ", " ");
    rewrite(text, |t, i| {
        let next = *t.get(i + 1)?;
        if ":,".contains(t[i]) && !is_digit(next) {
            becomes(2, format!(" {} {next}", t[i]))
        } else {
            None
        }
    });
    rewrite(text, |t, i| {
        let last = i + 1 == t.len() || (i + 2 == t.len() && t[i + 1] == '\n');
        (last && ":,".contains(t[i])).then(|| spaced(&t[i..=i]))
    });
    rewrite(text, |t, i| {
        let dots = run(t, i, '.');
        (dots > 1).then(|| spaced(&t[i..i + dots]))
    });
    rewrite(text, |t, i| ";@#$%&".contains(t[i]).then(|| spaced(&t[i..=i])));
    rewrite(text, |t, i| ('\u{2012}'..='\u{2015}').contains(&t[i]).then(|| spaced(&t[i..=i])));
    last_full_stop(text, "])}>\"'", "");
    rewrite(text, |t, i| "?!".contains(t[i]).then(|| spaced(&t[i..=i])));
    rewrite(text, |t, i| {
        if t[i] != '\'' && t.get(i + 1..).is_some_and(|rest| rest.starts_with(&['\'', ' '])) {
            becomes(3, format!("{} ' ", t[i]))
        } else {
            None
        }
    });
    rewrite(text, |t, i| (t[i] == '*').then(|| spaced(&t[i..=i])));
}

/// Takes the text's last full stop off its word, if only closing marks and white space follow and no other full stop stands before it.
/// `between` comes before the marks.
fn last_full_stop(text: &mut Vec<char>, closing: &str, between: &str) {
    let Some(stop) = text.iter().rposition(|c| *c == '.') else { return };
    if stop == 0 || text[stop - 1] == '.' {
        return;
    }
    let marks = text[stop + 1..].iter().take_while(|c| closing.contains(**c)).count();
    if text[stop + 1 + marks..].iter().any(|c| !is_space(*c)) {
        return;
    }
    let marks: String = text[stop + 1..stop + 1 + marks].iter().collect();
    text.truncate(stop);
    text.extend(format!(" .{between}{marks} ").chars());
}

fn closing_quotes(text: &mut Vec<char>) {
    rewrite(text, |t, i| "»”’".contains(t[i]).then(|| spaced(&t[i..=i])));
    rewrite(text, |t, i| t[i..].starts_with(&['\'', '\'']).then(|| spaced(&t[i..i + 2])));
    rewrite(text, |t, i| if t[i] == '"' { becomes(1, " '' ".into()) } else { None });
    rewrite(text, |t, i| {
        let spaces = t[i..].iter().take_while(|c| is_space(**c)).count();
        if spaces > 0 { becomes(spaces, " ".into()) } else { None }
    });
    clitics(text, &["'s", "'S", "'m", "'M", "'d", "'D", "'"]);
    clitics(text, &["'ll", "'LL", "'re", "'RE", "'ve", "'VE", "n't", "N'T"]);
}

/// Takes an ending off a word; a space must follow it.
fn clitics(text: &mut Vec<char>, endings: &[&str]) {
    rewrite(text, |t, i| {
        if "' ".contains(t[i]) {
            return None;
        }
        let ending = endings.iter().find(|ending| {
            let n = ending.chars().count();
            t.len() > i + 1 + n && t[i + 1 + n] == ' ' && ending.chars().eq(t[i + 1..i + 1 + n].iter().copied())
        })?;
        becomes(ending.chars().count() + 2, format!("{} {ending} ", t[i]))
    });
}

fn contractions(text: &mut Vec<char>) {
    let two = [
        ("can", "not"),
        ("d", "'ye"),
        ("gim", "me"),
        ("gon", "na"),
        ("got", "ta"),
        ("lem", "me"),
        ("more", "'n"),
        ("wan", "na"),
    ];
    for (first, second) in two {
        rewrite(text, |t, i| {
            let (a, b) = (first.chars().count(), second.chars().count());
            let end = i + a + b;
            let starts = i == 0 || !is_word(t[i - 1]);
            // All but "wanna" end at a word's border; that one needs white space after it.
            let ends = t.get(end).is_none_or(|c| !is_word(*c)) && (first != "wan" || t.get(end).is_some_and(|c| is_space(*c)));
            (starts && ends && same(t, i, first) && same(t, i + a, second)).then(|| Change {
                taken: a + b,
                put: [&[' '], &t[i..i + a], &[' '], &t[i + a..end], &[' ']].concat(),
            })
        });
    }
    for second in ["is", "was"] {
        rewrite(text, |t, i| {
            let end = i + 3 + second.len();
            let ends = t.get(end).is_none_or(|c| !is_word(*c));
            (same(t, i, " 't") && same(t, i + 3, second) && ends).then(|| Change {
                taken: end - i,
                put: [&[' '], &t[i + 1..i + 3], &[' '], &t[i + 3..end], &[' ']].concat(),
            })
        });
    }
}

/// Whether `word` stands at `from`, whatever its case.
fn same(text: &[char], from: usize, word: &str) -> bool {
    let n = word.chars().count();
    text.len() >= from + n && word.chars().zip(&text[from..]).all(|(w, c)| c.to_lowercase().eq([w]))
}

fn run(text: &[char], from: usize, c: char) -> usize {
    text[from..].iter().take_while(|t| **t == c).count()
}

/// Python's `\w`.
fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Python's `\s`: Unicode's white space and the four separators of ASCII.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

/// Decimal digits of the scripts in use here.
fn is_digit(c: char) -> bool {
    c.is_ascii_digit() || ('０'..='９').contains(&c) || ('٠'..='٩').contains(&c)
}

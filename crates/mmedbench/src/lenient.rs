//! The chain of fallbacks that reads an answer out of free text in six languages. The first rule that finds something decides.
//!
//! 0. The text is brought to NFKC (full-width letters become ASCII) and cut at the first end token or at the start of another question.
//! 1. `paper`: the last "OPTION list IS CORRECT", whatever its case.
//! 2. `marker`: the last "answer", "réponse", "respuesta", "ответ", "答案", "正解", … with filler words and then a list in capitals; failing
//!    that, one small letter before a bracket, a full stop or the end.
//! 3. `bracket`: the first list in capitals inside brackets.
//! 4. `leading`: the text begins with a list and then ends or goes on with `.`, `)`, `:`, `、` or a line break; or it is nothing but a list.
//! 5. `alone`: exactly one option letter stands alone in the text ("A" before a word in small letters is an article).
//! 6. `option_text`: no letter stands alone, and exactly one option's text occurs.
//! 7. `none`: not read; counted as wrong, and the number of such answers is reported.
//!
//! A *list* is letters of the question with a comma, `、`, `;`, `/`, `&`, `+`, `・` or and, et, y, e, и, 和, 及, と, 與, 与 between; two or more
//! capitals written together also count in rules 1, 2 and 4. What must hold: linear in the text but for short look-aheads; no letter that is not an option.

use std::collections::BTreeSet;

use crate::unicode::nfkc;

/// What was read, and by which rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LenientAnswer {
    /// Letters as they were shown; empty where nothing was read.
    pub letters: BTreeSet<char>,
    pub rule: &'static str,
}

/// Names of the rules, in order, the last one meaning that nothing was read.
pub const RULES: [&str; 7] = ["paper", "marker", "bracket", "leading", "alone", "option_text", "none"];

/// What ends a text, or begins another question that a model makes up.
const ENDS: [&str; 11] = [
    "</s>",
    "<|im_end|>",
    "<|eot_id|>",
    "<|end_of_text|>",
    "<|endoftext|>",
    "<end_of_turn>",
    "<eos>",
    "<|end|>",
    "### Instruction:",
    "###Question:",
    "### Input:",
];

/// Words that announce an answer, longer before shorter.
const MARKERS: [&str; 29] = [
    "answers",
    "answer",
    "réponses",
    "réponse",
    "reponses",
    "reponse",
    "respuestas",
    "respuesta",
    "ответы",
    "ответ",
    "options",
    "option",
    "opción",
    "opciones",
    "choices",
    "choice",
    "вариант",
    "答案",
    "正解",
    "解答",
    "回答",
    "答え",
    "正答",
    "正确选项",
    "应选",
    "選ぶ",
    "选择",
    "故选",
    "选",
];

/// Whole words between an announcement and its letters.
const FILLER_WORDS: [&str; 28] = [
    "is",
    "are",
    "est",
    "sont",
    "es",
    "son",
    "would be",
    "should be",
    "the",
    "la",
    "le",
    "les",
    "las",
    "el",
    "los",
    "option",
    "options",
    "opción",
    "opciones",
    "choice",
    "letter",
    "lettre",
    "letra",
    "number",
    "вариант",
    "варианты",
    "это",
    "буква",
];

/// Fillers that are skipped after an announcement: more than anyone writes. "option" is both, so without an end "option option …" would cost its length squared.
const MOST_FILLERS: usize = 200;

/// What may stand between them without spaces around.
const FILLERS: [&str; 11] = ["は", "是", "为", "為", "選択肢", "选项", "選項", "应为", "選", "选", "项"];

const OPENING: &str = "([{「『【〈《";
const CLOSING: &str = ")]}」』】〉》";

/// Reads `output`; `letters` are the question's, `options` their texts (may be empty).
pub fn lenient(output: &str, letters: &[char], options: &[(char, &str)]) -> LenientAnswer {
    let mut text: String = nfkc(output);
    for end in ENDS {
        if let Some(at) = text.find(end) {
            text.truncate(at);
        }
    }
    let text = Text::new(text.trim(), letters);
    let rules: [(&'static str, Option<BTreeSet<char>>); 6] = [
        ("paper", text.paper()),
        ("marker", text.marker(false).or_else(|| text.marker(true))),
        ("bracket", text.bracket()),
        ("leading", text.leading().or_else(|| text.whole())),
        ("alone", text.alone()),
        ("option_text", text.option_text(options)),
    ];
    for (rule, found) in rules {
        if let Some(letters) = found {
            return LenientAnswer { letters, rule };
        }
    }
    LenientAnswer {
        letters: BTreeSet::new(),
        rule: "none",
    }
}

/// A text by characters, as it is and in small letters.
struct Text<'a> {
    chars: Vec<char>,
    small: Vec<char>,
    letters: &'a [char],
}

/// A list that ends at `end` (exclusive).
struct List {
    end: usize,
    letters: BTreeSet<char>,
}

impl<'a> Text<'a> {
    fn new(text: &str, letters: &'a [char]) -> Text<'a> {
        let chars: Vec<char> = text.chars().collect();
        let small = chars.iter().map(|c| one_small(*c)).collect();
        Text { chars, small, letters }
    }

    fn at(&self, i: usize) -> Option<char> {
        self.chars.get(i).copied()
    }

    /// The option letter at `i`, if `small` allows also as a small one.
    fn letter(&self, i: usize, small: bool) -> Option<char> {
        let c = self.at(i)?;
        let c = if small { c.to_ascii_uppercase() } else { c };
        self.letters.contains(&c).then_some(c)
    }

    fn skip_space(&self, mut i: usize) -> usize {
        while self.at(i).is_some_and(char::is_whitespace) {
            i += 1;
        }
        i
    }

    /// `word` at `i`, whatever its case; the place behind it.
    fn word(&self, i: usize, word: &str) -> Option<usize> {
        let mut end = i;
        for c in word.chars() {
            if *self.small.get(end)? != c {
                return None;
            }
            end += 1;
        }
        Some(end)
    }

    /// Places behind a separator at `i`, the likelier first.
    fn separators(&self, i: usize) -> Vec<usize> {
        let mut out = Vec::new();
        let at = self.skip_space(i);
        if self.at(at).is_some_and(|c| ",、;/&+・".contains(c)) {
            let after = self.skip_space(at + 1);
            for word in ["and", "et", "y", "и"] {
                if let Some(end) = self.word(after, word)
                    && self.skip_space(end) > end
                {
                    out.push(self.skip_space(end));
                }
            }
            out.push(after);
        }
        if at > i {
            for word in ["and", "et", "y", "e", "и"] {
                if let Some(end) = self.word(at, word)
                    && self.skip_space(end) > end
                {
                    out.push(self.skip_space(end));
                }
            }
        }
        if self.at(at).is_some_and(|c| "和及と與与".contains(c)) {
            out.push(self.skip_space(at + 1));
        }
        out
    }

    /// Lists that begin at `i`, the longest first.
    fn lists(&self, i: usize, small: bool) -> Vec<List> {
        let mut out = Vec::new();
        let Some(first) = self.letter(i, small) else { return out };
        let (mut end, mut letters) = (i + 1, BTreeSet::from([first]));
        loop {
            out.push(List {
                end,
                letters: letters.clone(),
            });
            let next = self.separators(end).into_iter().find_map(|at| Some((at, self.letter(at, small)?)));
            let Some((at, letter)) = next else { break };
            letters.insert(letter);
            end = at + 1;
        }
        out.reverse();
        out
    }

    /// Two or more capitals written together at `i`, the longest first.
    fn together(&self, i: usize) -> Vec<List> {
        let length = (i..self.chars.len()).take_while(|&at| self.letter(at, false).is_some()).count();
        let most = length.min(self.letters.len());
        (2..=most)
            .rev()
            .map(|n| List {
                end: i + n,
                letters: self.chars[i..i + n].iter().copied().collect(),
            })
            .collect()
    }

    /// Lists and capitals together, not followed by a letter or digit.
    fn joined(&self, i: usize, small: bool) -> Vec<List> {
        let mut lists = self.lists(i, small);
        lists.extend(self.together(i));
        lists.retain(|list| !self.at(list.end).is_some_and(is_word));
        lists
    }

    fn paper(&self) -> Option<BTreeSet<char>> {
        let one = |i: usize| {
            let mut at = self.word(i, "option")?;
            let with_s = self.word(at, "s");
            at = with_s.unwrap_or(at);
            at = self.skip_space(at);
            at = self.skip_space(self.word(at, ":").unwrap_or(at));
            self.joined(at, true).into_iter().find_map(|list| {
                let verb = self.skip_space(list.end);
                let verb = self.word(verb, "is").or_else(|| self.word(verb, "are"))?;
                let space = self.skip_space(verb);
                let end = self.word(space, "correct").filter(|_| space > verb)?;
                Some((end, list.letters))
            })
        };
        self.last(one)
    }

    fn marker(&self, small: bool) -> Option<BTreeSet<char>> {
        let one = |i: usize| {
            MARKERS.iter().find_map(|marker| {
                let at = self.fillers(self.word(i, marker)?);
                if !small {
                    let list = self.joined(at, false).into_iter().next()?;
                    return Some((list.end, list.letters));
                }
                let letter = self.at(at).filter(char::is_ascii_lowercase).and_then(|_| self.letter(at, true))?;
                let ends = self.at(at + 1).is_none_or(|c| ").]」】".contains(c));
                ends.then(|| (at + 1, BTreeSet::from([letter])))
            })
        };
        self.last(one)
    }

    fn fillers(&self, mut i: usize) -> usize {
        for _ in 0..MOST_FILLERS {
            let c = self.at(i);
            if c.is_some_and(|c| c.is_whitespace() || ":=*#\"'-–—()[]{}「」『』【】〈〉《》".contains(c)) {
                i += 1;
                continue;
            }
            let starts_word = c.is_some_and(is_alphanumeric) && (i == 0 || !is_alphanumeric(self.chars[i - 1]));
            let whole = |word: &&str| {
                let end = self.word(i, word)?;
                (!self.at(end).is_some_and(is_alphanumeric)).then_some(end)
            };
            let word = FILLER_WORDS.iter().filter(|_| starts_word).find_map(whole);
            match word.or_else(|| FILLERS.iter().find_map(|filler| self.word(i, filler))) {
                Some(end) => i = end,
                None => break,
            }
        }
        i
    }

    fn bracket(&self) -> Option<BTreeSet<char>> {
        (0..self.chars.len()).filter(|&i| OPENING.contains(self.chars[i])).find_map(|i| {
            let lists = self.lists(self.skip_space(i + 1), false);
            let closed = |list: &List| self.at(self.skip_space(list.end)).is_some_and(|c| CLOSING.contains(c));
            Some(lists.into_iter().find(closed)?.letters)
        })
    }

    fn leading(&self) -> Option<BTreeSet<char>> {
        let goes_on = |list: &List| {
            let mut i = list.end;
            loop {
                match self.at(i) {
                    None => return true,
                    Some(c) if ".):、\n".contains(c) => return true,
                    Some('-') => return i > list.end,
                    Some(c) if c.is_whitespace() => i += 1,
                    Some(_) => return false,
                }
            }
        };
        let mut lists = self.lists(0, false);
        lists.extend(self.together(0));
        Some(lists.into_iter().find(goes_on)?.letters)
    }

    /// The whole text is a list, in whatever case.
    fn whole(&self) -> Option<BTreeSet<char>> {
        let length = self.chars.len();
        let ends = |list: &List| list.end == length || (list.end + 1 == length && ".)".contains(self.chars[list.end]));
        Some(self.lists(0, true).into_iter().find(ends)?.letters)
    }

    /// Letters that stand alone.
    fn standing_alone(&self) -> BTreeSet<char> {
        let touches = |c: Option<char>| c.is_some_and(|c| is_word(c) || "'’-".contains(c));
        (0..self.chars.len())
            .filter_map(|i| {
                let letter = self.letter(i, false)?;
                let before = i.checked_sub(1).and_then(|i| self.at(i));
                let next = self.skip_space(i + 1);
                let article = letter == 'A' && next > i + 1 && self.at(next).is_some_and(|c| matches!(c, 'a'..='z' | 'à'..='ÿ'));
                (!touches(before) && !touches(self.at(i + 1)) && !article).then_some(letter)
            })
            .collect()
    }

    fn alone(&self) -> Option<BTreeSet<char>> {
        Some(self.standing_alone()).filter(|letters| letters.len() == 1)
    }

    fn option_text(&self, options: &[(char, &str)]) -> Option<BTreeSet<char>> {
        if !self.standing_alone().is_empty() {
            return None;
        }
        let text: String = self.chars.iter().collect::<String>().to_lowercase();
        let hits: Vec<(char, String)> = options
            .iter()
            .map(|(letter, option)| (*letter, nfkc(option).to_lowercase()))
            .filter(|(_, option)| !option.is_empty() && text.contains(option.as_str()))
            .collect();
        let inside = |option: &String| hits.iter().any(|(_, other)| other != option && other.contains(option.as_str()));
        let mut longest = hits.iter().filter(|(_, option)| !inside(option));
        let (letter, _) = longest.next()?;
        longest.next().is_none().then(|| BTreeSet::from([*letter]))
    }

    /// The last of all matches that do not overlap.
    fn last(&self, one: impl Fn(usize) -> Option<(usize, BTreeSet<char>)>) -> Option<BTreeSet<char>> {
        let (mut i, mut found) = (0, None);
        while i < self.chars.len() {
            match one(i) {
                Some((end, letters)) => {
                    found = Some(letters);
                    i = end.max(i + 1);
                }
                None => i += 1,
            }
        }
        found
    }
}

/// Letters and digits of the alphabets that touch an option letter; Chinese and Japanese writing puts no space there.
fn is_word(c: char) -> bool {
    matches!(c, '0'..='9' | 'A'..='Z' | 'a'..='z' | 'À'..='ÿ' | 'А'..='я' | 'ё')
}

fn is_alphanumeric(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The small letter, where it is one character.
fn one_small(c: char) -> char {
    let mut small = c.to_lowercase();
    match (small.next(), small.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, &'static str) {
        let options = [
            ('A', "aspirin"),
            ('B', "heparin"),
            ('C', "low-dose heparin"),
            ('D', "warfarin"),
            ('E', "rest"),
        ];
        let answer = lenient(text, &['A', 'B', 'C', 'D', 'E'], &options);
        (answer.letters.iter().collect(), answer.rule)
    }

    #[test]
    fn each_rule_in_its_turn() {
        // Expectations written by hand after the rules above.
        for (text, letters, rule) in [
            ("###Rationale: x ###Answer: OPTION A,C IS CORRECT", "AC", "paper"),
            ("option b is correct", "B", "paper"),
            ("The correct answer is (D).", "D", "marker"),
            ("La réponse est B et D", "BD", "marker"),
            ("Ответ: A", "A", "marker"),
            ("正解はＢとＤである。", "BD", "marker"),
            ("答案：ABD", "ABD", "marker"),
            ("I would say (C), because", "C", "bracket"),
            ("B. Heparin", "B", "leading"),
            ("b, d", "BD", "leading"),
            ("It must be D then", "D", "alone"),
            ("A patient needs D", "D", "alone"),
            ("Give low-dose heparin.", "C", "option_text"),
            ("Give heparin or aspirin.", "", "none"),
            ("", "", "none"),
            ("B</s>The answer is C", "B", "leading"),
        ] {
            assert_eq!(read(text), (letters.to_string(), rule), "{text}");
        }
    }

    #[test]
    fn long_texts_end_in_time() {
        for part in ["option ", "A, ", "(", "answer: ", "OPTION A and "] {
            read(&part.repeat(10_000));
        }
    }

    #[test]
    fn letters_that_are_no_options_are_not_read() {
        assert_eq!(read("The answer is F."), (String::new(), "none"));
        assert_eq!(read("OPTION Z IS CORRECT."), (String::new(), "none"));
    }
}

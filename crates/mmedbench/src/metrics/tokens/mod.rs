//! Words of a text, by language. A score's tokens are named by [`Scheme`], because scores on different tokens do not compare.
//!
//! The paper: NLTK for English, French, Russian and Spanish, jieba for Chinese, janome (IPADIC) for Japanese. The first two are here; of
//! the third there is no Rust crate that brings its dictionary along, so Japanese words are ICU's, and say so. jieba and ICU bring
//! dictionaries of some megabytes and come with the feature `linguistics`; without it Chinese and Japanese are split into characters, and
//! say so.

pub mod mteval;
pub mod nltk;

use crate::Language;

/// How words were found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// `NLTKWordTokenizer` on the whole text: the paper's, but that no sentences are split first.
    Nltk,
    /// jieba with its standard dictionary: the paper's for Chinese.
    Jieba,
    /// Unicode's word segmentation with ICU's Chinese and Japanese dictionary. Not the paper's.
    Icu,
    /// Every character but white space. Not the paper's.
    Characters,
}

impl Scheme {
    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Scheme::Nltk => "nltk",
            Scheme::Jieba => "jieba",
            Scheme::Icu => "icu",
            Scheme::Characters => "characters",
        }
    }

    /// Whether the paper's scripts cut this language the same way.
    pub fn is_the_papers(self) -> bool {
        matches!(self, Scheme::Nltk | Scheme::Jieba)
    }

    /// The best scheme that this build has for a language.
    pub fn of(language: Language) -> Scheme {
        let segmentation = cfg!(feature = "linguistics");
        match language {
            Language::Chinese if segmentation => Scheme::Jieba,
            Language::Japanese if segmentation => Scheme::Icu,
            Language::Chinese | Language::Japanese => Scheme::Characters,
            Language::English | Language::French | Language::Russian | Language::Spanish => Scheme::Nltk,
        }
    }

    /// The text's tokens. A scheme that this build lacks gives characters; ask [`Scheme::of`] for one that it has.
    pub fn tokens(self, text: &str) -> Vec<String> {
        match self {
            Scheme::Nltk => nltk::tokens(text),
            #[cfg(feature = "linguistics")]
            Scheme::Jieba => segmentation::jieba(text),
            #[cfg(feature = "linguistics")]
            Scheme::Icu => segmentation::icu(text),
            _ => text.chars().filter(|c| !c.is_whitespace()).map(String::from).collect(),
        }
    }
}

#[cfg(feature = "linguistics")]
mod segmentation {
    use std::sync::OnceLock;

    use icu_segmenter::WordSegmenter;
    use icu_segmenter::options::WordBreakInvariantOptions;
    use jieba_rs::Jieba;

    /// As `jieba.lcut`: white space comes out as tokens. Python's jieba cuts what is no word of its dictionary at hyphens and other marks
    /// (`2010-2011`), the Rust crate does not: so that is done here.
    pub fn jieba(text: &str) -> Vec<String> {
        static JIEBA: OnceLock<Jieba> = OnceLock::new();
        let jieba = JIEBA.get_or_init(Jieba::new);
        let mut out = Vec::new();
        for word in jieba.cut(text, true) {
            let word = word.word;
            if word.is_ascii() && word.len() > 1 && !jieba.has_word(word) {
                out.extend(latin(word).into_iter().map(str::to_string));
            } else {
                out.push(word.to_string());
            }
        }
        out
    }

    /// Letters and digits, with decimals and a percent sign behind them, as jieba's pattern `[a-zA-Z0-9]+(?:\.\d+)?%?`; what lies between
    /// stays in one piece.
    fn latin(word: &str) -> Vec<&str> {
        let bytes = word.as_bytes();
        let run = |from: usize, test: fn(&u8) -> bool| bytes[from..].iter().take_while(|b| test(b)).count();
        let (mut out, mut i) = (Vec::new(), 0);
        while i < bytes.len() {
            let start = i;
            i += run(i, u8::is_ascii_alphanumeric);
            if i == start {
                i += run(i, |b| !b.is_ascii_alphanumeric());
            } else {
                let decimals = if bytes.get(i) == Some(&b'.') {
                    run(i + 1, u8::is_ascii_digit)
                } else {
                    0
                };
                i += if decimals > 0 { decimals + 1 } else { 0 };
                i += usize::from(bytes.get(i) == Some(&b'%'));
            }
            out.push(&word[start..i]);
        }
        out
    }

    /// Words without the white space between them.
    pub fn icu(text: &str) -> Vec<String> {
        let borders: Vec<usize> = WordSegmenter::new_dictionary(WordBreakInvariantOptions::default())
            .segment_str(text)
            .collect();
        borders
            .windows(2)
            .map(|pair| &text[pair[0]..pair[1]])
            .filter(|word| !word.trim().is_empty())
            .map(str::to_string)
            .collect()
    }
}

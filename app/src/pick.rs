//! Draws questions for a quiz: at random from a seed, as evenly over the chosen languages as there are questions.

use mmedbench::{Language, Question};

/// SplitMix64: small, good enough to shuffle, and the same everywhere.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// In `0..n`, for `n` > 0. (The bias of the remainder is below 2⁻⁴⁰ for any number of questions there can be.)
    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.below(i + 1));
        }
    }
}

/// `count` questions (or all there are) in `languages`, in random order.
pub fn pick(pool: &[Question], languages: &[Language], count: usize, seed: u64) -> Vec<Question> {
    let mut random = Random::new(seed);
    let mut stacks: Vec<Vec<&Question>> = Language::ALL
        .into_iter()
        .filter(|l| languages.contains(l))
        .map(|language| {
            let mut of_language: Vec<&Question> = pool.iter().filter(|q| q.language == language).collect();
            random.shuffle(&mut of_language);
            of_language
        })
        .collect();
    // Where the count does not divide, it is chance which language gets one more.
    random.shuffle(&mut stacks);
    let mut picked: Vec<Question> = Vec::new();
    while picked.len() < count && stacks.iter().any(|s| !s.is_empty()) {
        for stack in &mut stacks {
            if picked.len() < count
                && let Some(question) = stack.pop()
            {
                picked.push(question.clone());
            }
        }
    }
    random.shuffle(&mut picked);
    picked
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool() -> Vec<Question> {
        let make = |language: Language, n: usize| {
            (0..n).map(move |i| {
                let line = format!(r#"{{"id":"{language}{i}","question":"Q{i}","options":{{"A":"1","B":"2"}},"answer_idx":"A"}}"#);
                Question::from_json_line(&line, "", "", Some(language)).unwrap()
            })
        };
        make(Language::English, 30)
            .chain(make(Language::Russian, 3))
            .chain(make(Language::French, 30))
            .collect()
    }

    #[test]
    fn languages_get_even_shares_and_nothing_comes_twice() {
        let picked = pick(&pool(), &[Language::English, Language::Russian], 10, 1);
        assert_eq!(picked.len(), 10);
        assert_eq!(picked.iter().filter(|q| q.language == Language::Russian).count(), 3);
        assert!(picked.iter().all(|q| q.language != Language::French));
        let ids: std::collections::BTreeSet<&str> = picked.iter().map(|q| q.id.as_str()).collect();
        assert_eq!(ids.len(), 10);
    }

    #[test]
    fn a_seed_is_an_order() {
        let all = Language::ALL;
        assert_eq!(pick(&pool(), &all, 12, 5), pick(&pool(), &all, 12, 5));
        assert_ne!(pick(&pool(), &all, 12, 5), pick(&pool(), &all, 12, 6));
        assert_eq!(pick(&pool(), &all, 1000, 5).len(), 63);
        assert!(pick(&pool(), &[], 5, 5).is_empty());
    }
}

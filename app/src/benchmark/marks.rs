//! Which lines of a record are looked for: wrong ones, unread ones. A byte a line, so that a list of any length is shown a page at a time.

use mmedbench::QuestionRecord;
use mmedbench::report::lines::unread;

/// Which lines are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Show {
    All,
    Wrong,
    Unread,
}

const WRONG: u8 = 1;
const UNREAD: u8 = 2;

/// What is known of each line, by its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    lines: Vec<u8>,
    wrong: usize,
    unread: usize,
}

impl Marks {
    pub fn add(&mut self, line: &QuestionRecord) {
        let (wrong, unread) = (line.correct == Some(false), unread(line));
        self.wrong += usize::from(wrong);
        self.unread += usize::from(unread);
        self.lines.push(if wrong { WRONG } else { 0 } | if unread { UNREAD } else { 0 });
    }

    /// How many lines are shown so.
    pub fn total(&self, show: Show) -> usize {
        match show {
            Show::All => self.lines.len(),
            Show::Wrong => self.wrong,
            Show::Unread => self.unread,
        }
    }

    /// Places of the lines of one page.
    pub fn page(&self, show: Show, page: usize, per_page: usize) -> Vec<usize> {
        let wanted = match show {
            // No need to look at what stands before.
            Show::All => return (page * per_page..self.lines.len()).take(per_page).collect(),
            Show::Wrong => WRONG,
            Show::Unread => UNREAD,
        };
        let marked = self.lines.iter().enumerate().filter(|(_, mark)| *mark & wanted != 0);
        marked.map(|(place, _)| place).skip(page * per_page).take(per_page).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_100_000_lines() {
        let line = |correct: bool, prediction: Option<&str>| -> QuestionRecord {
            serde_json::from_value(serde_json::json!({
                "id": "q", "question_hash": "h", "language": "English", "source": "", "gold": "A", "key_position": 0, "correct": correct, "prediction": prediction,
            }))
            .unwrap()
        };
        let (right, wrong, unread) = (line(true, Some("A")), line(false, Some("B")), line(false, None));
        let mut marks = Marks::default();
        for place in 0..100_000 {
            marks.add(match place % 1000 {
                7 => &unread,
                8 | 9 => &wrong,
                _ => &right,
            });
        }
        assert_eq!(
            [Show::All, Show::Wrong, Show::Unread].map(|show| marks.total(show)),
            [100_000, 300, 100]
        );
        assert_eq!(marks.page(Show::All, 4999, 20), (99_980..100_000).collect::<Vec<_>>());
        assert_eq!(marks.page(Show::Unread, 1, 3), [3007, 4007, 5007]);
        assert_eq!(marks.page(Show::Wrong, 0, 4), [7, 8, 9, 1007]);
        assert!(marks.page(Show::Wrong, 100, 20).is_empty());
        // What is kept is a byte a line, in whatever room the list has made.
        assert!(marks.lines.capacity() <= 2 * 100_000);
    }
}

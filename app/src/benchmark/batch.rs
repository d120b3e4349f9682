//! The files that a run's record lies in: one for each batch of lines, named by its number and by what is in it.
//!
//! What must hold: what is done is what these files are, so their names say how many lines they hold and how many of them are right; a line of the
//! record has a place, which is its number over all files in order.

/// A batch of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Batch {
    pub number: usize,
    pub lines: usize,
    /// Of them, answered rightly.
    pub right: usize,
}

impl Batch {
    /// Of whole lines of a record.
    pub fn of(number: usize, text: &str) -> Batch {
        Batch {
            number,
            lines: text.lines().count(),
            // Inside of texts a quotation mark is escaped.
            right: text.lines().filter(|line| line.contains("\"correct\":true")).count(),
        }
    }

    pub fn name(self) -> String {
        format!("{:07}.{}.{}.jsonl", self.number, self.lines, self.right)
    }

    /// The inverse of [`Batch::name`]; none for any other file.
    pub fn parse(name: &str) -> Option<Batch> {
        let mut parts = name.strip_suffix(".jsonl")?.split('.').map(|part| part.parse::<usize>().ok());
        let batch = Batch {
            number: parts.next()??,
            lines: parts.next()??,
            right: parts.next()??,
        };
        parts.next().is_none().then_some(batch)
    }
}

/// Where lines lie: for each batch that holds some of `places` (in rising order) its index, and the lines of it that are wanted.
pub fn find(batches: &[Batch], places: &[usize]) -> Vec<(usize, Vec<usize>)> {
    let mut found: Vec<(usize, Vec<usize>)> = Vec::new();
    let (mut index, mut first) = (0, 0);
    for &place in places {
        while batches.get(index).is_some_and(|batch| place >= first + batch.lines) {
            first += batches[index].lines;
            index += 1;
        }
        if index == batches.len() {
            break;
        }
        match found.last_mut().filter(|(last, _)| *last == index) {
            Some((_, lines)) => lines.push(place - first),
            None => found.push((index, vec![place - first])),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_is_in_the_file() {
        let text = "{\"id\":\"a\",\"correct\":true}\n{\"id\":\"b\",\"correct\":false,\"text\":\"\\\"correct\\\":true\"}\n";
        let batch = Batch::of(12, text);
        assert_eq!(batch.name(), "0000012.2.1.jsonl");
        assert_eq!(Batch::parse(&batch.name()), Some(batch));
        for other in [
            "run.json",
            "0000012.2.1.jsonl.crswap",
            "0000012.2.jsonl",
            "0000012.2.1.4.jsonl",
            "x.2.1.jsonl",
        ] {
            assert_eq!(Batch::parse(other), None, "{other}");
        }
    }

    #[test]
    fn lines_are_found_in_their_files() {
        let batches = [3, 1, 4].map(|lines| Batch {
            number: 0,
            lines,
            right: 0,
        });
        assert_eq!(find(&batches, &[1, 2, 3, 7]), [(0, vec![1, 2]), (1, vec![0]), (2, vec![3])]);
        assert_eq!(find(&batches, &[4, 8, 9]), [(2, vec![0])], "beyond the end there is nothing");
        assert!(find(&[], &[0]).is_empty());
    }
}

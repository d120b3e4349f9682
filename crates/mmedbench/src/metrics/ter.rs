//! Translation edit rate (Snover et al. 2006): insertions, deletions, substitutions and moves of word runs, per reference word.
//!
//! The search is Tercom's in the form of sacrebleu 2.6 (`lib_ter.py`), with its limits: moves of at most ten words over at most fifty, an
//! edit distance within 25 words of the diagonal, a thousand moves tried. With other limits the number would be another.

const LONGEST_MOVE: usize = 10;
const FARTHEST_MOVE: usize = 50;
const BEAM: usize = 25;
const MOST_MOVES_TRIED: usize = 1000;

/// Score of a corpus of (candidate, reference) in percent: texts in small letters, split at white space.
pub fn corpus(pairs: &[(&str, &str)]) -> f64 {
    let (mut edits, mut length) = (0, 0);
    for (candidate, reference) in pairs {
        let (candidate, reference) = (candidate.to_lowercase(), reference.to_lowercase());
        let candidate: Vec<&str> = candidate.split_whitespace().collect();
        let reference: Vec<&str> = reference.split_whitespace().collect();
        edits += edits_of(&candidate, &reference);
        length += reference.len();
    }
    match (edits, length) {
        (0, 0) => 0.0,
        (_, 0) => 100.0,
        _ => 100.0 * edits as f64 / length as f64,
    }
}

/// Fewest edits found that make the candidate the reference.
fn edits_of(candidate: &[&str], reference: &[&str]) -> usize {
    if reference.is_empty() {
        return candidate.len();
    }
    let mut words = candidate.to_vec();
    let (mut moves, mut tried) = (0, 0);
    loop {
        let best = best_move(&words, reference, &mut tried);
        if tried >= MOST_MOVES_TRIED {
            break;
        }
        let Some(best) = best.filter(|best| best.gain > 0) else { break };
        moves += 1;
        words = best.words;
    }
    moves + distance(&words, reference).0
}

/// A move of words, in the order in which Tercom prefers them.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Move<'a> {
    gain: isize,
    length: usize,
    from: std::cmp::Reverse<usize>,
    to: std::cmp::Reverse<usize>,
    words: Vec<&'a str>,
}

/// One step of an alignment.
#[derive(Clone, Copy, PartialEq)]
enum Step {
    Same,
    Substitute,
    /// A word of the reference that the candidate lacks.
    Missing,
    /// A word of the candidate that the reference lacks.
    Extra,
}

fn best_move<'a>(words: &[&'a str], reference: &[&str], tried: &mut usize) -> Option<Move<'a>> {
    let (before, steps) = distance(words, reference);
    let alignment = Alignment::of(&steps);
    let mut best: Option<Move> = None;
    for from in 0..words.len() {
        for at in 0..reference.len() {
            if from.abs_diff(at) > FARTHEST_MOVE {
                continue;
            }
            let same = words[from..]
                .iter()
                .zip(&reference[at..])
                .take(LONGEST_MOVE)
                .take_while(|(a, b)| a == b)
                .count();
            for length in 1..=same {
                let wrong = |errors: &[bool], start: usize| errors[start..start + length].contains(&true);
                let target = alignment.place[at];
                let inside = target >= from as isize && target < (from + length) as isize;
                if !wrong(&alignment.candidate_wrong, from) || !wrong(&alignment.reference_wrong, at) || inside {
                    continue;
                }
                let mut last = None;
                for place in at as isize - 1..(at + length) as isize {
                    let to = match usize::try_from(place) {
                        Err(_) => 0,
                        Ok(place) => match alignment.place.get(place) {
                            Some(place) => (place + 1) as usize,
                            None => break,
                        },
                    };
                    if last.replace(to) == Some(to) {
                        continue;
                    }
                    let moved = moved(words, from, length, to);
                    *tried += 1;
                    let found = Move {
                        gain: before as isize - distance(&moved, reference).0 as isize,
                        length,
                        from: std::cmp::Reverse(from),
                        to: std::cmp::Reverse(to),
                        words: moved,
                    };
                    if best.as_ref().is_none_or(|best| found > *best) {
                        best = Some(found);
                    }
                }
                if *tried >= MOST_MOVES_TRIED {
                    return best;
                }
            }
        }
    }
    best
}

/// `length` words from `from` taken out and put in before `to`, both counted in the words as they were.
fn moved<'a>(words: &[&'a str], from: usize, length: usize, to: usize) -> Vec<&'a str> {
    let run = &words[from..from + length];
    let (rest, at) = if to < from || to > from + length {
        (
            [&words[..from], &words[from + length..]].concat(),
            if to < from { to } else { to - length },
        )
    } else {
        // Within the run: it goes as many words further as the target lies inside it.
        ([&words[..from], &words[from + length..]].concat(), to.min(words.len() - length))
    };
    [&rest[..at], run, &rest[at..]].concat()
}

/// Where each reference word lies in the candidate, and which words of both are wrong.
struct Alignment {
    /// −1 before the candidate's first word.
    place: Vec<isize>,
    candidate_wrong: Vec<bool>,
    reference_wrong: Vec<bool>,
}

impl Alignment {
    fn of(steps: &[Step]) -> Alignment {
        let mut out = Alignment {
            place: Vec::new(),
            candidate_wrong: Vec::new(),
            reference_wrong: Vec::new(),
        };
        for step in steps {
            let wrong = *step != Step::Same;
            if *step != Step::Missing {
                out.candidate_wrong.push(wrong);
            }
            if *step != Step::Extra {
                out.reference_wrong.push(wrong);
                out.place.push(out.candidate_wrong.len() as isize - 1);
            }
        }
        out
    }
}

/// Edit distance near the diagonal, and its steps.
fn distance(words: &[&str], reference: &[&str]) -> (usize, Vec<Step>) {
    const FAR: usize = usize::MAX / 2;
    let (n, width) = (words.len(), reference.len() + 1);
    let mut cells = vec![(FAR, Step::Same); (n + 1) * width];
    for (j, cell) in cells[..width].iter_mut().enumerate() {
        *cell = (j, Step::Missing);
    }
    let ratio = if n == 0 { 1.0 } else { reference.len() as f64 / n as f64 };
    // Texts of very different length would have rows that share no column.
    let beam = if (BEAM as f64) < ratio / 2.0 {
        (ratio / 2.0 + BEAM as f64).ceil() as usize
    } else {
        BEAM
    };
    for i in 1..=n {
        let diagonal = (i as f64 * ratio).floor() as usize;
        let end = if i == n { width } else { width.min(diagonal + beam) };
        for j in diagonal.saturating_sub(beam)..end {
            let above = cells[(i - 1) * width + j].0;
            let mut best = (above + 1, Step::Extra);
            if j > 0 {
                let same = words[i - 1] == reference[j - 1];
                let across = cells[(i - 1) * width + j - 1].0 + usize::from(!same);
                let left = cells[i * width + j - 1].0;
                if across <= best.0 {
                    best = (across, if same { Step::Same } else { Step::Substitute });
                }
                if left + 1 < best.0 {
                    best = (left + 1, Step::Missing);
                }
            }
            cells[i * width + j] = best;
        }
    }
    let (mut i, mut j, mut steps) = (n, reference.len(), Vec::new());
    while i > 0 || j > 0 {
        let step = cells[i * width + j].1;
        steps.push(step);
        i -= usize::from(step != Step::Missing);
        j -= usize::from(step != Step::Extra);
    }
    steps.reverse();
    (cells[n * width + reference.len()].0, steps)
}

//! What many texts begin with, as a tree: the order and the cuts in which scoring computes them, so that nothing is computed twice.
//!
//! Texts are sorted; a run of texts with a common beginning becomes a branch, its children start where the branch ends. Several few-shot
//! prefixes in one call are several branches; a context that stands twice, or that goes on where another ends, is shared too.
//!
//! What must hold: every text appears in exactly one leaf; every leaf keeps at least one token of its own, whose row is asked; a branch is only
//! cut where it saves at least [`WORTH`] tokens, because a fork costs a page and a segment.

/// Tokens that a branch must save at least.
pub const WORTH: usize = 16;

/// A step of the walk through the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The beginning that the next `texts` texts share, up to the matching [`Step::Leave`]: the first `end` tokens of text `text`.
    Enter { text: usize, end: usize, texts: usize },
    /// A text; its tokens from where the innermost open branch ends.
    Leaf { text: usize },
    /// The innermost branch is done with.
    Leave,
}

/// The walk over `texts`. Every text has at least one token.
pub fn walk(texts: &[&[u32]]) -> Vec<Step> {
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by(|&a, &b| texts[a].cmp(texts[b]));
    // Shared with the next one in order; each keeps a token of its own.
    let shared: Vec<usize> = order
        .windows(2)
        .map(|pair| {
            let (a, b) = (texts[pair[0]], texts[pair[1]]);
            let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
            same.min(a.len() - 1).min(b.len() - 1)
        })
        .collect();
    let mut steps = Vec::with_capacity(texts.len());
    // Ranges of `order` with the depth at which they start; a stack instead of recursion, because texts may nest as deep as they are long.
    enum Job {
        Range(usize, usize, usize),
        Leave,
    }
    let mut jobs = vec![Job::Range(0, order.len(), 0)];
    while let Some(job) = jobs.pop() {
        let (first, end, depth) = match job {
            Job::Leave => {
                steps.push(Step::Leave);
                continue;
            }
            Job::Range(first, end, depth) => (first, end, depth),
        };
        match end - first {
            0 => continue,
            1 => {
                steps.push(Step::Leaf { text: order[first] });
                continue;
            }
            _ => {}
        }
        let least = shared[first..end - 1].iter().copied().min().unwrap_or(depth);
        let (cut, depth) = if least >= depth + WORTH {
            steps.push(Step::Enter {
                text: order[first],
                end: least,
                texts: end - first,
            });
            jobs.push(Job::Leave);
            (least, least)
        } else {
            (depth, depth)
        };
        // Children: runs whose neighbours share enough beyond here to be worth a branch of their own.
        let mut children = Vec::new();
        let mut start = first;
        for (after, shared) in (first + 1..).zip(&shared[first..end - 1]) {
            if *shared < cut + WORTH {
                children.push(Job::Range(start, after, depth));
                start = after;
            }
        }
        children.push(Job::Range(start, end, depth));
        children.reverse();
        jobs.extend(children);
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tokens that the walk computes, and the texts in its leaves.
    fn computed(texts: &[&[u32]]) -> (usize, Vec<usize>) {
        let (mut open, mut tokens, mut leaves) = (vec![0], 0, Vec::new());
        for step in walk(texts) {
            let depth = *open.last().unwrap();
            match step {
                Step::Enter { end, .. } => {
                    assert!(end >= depth + WORTH);
                    tokens += end - depth;
                    open.push(end);
                }
                Step::Leaf { text } => {
                    assert!(texts[text].len() > depth, "a token of its own");
                    tokens += texts[text].len() - depth;
                    leaves.push(text);
                }
                Step::Leave => {
                    open.pop();
                }
            }
        }
        assert_eq!(open, [0]);
        leaves.sort_unstable();
        (tokens, leaves)
    }

    fn text(parts: &[(u32, usize)]) -> Vec<u32> {
        parts.iter().flat_map(|&(token, count)| std::iter::repeat_n(token, count)).collect()
    }

    #[test]
    fn several_prefixes_are_each_computed_once() {
        let texts: Vec<Vec<u32>> = (0..12).map(|i| text(&[(100 + i % 3, 200), (i, 10)])).collect();
        let texts: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        let (tokens, leaves) = computed(&texts);
        assert_eq!(tokens, 3 * 200 + 12 * 10);
        assert_eq!(leaves, (0..12).collect::<Vec<_>>());
    }

    #[test]
    fn branches_have_branches_and_small_ones_are_left() {
        let texts = [
            text(&[(1, 50), (2, 30), (3, 5)]),
            text(&[(1, 50), (2, 30), (4, 5)]),
            text(&[(1, 50), (5, 5)]),
            text(&[(1, 50), (5, 4), (6, 2)]),
            text(&[(7, 3)]),
        ];
        let texts: Vec<&[u32]> = texts.iter().map(Vec::as_slice).collect();
        assert_eq!(computed(&texts).0, 50 + 30 + 5 + 5 + 5 + 6 + 3);
    }

    #[test]
    fn equal_texts_and_texts_inside_others_keep_a_token() {
        let (a, b) = (text(&[(1, 40)]), text(&[(1, 90)]));
        let (tokens, leaves) = computed(&[&a, &a, &b, &b]);
        assert_eq!(leaves, [0, 1, 2, 3]);
        assert_eq!(tokens, 39 + 1 + 1 + 50 + 1 + 1);
        assert_eq!(computed(&[&[5], &[5]]), (2, vec![0, 1]));
        assert_eq!(computed(&[]), (0, vec![]));
    }
}

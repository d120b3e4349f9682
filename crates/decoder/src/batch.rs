//! A packed batch: one row of tokens cut into segments, without padding.
//!
//! Each token has a *slot*: where its key and value are kept. Each segment has a *context*: the slots it may see, in order of position,
//! its own last. Sharing a prefix is listing the same slots in several contexts, at any length and without copying.

/// A run of consecutive rows that attend to one context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// First row of the segment in the batch.
    pub first_row: usize,
    /// Number of its rows.
    pub rows: usize,
    /// Where its context starts in [`Batch::context`].
    pub context_start: usize,
    /// Slots of its context, its own rows included: row `i` of the segment sits at position `context_len - rows + i` and sees
    /// context entries `0 ..= context_len - rows + i`.
    pub context_len: usize,
}

/// What one forward pass computes, on the host. Backends upload it once per pass.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// `[T]` token ids.
    pub tokens: Vec<u32>,
    /// `[T]` positions, for RoPE and windows.
    pub positions: Vec<u32>,
    /// `[T]` slot of the cache that receives the row's key and value. Without a cache: the row's own index.
    pub slots: Vec<u32>,
    /// Segments in order; together they cover all rows.
    pub segments: Vec<Segment>,
    /// Contexts of all segments, one after the other.
    pub context: Vec<u32>,
}

impl Batch {
    /// A batch for training: documents packed end to end, each attending to itself only, no cache.
    pub fn from_documents<'a>(documents: impl IntoIterator<Item = &'a [u32]>) -> Batch {
        let mut batch = Batch::default();
        for tokens in documents {
            let first = batch.tokens.len() as u32;
            let slots: Vec<u32> = (first..first + tokens.len() as u32).collect();
            batch.push(tokens, &[], &slots);
        }
        batch
    }

    /// Adds a segment: `tokens` go to `slots` and see the slots of `prefix` before their own. Positions go on from the prefix.
    /// Returns the first row. An empty segment adds nothing.
    pub fn push(&mut self, tokens: &[u32], prefix: &[u32], slots: &[u32]) -> usize {
        assert_eq!(tokens.len(), slots.len(), "one slot a token");
        let first_row = self.tokens.len();
        if tokens.is_empty() {
            return first_row;
        }
        self.segments.push(Segment {
            first_row,
            rows: tokens.len(),
            context_start: self.context.len(),
            context_len: prefix.len() + tokens.len(),
        });
        self.tokens.extend_from_slice(tokens);
        self.positions.extend(prefix.len() as u32..(prefix.len() + tokens.len()) as u32);
        self.slots.extend_from_slice(slots);
        self.context.extend_from_slice(prefix);
        self.context.extend_from_slice(slots);
        first_row
    }

    /// `T`.
    pub fn rows(&self) -> usize {
        self.tokens.len()
    }

    /// True without tokens.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }
}

//! Rotary position embedding from the model's table: a rotation of pairs, whose backward is the rotation back.

use crate::parallel;
use crate::weight::Weight;
use decoder::step::{Rope, RopeLayout};
use decoder::{Error, Result};

/// Which way to turn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    Forward,
    Back,
}

/// Rotates `x: [T, heads·D]` in place, row `i` by the angles of `positions[i]`. Errors: a position beyond the table.
pub(crate) fn rotate(rope: &Rope<Weight>, x: &mut [f32], heads: usize, head_dim: usize, positions: &[u32], turn: Turn) -> Result<()> {
    let table = rope.table.values("rope")?;
    let (context, width) = rope.table.shape();
    if width != head_dim {
        return Err(Error::Input(format!(
            "the table of angles has {width} columns, heads have {head_dim} components"
        )));
    }
    if let Some(position) = positions.iter().find(|&&position| position as usize >= context) {
        return Err(Error::ContextFull {
            needed: *position as usize + 1,
            available: context,
        });
    }
    let table: &[f32] = &table;
    let half = head_dim / 2;
    let sign = if turn == Turn::Forward { 1.0 } else { -1.0 };
    parallel::chunks(x, 16 * heads * head_dim, |index, rows| {
        for (row, &position) in rows.chunks_exact_mut(heads * head_dim).zip(&positions[index * 16..]) {
            let (cos, sin) = table[position as usize * head_dim..][..head_dim].split_at(half);
            for head in row.chunks_exact_mut(head_dim) {
                match rope.layout {
                    RopeLayout::Halves => {
                        let (low, high) = head.split_at_mut(half);
                        for i in 0..half {
                            let (a, b, s) = (low[i], high[i], sin[i] * sign);
                            low[i] = a * cos[i] - b * s;
                            high[i] = b * cos[i] + a * s;
                        }
                    }
                    RopeLayout::Interleaved => {
                        for (i, pair) in head.chunks_exact_mut(2).enumerate() {
                            let (a, b, s) = (pair[0], pair[1], sin[i] * sign);
                            pair[0] = a * cos[i] - b * s;
                            pair[1] = b * cos[i] + a * s;
                        }
                    }
                }
            }
        }
    });
    Ok(())
}

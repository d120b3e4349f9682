// Q4_1: 32 values `d q + m`, `q` of 4 bits.
// A row: one word for each 8 values as in Q4_0, then a word (half `d`, half `m`) for each 32.

fn dequant8(base: u32, units: u32, u: u32) -> Eight {
    let word = w[base + u];
    let dm = half2(w[base + units + (u >> 2u)]);
    return Eight(dm.x * low_nibbles(word) + dm.y, dm.x * high_nibbles(word) + dm.y);
}

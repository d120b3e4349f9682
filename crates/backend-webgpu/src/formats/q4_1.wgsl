// Q4_1: 32 values `d q + m`, `q` of 4 bits.
// A row: one word for each 8 values as in Q4_0, then a word (half `d`, half `m`) for each 32.

const OFFSET: u32 = 0u;

fn quants8(base: u32, units: u32, u: u32) -> Quants {
    let word = w[base + u];
    let dm = half2(w[base + units + (u >> 2u)]);
    return Quants(word & 0x0f0f0f0fu, (word >> 4u) & 0x0f0f0f0fu, dm.x, dm.y);
}

// Q5_1: 32 values `d q + m`, `q` of 5 bits.
// A row: the lower 4 bits as in Q4_0; the fifth bits, one word for each 32 values; a word (half `d`, half `m`) for each 32.

const OFFSET: u32 = 0u;

fn quants8(base: u32, units: u32, u: u32) -> Quants {
    let word = w[base + u];
    let block = u >> 2u;
    let fifth = (w[base + units + block] >> (8u * (u & 3u))) & 0xffu;
    let dm = half2(w[base + units + (units >> 2u) + block]);
    return Quants(
        (word & 0x0f0f0f0fu) | (spread4(fifth) << 4u),
        ((word >> 4u) & 0x0f0f0f0fu) | (spread4(fifth >> 4u) << 4u),
        dm.x,
        dm.y,
    );
}

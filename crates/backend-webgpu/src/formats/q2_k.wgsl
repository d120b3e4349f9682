// Q2_K: 256 values in 16 groups, `d s q - dmin m`, `q` of 2 bits, `s` and `m` of 4 bits.
// A row: one word for each 16 values (value `4i + j` at bits `8j + 2i`); 4 words for each 256 (byte `g`: `s` low, `m` high);
// a word (half `d`, half `dmin`) for each 256.

const OFFSET: u32 = 0u;

fn quants8(base: u32, units: u32, u: u32) -> Quants {
    let word = w[base + (u >> 1u)] >> (4u * (u & 1u));
    let block = u >> 5u;
    let blocks = units >> 5u;
    let group = u >> 1u;
    let plane = base + (units >> 1u);
    let sm = w[plane + (group >> 2u)] >> (8u * (group & 3u));
    let dm = half2(w[plane + 4u * blocks + block]);
    let scale = dm.x * f32(sm & 0xfu);
    let low = dm.y * f32((sm >> 4u) & 0xfu);
    return Quants(word & 0x03030303u, (word >> 2u) & 0x03030303u, scale, -low);
}

// Q4_K: 256 values in 8 groups, `d s q - dmin m`, `q` of 4 bits, `s` and `m` of 6 bits.
// A row: one word for each 8 values as in Q4_0; 4 words of byte pairs (`s`, `m`) for each 256 (ggml's 6 bits unpacked, 3 % larger);
// a word (half `d`, half `dmin`) for each 256.

const OFFSET: u32 = 0u;

fn quants8(base: u32, units: u32, u: u32) -> Quants {
    let word = w[base + u];
    let group = u >> 2u;
    let sm = w[base + units + (group >> 1u)] >> (16u * (group & 1u));
    let dm = half2(w[base + units + (units >> 3u) + (u >> 5u)]);
    let scale = dm.x * f32(sm & 0xffu);
    let low = dm.y * f32((sm >> 8u) & 0xffu);
    return Quants(word & 0x0f0f0f0fu, (word >> 4u) & 0x0f0f0f0fu, scale, -low);
}

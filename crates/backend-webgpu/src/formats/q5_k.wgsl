// Q5_K: 256 values in 8 groups, `d s q - dmin m`, `q` of 5 bits, `s` and `m` of 6 bits.
// A row: the lower 4 bits as in Q4_0; the fifth bits, one word for each 32 values; scales and halves as in Q4_K.

const OFFSET: u32 = 0u;

fn quants8(base: u32, units: u32, u: u32) -> Quants {
    let word = w[base + u];
    let group = u >> 2u;
    let fifth = (w[base + units + group] >> (8u * (u & 3u))) & 0xffu;
    let plane = base + units + (units >> 2u);
    let sm = w[plane + (group >> 1u)] >> (16u * (group & 1u));
    let dm = half2(w[plane + (units >> 3u) + (u >> 5u)]);
    let scale = dm.x * f32(sm & 0xffu);
    let low = dm.y * f32((sm >> 8u) & 0xffu);
    return Quants(
        (word & 0x0f0f0f0fu) | (spread4(fifth) << 4u),
        ((word >> 4u) & 0x0f0f0f0fu) | (spread4(fifth >> 4u) << 4u),
        scale,
        -low,
    );
}

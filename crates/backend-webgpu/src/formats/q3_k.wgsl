// Q3_K: 256 values in 16 groups, `d s (q - 4)`, `q` of 3 bits, `s` of 6 bits signed.
// A row: the lower 2 bits as in Q2_K; the third bits, one word for each 32 values; 4 words of signed bytes `s` for each 256
// (ggml's 6 bits unpacked, 2 % larger); a half `d` for each 256.

const OFFSET: u32 = 4u;

fn quants8(base: u32, units: u32, u: u32) -> Quants {
    let word = w[base + (u >> 1u)] >> (4u * (u & 1u));
    let third = (w[base + (units >> 1u) + (u >> 2u)] >> (8u * (u & 3u))) & 0xffu;
    let blocks = units >> 5u;
    let group = u >> 1u;
    let plane = base + (units >> 1u) + (units >> 2u);
    return Quants(
        (word & 0x03030303u) | (spread4(third) << 2u),
        ((word >> 2u) & 0x03030303u) | (spread4(third >> 4u) << 2u),
        half_at(plane + 4u * blocks, u >> 5u) * signed_byte(w[plane + (group >> 2u)], group & 3u),
        0.0,
    );
}

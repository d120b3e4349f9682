// Q6_K: 256 values in 16 groups, `d s (q - 32)`, `q` of 6 bits, `s` a signed byte.
// A row: the lower 4 bits as in Q4_0; the upper 2 bits, one word for each 16 values as in Q2_K; 4 words of bytes `s` for each 256;
// a half `d` for each 256.

const OFFSET: u32 = 32u;

fn quants8(base: u32, units: u32, u: u32) -> Quants {
    let word = w[base + u];
    let upper = w[base + units + (u >> 1u)] >> (4u * (u & 1u));
    let blocks = units >> 5u;
    let group = u >> 1u;
    let plane = base + units + (units >> 1u);
    return Quants(
        (word & 0x0f0f0f0fu) | ((upper & 0x03030303u) << 4u),
        ((word >> 4u) & 0x0f0f0f0fu) | (((upper >> 2u) & 0x03030303u) << 4u),
        half_at(plane + 4u * blocks, u >> 5u) * signed_byte(w[plane + (group >> 2u)], group & 3u),
        0.0,
    );
}

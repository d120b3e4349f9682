// Q8_0: 32 values `d q`, `q` a signed byte.
// A row: two words for each 8 values, then a half `d` for each 32.

fn dequant8(base: u32, units: u32, u: u32) -> Eight {
    let d = half_at(base + 2u * units, u >> 2u);
    return Eight(d * signed_bytes(w[base + 2u * u]), d * signed_bytes(w[base + 2u * u + 1u]));
}

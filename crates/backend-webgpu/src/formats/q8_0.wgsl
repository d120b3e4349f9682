// Q8_0: 32 values `d q`, `q` a signed byte.
// A row: two words for each 8 values, then a half `d` for each 32.

fn dequant8(base: u32, units: u32, u: u32) -> Eight {
    let q = signed8(base, units, u);
    return Eight(q.scale * signed_bytes(q.lo), q.scale * signed_bytes(q.hi));
}

fn signed8(base: u32, units: u32, u: u32) -> Quants {
    return Quants(w[base + 2u * u], w[base + 2u * u + 1u], half_at(base + 2u * units, u >> 2u), 0.0);
}

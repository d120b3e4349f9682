// Both uses of `quants8`: as floats, and as signed bytes for products of packed bytes.

fn dequant8(base: u32, units: u32, u: u32) -> Eight {
    let q = quants8(base, units, u);
    let offset = vec4<f32>(f32(OFFSET));
    return Eight(q.scale * (bytes(q.lo) - offset) + q.low, q.scale * (bytes(q.hi) - offset) + q.low);
}

// Bytes less OFFSET, each a signed byte. The eighth bits catch the borrows, so that none leaves its byte.
fn less_offset(word: u32) -> u32 {
    return ((word | 0x80808080u) - OFFSET * 0x01010101u) ^ 0x80808080u;
}

// Values scale * byte + low.
fn signed8(base: u32, units: u32, u: u32) -> Quants {
    let q = quants8(base, units, u);
    return Quants(less_offset(q.lo), less_offset(q.hi), q.scale, q.low);
}

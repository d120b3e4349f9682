// BF16 weights: the upper halves of floats. A row is its values, two in a word, padded with zeros to a multiple of 8.

fn brain2(word: u32) -> vec2<f32> {
    return vec2<f32>(bitcast<f32>(word << 16u), bitcast<f32>(word & 0xffff0000u));
}

fn dequant8(base: u32, units: u32, u: u32) -> Eight {
    let i = base + 4u * u;
    return Eight(
        vec4<f32>(brain2(w[i]), brain2(w[i + 1u])),
        vec4<f32>(brain2(w[i + 2u]), brain2(w[i + 3u])),
    );
}

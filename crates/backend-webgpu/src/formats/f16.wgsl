// F16 weights. A row is its values, two in a word, padded with zeros to a multiple of 8.

fn dequant8(base: u32, units: u32, u: u32) -> Eight {
    let i = base + 4u * u;
    return Eight(
        vec4<f32>(half2(w[i]), half2(w[i + 1u])),
        vec4<f32>(half2(w[i + 2u]), half2(w[i + 3u])),
    );
}

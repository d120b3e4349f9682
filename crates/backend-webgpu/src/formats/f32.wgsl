// F32 weights. A row is its values, padded with zeros to a multiple of 8.
// `dequant8(base, units, u)`: values `8u .. 8u+8` of the row that starts at word `base` and has `units` groups of 8.

fn dequant8(base: u32, units: u32, u: u32) -> Eight {
    let i = base + 8u * u;
    return Eight(
        vec4<f32>(bitcast<f32>(w[i]), bitcast<f32>(w[i + 1u]), bitcast<f32>(w[i + 2u]), bitcast<f32>(w[i + 3u])),
        vec4<f32>(bitcast<f32>(w[i + 4u]), bitcast<f32>(w[i + 5u]), bitcast<f32>(w[i + 6u]), bitcast<f32>(w[i + 7u])),
    );
}

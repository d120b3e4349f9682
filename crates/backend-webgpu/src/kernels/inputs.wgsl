// Inputs of a product, 8 at a time: rows of `params.inputs` floats, a multiple of 8.

@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;

// Values `8u .. 8u+8` of row `row`.
fn inputs8(row: u32, inputs: u32, u: u32) -> Eight {
    let i = row * (inputs >> 2u) + 2u * u;
    return Eight(x[i], x[i + 1u]);
}

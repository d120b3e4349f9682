// Inputs of a product, 8 at a time, where rows are no multiple of 8 long: zeros past the end of a row.

@group(0) @binding(1) var<storage, read> x: array<f32>;

fn input_at(row: u32, inputs: u32, i: u32) -> f32 {
    if (i < inputs) {
        return x[row * inputs + i];
    }
    return 0.0;
}

// Values `8u .. 8u+8` of row `row`.
fn inputs8(row: u32, inputs: u32, u: u32) -> Eight {
    let i = 8u * u;
    return Eight(
        vec4<f32>(input_at(row, inputs, i), input_at(row, inputs, i + 1u), input_at(row, inputs, i + 2u), input_at(row, inputs, i + 3u)),
        vec4<f32>(input_at(row, inputs, i + 4u), input_at(row, inputs, i + 5u), input_at(row, inputs, i + 6u), input_at(row, inputs, i + 7u)),
    );
}

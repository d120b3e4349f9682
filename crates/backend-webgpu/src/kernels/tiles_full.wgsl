// Tiles of a matrix product as floats of 32 bits.

alias Element = vec4<f32>;

const UNSCALE: f32 = 1.0;

fn weight_element(v: vec4<f32>) -> Element {
    return v;
}

fn input_element(v: vec4<f32>) -> Element {
    return v;
}

fn widen(v: Element) -> vec4<f32> {
    return v;
}

// Tiles of a matrix product as floats of 16 bits: half the traffic of workgroup memory, which is what bounds the product. Needs `shader-f16`.
// Products are made of them as floats of 32 bits: a product of halves overflows at 65504, which large activations reach.
// Weights are kept 64 times as large: those of a small model would else be subnormal halves, which a device may take for zero. What does not
// fit is clamped, because one infinity would spoil a whole row.

alias Element = vec4<f16>;

const UNSCALE: f32 = 0.015625;
const LARGEST: vec4<f32> = vec4<f32>(65504.0);

fn weight_element(v: vec4<f32>) -> Element {
    return Element(clamp(64.0 * v, -LARGEST, LARGEST));
}

fn input_element(v: vec4<f32>) -> Element {
    return Element(clamp(v, -LARGEST, LARGEST));
}

fn widen(v: Element) -> vec4<f32> {
    return vec4<f32>(v);
}

// Keys and values as 16-bit floats, four in an element. No device feature is needed: halves are packed into words.

alias Four = vec2<u32>;

fn unpack_four(v: Four) -> vec4<f32> {
    return vec4<f32>(unpack2x16float(v.x), unpack2x16float(v.y));
}

// Clamped: what does not fit a half would become infinite, and then NaN in the softmax.
fn pack_four(v: vec4<f32>) -> Four {
    let c = clamp(v, vec4<f32>(-65504.0), vec4<f32>(65504.0));
    return vec2<u32>(pack2x16float(c.xy), pack2x16float(c.zw));
}

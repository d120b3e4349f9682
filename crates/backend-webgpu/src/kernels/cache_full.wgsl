// Keys and values as 32-bit floats, four in an element.

alias Four = vec4<f32>;

fn unpack_four(v: Four) -> vec4<f32> {
    return v;
}

fn pack_four(v: vec4<f32>) -> Four {
    return v;
}

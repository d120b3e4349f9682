// Inputs of a product as signed bytes, 32 at a time: x = d q, d = max |x| / 127, q = round(x / d). A thread for 32 values.
// A row of y: a word for each 4 bytes, then the bits of `d` for each 32. Limits: 2 storage buffers; rows of a multiple of 32. Fed by `uniforms::Quantize`.

struct Params {
    // In all rows together, and in one row.
    blocks: u32,
    row_blocks: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let block = (group.x + group.y * groups.x) * 64u + thread;
    if (block >= params.blocks) {
        return;
    }
    var largest = vec4<f32>(0.0);
    for (var i = 0u; i < 8u; i++) {
        largest = max(largest, abs(x[8u * block + i]));
    }
    let top = max(max(largest.x, largest.y), max(largest.z, largest.w));
    let d = top / 127.0;
    // A block of nothing but zeros, or of values so small that the division would overflow, is zero.
    let inverse = select(0.0, 127.0 / top, top > 1e-30);
    let row = block / params.row_blocks;
    let column = block % params.row_blocks;
    let base = row * params.row_blocks * 9u;
    for (var i = 0u; i < 8u; i++) {
        let q = bitcast<vec4<u32>>(vec4<i32>(clamp(round(x[8u * block + i] * inverse), vec4<f32>(-127.0), vec4<f32>(127.0))));
        let bytes = (q & vec4<u32>(0xffu)) << vec4<u32>(0u, 8u, 16u, 24u);
        y[base + 8u * column + i] = bytes.x | bytes.y | bytes.z | bytes.w;
    }
    y[base + 8u * params.row_blocks + column] = bitcast<u32>(d);
}

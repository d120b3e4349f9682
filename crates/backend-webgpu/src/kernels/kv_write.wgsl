// Keys and values of all rows into their slots of the cache: cache[slot[t], :] = k[t, :], and v alike. A thread for four values.
// Limits: 5 storage buffers; K*D is a multiple of 4. Fed by `uniforms::KvWrite`.

struct Params {
    rows: u32,
    // Of K*D, in fours.
    width: u32,
}

@group(0) @binding(0) var<storage, read> slots: array<u32>;
@group(0) @binding(1) var<storage, read> k: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read> v: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read_write> keys: array<Four>;
@group(0) @binding(4) var<storage, read_write> values: array<Four>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let row = group.x;
    let slot = slots[row];
    for (var c = thread; c < params.width; c += 64u) {
        keys[slot * params.width + c] = pack_four(k[row * params.width + c]);
        values[slot * params.width + c] = pack_four(v[row * params.width + c]);
    }
}

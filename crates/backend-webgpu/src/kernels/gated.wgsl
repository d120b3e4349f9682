// Activation of the gate times the other branch, in place: up[i] = act(gate[i]) * up[i].
// A thread for one value. Limits: 2 storage buffers. Fed by `uniforms::Gated`.

struct Params {
    count: u32,
    gelu: u32,
}

@group(0) @binding(0) var<storage, read> gate: array<f32>;
@group(0) @binding(1) var<storage, read_write> up: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let i = (group.x + group.y * groups.x) * 256u + thread;
    if (i >= params.count) {
        return;
    }
    up[i] = activation(gate[i], params.gelu) * up[i];
}

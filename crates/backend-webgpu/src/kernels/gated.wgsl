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
    let g = gate[i];
    var a = 0.0;
    if (params.gelu != 0u) {
        // Clamped: some drivers compute tanh from exp(2x), which overflows.
        let inner = 0.7978845608028654 * (g + 0.044715 * g * g * g);
        a = 0.5 * g * (1.0 + tanh(clamp(inner, -10.0, 10.0)));
    } else {
        a = g / (1.0 + exp(min(-g, 80.0)));
    }
    up[i] = a * up[i];
}

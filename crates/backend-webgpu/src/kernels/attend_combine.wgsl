// Attention whose context was split (`attend_row.wgsl`): what each part summed is brought to one common largest score, added and divided.
// A workgroup of 128 threads for one head of one row, a thread for four components. Limits: 2 storage buffers. Fed by `uniforms::AttendCombine`.

struct Params {
    heads: u32,
    splits: u32,
}

// [row, head, part][sum in fours, then (largest score, sum of weights)].
@group(0) @binding(0) var<storage, read> parts: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> params: Params;

const FOURS: u32 = HEAD_DIM / 4u;

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    if (thread >= FOURS) {
        return;
    }
    let query = group.x * params.heads + group.y;
    let first = query * params.splits;
    var top = parts[first * (FOURS + 1u) + FOURS].x;
    for (var p = 1u; p < params.splits; p++) {
        top = max(top, parts[(first + p) * (FOURS + 1u) + FOURS].x);
    }
    var sum = vec4<f32>(0.0);
    var total = 0.0;
    for (var p = 0u; p < params.splits; p++) {
        let at = (first + p) * (FOURS + 1u);
        // A part past the end of a shorter context has no weight: its largest score is far below any.
        let share = exp(parts[at + FOURS].x - top);
        sum += share * parts[at + thread];
        total += share * parts[at + FOURS].y;
    }
    y[query * FOURS + thread] = sum / total;
}

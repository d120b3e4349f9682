// Norm over each head (where the model has one) and rotary positions, in place on queries and keys.
// A workgroup of 64 threads for one head of one row: x is the row, y the head, query heads first, then key heads. Angles come from a table
// made on the host, [position][cos of D/2 angles, then sin]. Limits: 6 storage buffers, 256 bytes of workgroup memory. Fed by `uniforms::Rope`.

struct Params {
    rows: u32,
    heads: u32,
    kv_heads: u32,
    head_dim: u32,
    table_stride: u32,
    interleaved: u32,
    q_norm: u32,
    k_norm: u32,
    q_eps: f32,
    k_eps: f32,
    q_offset: f32,
    k_offset: f32,
}

@group(0) @binding(0) var<storage, read> positions: array<u32>;
@group(0) @binding(1) var<storage, read> table: array<f32>;
@group(0) @binding(2) var<storage, read> q_weight: array<f32>;
@group(0) @binding(3) var<storage, read> k_weight: array<f32>;
@group(0) @binding(4) var<storage, read_write> q: array<f32>;
@group(0) @binding(5) var<storage, read_write> k: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> partial: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let row = group.x;
    let is_q = group.y < params.heads;
    let dim = params.head_dim;
    var base = row * params.heads * dim + group.y * dim;
    var normed = params.q_norm != 0u;
    var eps = params.q_eps;
    if (!is_q) {
        base = row * params.kv_heads * dim + (group.y - params.heads) * dim;
        normed = params.k_norm != 0u;
        eps = params.k_eps;
    }
    var sum = 0.0;
    if (normed) {
        for (var c = thread; c < dim; c += 64u) {
            var v = 0.0;
            if (is_q) { v = q[base + c]; } else { v = k[base + c]; }
            sum += v * v;
        }
    }
    partial[thread] = sum;
    workgroupBarrier();
    for (var half = 32u; half > 0u; half >>= 1u) {
        if (thread < half) {
            partial[thread] += partial[thread + half];
        }
        workgroupBarrier();
    }
    let scale = 1.0 / sqrt(partial[0] / f32(dim) + eps);
    let pairs = dim / 2u;
    let angles = positions[row] * params.table_stride;
    for (var i = thread; i < pairs; i += 64u) {
        var at0 = i;
        var at1 = i + pairs;
        if (params.interleaved != 0u) {
            at0 = 2u * i;
            at1 = 2u * i + 1u;
        }
        let cosine = table[angles + i];
        let sine = table[angles + pairs + i];
        if (is_q) {
            var a = q[base + at0];
            var b = q[base + at1];
            if (normed) {
                a = a * scale * (params.q_offset + q_weight[at0]);
                b = b * scale * (params.q_offset + q_weight[at1]);
            }
            q[base + at0] = a * cosine - b * sine;
            q[base + at1] = b * cosine + a * sine;
        } else {
            var a = k[base + at0];
            var b = k[base + at1];
            if (normed) {
                a = a * scale * (params.k_offset + k_weight[at0]);
                b = b * scale * (params.k_offset + k_weight[at1]);
            }
            k[base + at0] = a * cosine - b * sine;
            k[base + at1] = b * cosine + a * sine;
        }
    }
}

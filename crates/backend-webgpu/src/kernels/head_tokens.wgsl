// Logits of a few tokens: y[i, j] = cap(x[i, :] . w[token[j], :]). Reads those rows of the vocabulary matrix and no others.
// One workgroup of 64 threads for a logit. A matrix in several buffers runs once for each; tokens of other buffers are left alone.
// Limits: 4 storage buffers, 256 bytes of workgroup memory. Fed by `uniforms::HeadTokens`.

struct Params {
    rows: u32,
    tokens: u32,
    inputs: u32,
    units: u32,
    row_words: u32,
    // Rows of the matrix in this buffer: first .. first + count.
    first: u32,
    count: u32,
    softcap: f32,
}

@group(0) @binding(0) var<storage, read> w: array<u32>;
@group(0) @binding(2) var<storage, read> tokens: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> partial: array<f32, 64>;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let row = group.y;
    let token = tokens[group.x];
    let here = token >= params.first && token < params.first + params.count;
    var sum = 0.0;
    if (here) {
        let base = (token - params.first) * params.row_words;
        for (var u = thread; u < params.units; u += 64u) {
            let weights = dequant8(base, params.units, u);
            let values = inputs8(row, params.inputs, u);
            sum += dot(weights.lo, values.lo) + dot(weights.hi, values.hi);
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
    if (here && thread == 0u) {
        var v = partial[0];
        if (params.softcap > 0.0) {
            v = params.softcap * tanh(clamp(v / params.softcap, -10.0, 10.0));
        }
        y[row * params.tokens + group.x] = v;
    }
}

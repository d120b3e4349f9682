// Rows of the embedding table, dequantised: y[t, :] = scale * table[token[t], :].
// One workgroup of 64 threads for a row, a thread for 8 values at a time. A table in several buffers runs once for each; tokens of other
// buffers are left alone. Limits: 3 storage buffers. Fed by `uniforms::Embed`.

struct Params {
    rows: u32,
    cols: u32,
    units: u32,
    row_words: u32,
    // Rows of the table in this buffer: first .. first + count.
    first: u32,
    count: u32,
    scale: f32,
}

@group(0) @binding(0) var<storage, read> w: array<u32>;
@group(0) @binding(1) var<storage, read> tokens: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let row = group.x;
    let token = tokens[row];
    if (token < params.first || token >= params.first + params.count) {
        return;
    }
    let base = (token - params.first) * params.row_words;
    for (var u = thread; u < params.units; u += 64u) {
        let values = dequant8(base, params.units, u);
        let at = row * params.cols + 8u * u;
        let left = params.cols - 8u * u;
        for (var j = 0u; j < min(left, 4u); j++) {
            y[at + j] = params.scale * values.lo[j];
        }
        for (var j = 4u; j < min(left, 8u); j++) {
            y[at + j] = params.scale * values.hi[j - 4u];
        }
    }
}

// Root-mean-square norm of rows: y[i, :] = (residual[i, :] +) x[r, :] / sqrt(mean(x[r, :]^2) + eps) * (offset + w), where r is i or, with
// `chosen`, rows[first + i]. One workgroup of 256 threads for a row; the sum is a fixed tree, so results repeat exactly.
// Limits: 5 storage buffers, 1 KiB of workgroup memory. Fed by `uniforms::RmsNorm`.

struct Params {
    rows: u32,
    width: u32,
    eps: f32,
    offset: f32,
    chosen: u32,
    residual: u32,
    first: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<f32>;
@group(0) @binding(2) var<storage, read> rows: array<u32>;
@group(0) @binding(3) var<storage, read> residual: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> partial: array<f32, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let i = group.x;
    var row = i;
    if (params.chosen != 0u) {
        row = rows[params.first + i];
    }
    let width = params.width;
    let base = row * width;
    var sum = 0.0;
    for (var c = thread; c < width; c += 256u) {
        let v = x[base + c];
        sum += v * v;
    }
    partial[thread] = sum;
    workgroupBarrier();
    for (var half = 128u; half > 0u; half >>= 1u) {
        if (thread < half) {
            partial[thread] += partial[thread + half];
        }
        workgroupBarrier();
    }
    let scale = 1.0 / sqrt(partial[0] / f32(width) + params.eps);
    for (var c = thread; c < width; c += 256u) {
        var v = x[base + c] * scale * (params.offset + weight[c]);
        if (params.residual != 0u) {
            v += residual[i * width + c];
        }
        y[i * width + c] = v;
    }
}

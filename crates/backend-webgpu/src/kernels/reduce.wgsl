// What scoring needs of a row of logits: y[first + i] = (log p(target), 1 if the target is the most likely token), or with `best_only` the
// most likely token, the lower id where two are equal. One workgroup of 256 threads for a row, two passes: largest, then sum of exponentials.
// Limits: 3 storage buffers, 2 KiB of workgroup memory. Fed by `uniforms::Reduce`.

struct Params {
    rows: u32,
    vocabulary: u32,
    first: u32,
    best_only: u32,
}

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> targets: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> largest: array<f32, 256>;
var<workgroup> ids: array<u32, 256>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let row = group.x;
    let base = row * params.vocabulary;
    // Threads past the vocabulary repeat its first token.
    var best = logits[base];
    var id = 0u;
    for (var v = thread; v < params.vocabulary; v += 256u) {
        let logit = logits[base + v];
        if (logit > best) {
            best = logit;
            id = v;
        }
    }
    largest[thread] = best;
    ids[thread] = id;
    workgroupBarrier();
    for (var half = 128u; half > 0u; half >>= 1u) {
        if (thread < half) {
            let other = largest[thread + half];
            let other_id = ids[thread + half];
            if (other > largest[thread] || (other == largest[thread] && other_id < ids[thread])) {
                largest[thread] = other;
                ids[thread] = other_id;
            }
        }
        workgroupBarrier();
    }
    let top = largest[0];
    let top_id = ids[0];
    if (params.best_only != 0u) {
        if (thread == 0u) {
            y[params.first + row] = f32(top_id);
        }
        return;
    }
    workgroupBarrier();
    var sum = 0.0;
    for (var v = thread; v < params.vocabulary; v += 256u) {
        sum += exp(logits[base + v] - top);
    }
    largest[thread] = sum;
    workgroupBarrier();
    for (var half = 128u; half > 0u; half >>= 1u) {
        if (thread < half) {
            largest[thread] += largest[thread + half];
        }
        workgroupBarrier();
    }
    if (thread == 0u) {
        let at = params.first + row;
        let target_id = targets[at];
        y[2u * at] = logits[base + target_id] - top - log(largest[0]);
        y[2u * at + 1u] = select(0.0, 1.0, target_id == top_id);
    }
}

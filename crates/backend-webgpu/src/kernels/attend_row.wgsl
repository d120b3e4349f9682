// Attention of one query at a time, for decoding: y[t, h, :] = softmax_c(cap(scale q[t, h, :] . k[c, :])) v[c, :].
// A workgroup of 128 threads for one head of one row, walking over tiles of 128 keys: first a thread scores one key, then it sums four
// components of a share of the keys (parts of the tile when a head is narrower than 512). Softmax runs along as in attend_tile.
// A long context is split over several workgroups (Flash-Decoding: Dao, Haziza, Massa and Sizov, 2023), because one row has too few heads to keep a
// device busy: each leaves what it summed, its largest score and its sum of weights, and `attend_combine.wgsl` puts them together.
// Limits: 6 storage buffers, about 4 KiB of workgroup memory; D a multiple of 4, at most 512. Fed by `uniforms::Attend` and `batch::Sight`.

struct Params {
    heads: u32,
    kv_heads: u32,
    // A query sees this many keys, its own included; u32 maximum without a window.
    window: u32,
    scale: f32,
    softcap: f32,
    rows: u32,
    // Keys of a workgroup, a multiple of 128, and how many workgroups share a query.
    span: u32,
    splits: u32,
}

// What a row sees: `len` entries of the context.
struct Sight {
    context_start: u32,
    len: u32,
}

@group(0) @binding(0) var<storage, read> sights: array<Sight>;
@group(0) @binding(1) var<storage, read> context: array<u32>;
@group(0) @binding(2) var<storage, read> q: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> keys: array<Four>;
@group(0) @binding(4) var<storage, read> values: array<Four>;
@group(0) @binding(5) var<storage, read_write> y: array<vec4<f32>>;
@group(1) @binding(0) var<uniform> params: Params;

const THREADS: u32 = 128u;
const FOURS: u32 = HEAD_DIM / 4u;
const PARTS: u32 = THREADS / FOURS;
const HIDDEN: f32 = -3.0e38;

var<workgroup> query: array<vec4<f32>, FOURS>;
var<workgroup> slots: array<u32, THREADS>;
var<workgroup> weights: array<f32, THREADS>;
var<workgroup> partial: array<f32, THREADS>;
var<workgroup> parts: array<vec4<f32>, THREADS>;

@compute @workgroup_size(128)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let row = group.x;
    let head = group.y;
    let kv_head = head / (params.heads / params.kv_heads);
    let sight = sights[row];
    if (thread < FOURS) {
        query[thread] = q[(row * params.heads + head) * FOURS + thread];
    }
    let component = thread % FOURS;
    let part = thread / FOURS;
    var out = vec4<f32>(0.0);
    var largest = HIDDEN;
    var total = 0.0;
    var start = 0u;
    if (sight.len > params.window) {
        start = sight.len - params.window;
    }
    start += group.z * params.span;
    let end = select(sight.len, min(sight.len, start + params.span), params.splits > 1u);
    for (var base = start; base < end; base += THREADS) {
        let count = min(THREADS, end - base);
        let slot = context[sight.context_start + min(base + thread, sight.len - 1u)] * params.kv_heads + kv_head;
        workgroupBarrier();
        slots[thread] = slot * FOURS;
        var score = HIDDEN;
        if (thread < count) {
            var sum = 0.0;
            for (var c = 0u; c < FOURS; c++) {
                sum += dot(query[c], unpack_four(keys[slot * FOURS + c]));
            }
            score = sum * params.scale;
            if (params.softcap > 0.0) {
                score = params.softcap * tanh(clamp(score / params.softcap, -10.0, 10.0));
            }
        }
        partial[thread] = score;
        workgroupBarrier();
        for (var half = THREADS / 2u; half > 0u; half >>= 1u) {
            if (thread < half) {
                partial[thread] = max(partial[thread], partial[thread + half]);
            }
            workgroupBarrier();
        }
        let top = max(largest, partial[0]);
        workgroupBarrier();
        let weight = select(0.0, exp(score - top), thread < count);
        weights[thread] = weight;
        partial[thread] = weight;
        workgroupBarrier();
        for (var half = THREADS / 2u; half > 0u; half >>= 1u) {
            if (thread < half) {
                partial[thread] += partial[thread + half];
            }
            workgroupBarrier();
        }
        let shrink = exp(largest - top);
        largest = top;
        total = total * shrink + partial[0];
        out *= shrink;
        if (part < PARTS) {
            for (var c = part; c < count; c += PARTS) {
                out += weights[c] * unpack_four(values[slots[c] + component]);
            }
        }
    }
    parts[thread] = out;
    workgroupBarrier();
    if (thread < FOURS) {
        var sum = parts[thread];
        for (var p = 1u; p < PARTS; p++) {
            sum += parts[p * FOURS + thread];
        }
        if (params.splits > 1u) {
            y[((row * params.heads + head) * params.splits + group.z) * (FOURS + 1u) + thread] = sum;
        } else {
            y[(row * params.heads + head) * FOURS + thread] = sum / total;
        }
    }
    if (params.splits > 1u && thread == 0u) {
        y[((row * params.heads + head) * params.splits + group.z) * (FOURS + 1u) + FOURS] = vec4<f32>(largest, total, 0.0, 0.0);
    }
}

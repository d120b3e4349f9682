// Attention of many queries: y[t, h, :] = softmax_c(cap(scale q[t, h, :] . k[c, :])) v[c, :], over the context of the row's segment, causal,
// maybe windowed. Softmax runs along (Milakov and Gimelshein, 2018), so no scores are stored.
// A workgroup of 256 threads takes 16 queries of one key head and walks over tiles of 32 keys. A query here is a (row, query head) pair: the
// H/K query heads of a key head share its keys, so that even one row fills part of a tile. Thread (line, column) keeps the scores of query
// `line` with keys `column` and `column + 16`, and every 16th component of its output. Heads are walked 32 components at a time, so that any
// head width fits. Limits: 6 storage buffers, about 8.8 KiB of workgroup memory; D a multiple of 4. Fed by `uniforms::Attend` and `batch::Tile`.

struct Params {
    heads: u32,
    kv_heads: u32,
    // A query sees this many keys, its own included; u32 maximum without a window.
    window: u32,
    scale: f32,
    softcap: f32,
    rows: u32,
    // Of `attend_row.wgsl`.
    span: u32,
    splits: u32,
}

// 16 queries of one segment.
struct Tile {
    first_row: u32,
    rows: u32,
    context_start: u32,
    context_len: u32,
    // First (row, head) pair of the segment in this tile.
    first_pair: u32,
    pad0: u32,
    pad1: u32,
    pad2: u32,
}

@group(0) @binding(0) var<storage, read> tiles: array<Tile>;
@group(0) @binding(1) var<storage, read> context: array<u32>;
@group(0) @binding(2) var<storage, read> q: array<vec4<f32>>;
@group(0) @binding(3) var<storage, read> keys: array<Four>;
@group(0) @binding(4) var<storage, read> values: array<Four>;
@group(0) @binding(5) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

const FOURS: u32 = HEAD_DIM / 4u;
const CHUNKS: u32 = (HEAD_DIM + 31u) / 32u;
const HIDDEN: f32 = -3.0e38;

// [query][four components], [key][four components] (a ninth element keeps keys out of each other's memory bank), [query][key], [key].
var<workgroup> tile_q: array<vec4<f32>, 144>;
var<workgroup> tile_k: array<vec4<f32>, 288>;
var<workgroup> weights: array<f32, 528>;
var<workgroup> slots: array<u32, 32>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let tile = tiles[group.x];
    let kv_head = group.y;
    let shared_by = params.heads / params.kv_heads;
    let pairs = tile.rows * shared_by;
    let line = thread / 16u;
    let column = thread % 16u;
    // Positions in the context: of this thread's query, and of the first and last query of the tile.
    let before = tile.context_len - tile.rows;
    let pair = min(tile.first_pair + line, pairs - 1u);
    let position = before + pair / shared_by;
    let first_position = before + tile.first_pair / shared_by;
    let last_position = before + min(tile.first_pair + 15u, pairs - 1u) / shared_by;
    let row = tile.first_row + pair / shared_by;
    let head = kv_head * shared_by + pair % shared_by;
    // The query that this thread loads a piece of: 8 threads to a query.
    let load_pair = min(tile.first_pair + (thread / 8u) % 16u, pairs - 1u);
    let load_q = ((tile.first_row + load_pair / shared_by) * params.heads + kv_head * shared_by + load_pair % shared_by) * FOURS;

    var out: array<f32, 2u * CHUNKS>;
    for (var i = 0u; i < 2u * CHUNKS; i++) {
        out[i] = 0.0;
    }
    var largest = HIDDEN;
    var total = 0.0;
    var start = 0u;
    if (first_position >= params.window) {
        start = first_position - params.window + 1u;
    }
    for (var base = start; base <= last_position; base += 32u) {
        if (thread < 32u) {
            // Keys past the end read one that exists and get no weight.
            slots[thread] = context[tile.context_start + min(base + thread, last_position)];
        }
        var score0 = 0.0;
        var score1 = 0.0;
        for (var chunk = 0u; chunk < CHUNKS; chunk++) {
            workgroupBarrier();
            let four = thread % 8u;
            let component = chunk * 8u + four;
            if (thread < 128u) {
                var v = vec4<f32>(0.0);
                if (component < FOURS) {
                    v = q[load_q + component];
                }
                tile_q[(thread / 8u) * 9u + four] = v;
            }
            var kv = vec4<f32>(0.0);
            if (component < FOURS) {
                kv = unpack_four(keys[(slots[thread / 8u] * params.kv_heads + kv_head) * FOURS + component]);
            }
            tile_k[(thread / 8u) * 9u + four] = kv;
            workgroupBarrier();
            for (var c = 0u; c < 8u; c++) {
                let a = tile_q[line * 9u + c];
                score0 += dot(a, tile_k[column * 9u + c]);
                score1 += dot(a, tile_k[(column + 16u) * 9u + c]);
            }
        }
        score0 *= params.scale;
        score1 *= params.scale;
        if (params.softcap > 0.0) {
            score0 = params.softcap * tanh(clamp(score0 / params.softcap, -10.0, 10.0));
            score1 = params.softcap * tanh(clamp(score1 / params.softcap, -10.0, 10.0));
        }
        let key0 = base + column;
        let key1 = key0 + 16u;
        let seen0 = key0 <= position && position - key0 < params.window;
        let seen1 = key1 <= position && position - key1 < params.window;
        weights[line * 33u + column] = select(HIDDEN, score0, seen0);
        weights[line * 33u + column + 16u] = select(HIDDEN, score1, seen1);
        workgroupBarrier();
        var top = largest;
        for (var c = 0u; c < 32u; c++) {
            top = max(top, weights[line * 33u + c]);
        }
        let shrink = exp(largest - top);
        largest = top;
        workgroupBarrier();
        weights[line * 33u + column] = select(0.0, exp(score0 - top), seen0);
        weights[line * 33u + column + 16u] = select(0.0, exp(score1 - top), seen1);
        workgroupBarrier();
        total *= shrink;
        for (var c = 0u; c < 32u; c++) {
            total += weights[line * 33u + c];
        }
        for (var chunk = 0u; chunk < CHUNKS; chunk++) {
            let four = thread % 8u;
            let component = chunk * 8u + four;
            var kv = vec4<f32>(0.0);
            if (component < FOURS) {
                kv = unpack_four(values[(slots[thread / 8u] * params.kv_heads + kv_head) * FOURS + component]);
            }
            workgroupBarrier();
            tile_k[(thread / 8u) * 9u + four] = kv;
            workgroupBarrier();
            var sum0 = out[2u * chunk] * shrink;
            var sum1 = out[2u * chunk + 1u] * shrink;
            for (var c = 0u; c < 32u; c++) {
                let weight = weights[line * 33u + c];
                sum0 += weight * tile_k[c * 9u + column / 4u][column % 4u];
                sum1 += weight * tile_k[c * 9u + 4u + column / 4u][column % 4u];
            }
            out[2u * chunk] = sum0;
            out[2u * chunk + 1u] = sum1;
        }
        workgroupBarrier();
    }
    if (tile.first_pair + line < pairs) {
        let at = (row * params.heads + head) * HEAD_DIM;
        for (var i = 0u; i < 2u * CHUNKS; i++) {
            let component = 16u * i + column;
            if (component < HEAD_DIM) {
                y[at + component] = out[i] / total;
            }
        }
    }
}

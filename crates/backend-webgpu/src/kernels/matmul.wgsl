// Many rows times a matrix: y[t, first + o] = cap(x[t, :] . w[o, :] + bias[first + o]) + residual[t, first + o].
// A workgroup of 256 threads makes a tile of ROWS x 64 outputs, 16 inputs at a time: half of the threads load the matrix, half the rows. Both operands are put into workgroup memory, the matrix
// dequantised once for all ROWS rows; an element is four consecutive inputs of one row, so that every access is a whole vector (a write to one
// component may be a racy write of the whole) and neighbouring threads touch neighbouring elements. A thread keeps ROWS/16 x 4 sums, 16 apart.
// Steps of 16 and not 32 inputs: more workgroups fit a processor, and browsers fill workgroup memory with zeros, which SwiftShader compiles to
// one store for each float, half a millisecond each (2026-11).
// What an element is, `tiles_full.wgsl` or `tiles_half.wgsl` says; sums are floats of 32 bits either way.
// Limits: 5 storage buffers, 4 KiB + ROWS/16 KiB of workgroup memory (8 KiB at ROWS = 64), half of it with halves. Fed by `uniforms::Linear`.

struct Params {
    rows: u32,
    inputs: u32,
    units: u32,
    row_words: u32,
    outputs: u32,
    // Width of y, and the column of this buffer's first output in it.
    stride: u32,
    first: u32,
    bias: u32,
    residual: u32,
    softcap: f32,
}

@group(0) @binding(0) var<storage, read> w: array<u32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> residual: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

// Rows of a thread.
const OWN: u32 = ROWS / 16u;

// [four inputs][output] and [four inputs][row].
var<workgroup> tile_w: array<Element, 256>;
var<workgroup> tile_x: array<Element, 4u * ROWS>;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let first_output = group.x * 64u;
    let first_row = group.y * ROWS;
    let column = thread % 16u;
    let line = thread / 16u;
    var sums: array<vec4<f32>, OWN>;
    for (var r = 0u; r < OWN; r++) {
        sums[r] = vec4<f32>(0.0);
    }
    // What this thread loads: 8 inputs of one output, or of one row.
    let place = thread % 128u;
    let output = first_output + place % 64u;
    let row = first_row + place % ROWS;
    for (var unit = 0u; unit < params.units; unit += 2u) {
        if (thread < 128u) {
            let u = place / 64u;
            var weights = Eight(vec4<f32>(0.0), vec4<f32>(0.0));
            if (output < params.outputs && unit + u < params.units) {
                weights = dequant8(output * params.row_words, params.units, unit + u);
            }
            tile_w[2u * u * 64u + place % 64u] = weight_element(weights.lo);
            tile_w[(2u * u + 1u) * 64u + place % 64u] = weight_element(weights.hi);
        } else if (place < 2u * ROWS) {
            let u = place / ROWS;
            var values = Eight(vec4<f32>(0.0), vec4<f32>(0.0));
            if (row < params.rows && unit + u < params.units) {
                values = inputs8(row, params.inputs, unit + u);
            }
            tile_x[2u * u * ROWS + place % ROWS] = input_element(values.lo);
            tile_x[(2u * u + 1u) * ROWS + place % ROWS] = input_element(values.hi);
        }
        workgroupBarrier();
        for (var k = 0u; k < 4u; k++) {
            let w0 = widen(tile_w[k * 64u + column]);
            let w1 = widen(tile_w[k * 64u + 16u + column]);
            let w2 = widen(tile_w[k * 64u + 32u + column]);
            let w3 = widen(tile_w[k * 64u + 48u + column]);
            for (var r = 0u; r < OWN; r++) {
                let v = widen(tile_x[k * ROWS + 16u * r + line]);
                sums[r] += vec4<f32>(dot(v, w0), dot(v, w1), dot(v, w2), dot(v, w3));
            }
        }
        workgroupBarrier();
    }
    for (var r = 0u; r < OWN; r++) {
        let row = first_row + 16u * r + line;
        for (var j = 0u; j < 4u; j++) {
            let o = first_output + 16u * j + column;
            if (row < params.rows && o < params.outputs) {
                let at = params.first + o;
                var v = sums[r][j] * UNSCALE;
                if (params.bias != 0u) {
                    v += bias[at];
                }
                if (params.softcap > 0.0) {
                    v = params.softcap * tanh(clamp(v / params.softcap, -10.0, 10.0));
                }
                if (params.residual != 0u) {
                    v += residual[row * params.stride + at];
                }
                y[row * params.stride + at] = v;
            }
        }
    }
}

// Many rows times a matrix, both as signed bytes with scales: `matmul.wgsl` where inputs were quantised by `quantize.wgsl`, four products in an
// instruction (`packed_4x8_integer_dot_product`). Sums of 16 products are exact integers (16 is the smallest group of any format); these times
// their two scales are added up as floats.
// A workgroup of 256 threads makes a tile of ROWS x 64 outputs, 32 inputs at a time: half of the threads load the matrix, half the rows. An element of
// workgroup memory is 16 bytes of one row. A thread keeps ROWS/16 x 4 sums, 16 apart.
// Limits: 5 storage buffers, 3 KiB + ROWS/16 x 0.75 KiB of workgroup memory (6 KiB at ROWS = 64). Fed by `uniforms::Linear`.

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
@group(0) @binding(1) var<storage, read> x: array<u32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read> residual: array<f32>;
@group(0) @binding(4) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

// Rows of a thread.
const OWN: u32 = ROWS / 16u;
// A dot product with these bytes is a sum of bytes.
const ONES: u32 = 0x01010101u;

// [half of the inputs][output] and [half of the inputs][row]: bytes; scale and low; scale and scaled sum of the bytes.
var<workgroup> tile_w: array<vec4<u32>, 128>;
var<workgroup> scale_w: array<vec2<f32>, 128>;
var<workgroup> tile_x: array<vec4<u32>, 2u * ROWS>;
var<workgroup> scale_x: array<vec2<f32>, 2u * ROWS>;

fn dot16(a: vec4<u32>, b: vec4<u32>) -> f32 {
    return f32(dot4I8Packed(a.x, b.x) + dot4I8Packed(a.y, b.y) + dot4I8Packed(a.z, b.z) + dot4I8Packed(a.w, b.w));
}

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
    // What this thread loads: 16 inputs of one output, or of one row. What is past an end counts nothing, because its scale is zero.
    let place = thread % 128u;
    let output = first_output + place % 64u;
    let row = first_row + place % ROWS;
    for (var unit = 0u; unit < params.units; unit += 4u) {
        if (thread < 128u) {
            var bytes = vec4<u32>(0u);
            var scale = vec2<f32>(0.0);
            if (output < params.outputs) {
                let a = signed8(output * params.row_words, params.units, unit + 2u * (place / 64u));
                let b = signed8(output * params.row_words, params.units, unit + 2u * (place / 64u) + 1u);
                bytes = vec4<u32>(a.lo, a.hi, b.lo, b.hi);
                scale = vec2<f32>(a.scale, a.low);
            }
            tile_w[place] = bytes;
            scale_w[place] = scale;
        } else if (place < 2u * ROWS) {
            var bytes = vec4<u32>(0u);
            var scale = vec2<f32>(0.0);
            if (row < params.rows) {
                let base = row * 9u * (params.units >> 2u);
                let at = base + 2u * unit + 4u * (place / ROWS);
                bytes = vec4<u32>(x[at], x[at + 1u], x[at + 2u], x[at + 3u]);
                let d = bitcast<f32>(x[base + 2u * params.units + (unit >> 2u)]);
                scale = vec2<f32>(d, 0.0);
                if (HAS_LOW) {
                    scale.y = d * dot16(bytes, vec4<u32>(ONES));
                }
            }
            tile_x[place] = bytes;
            scale_x[place] = scale;
        }
        workgroupBarrier();
        for (var k = 0u; k < 2u; k++) {
            let w0 = tile_w[k * 64u + column];
            let w1 = tile_w[k * 64u + 16u + column];
            let w2 = tile_w[k * 64u + 32u + column];
            let w3 = tile_w[k * 64u + 48u + column];
            let s0 = scale_w[k * 64u + column];
            let s1 = scale_w[k * 64u + 16u + column];
            let s2 = scale_w[k * 64u + 32u + column];
            let s3 = scale_w[k * 64u + 48u + column];
            let scales = vec4<f32>(s0.x, s1.x, s2.x, s3.x);
            let lows = vec4<f32>(s0.y, s1.y, s2.y, s3.y);
            for (var r = 0u; r < OWN; r++) {
                let v = tile_x[k * ROWS + 16u * r + line];
                let d = scale_x[k * ROWS + 16u * r + line];
                sums[r] += d.x * scales * vec4<f32>(dot16(v, w0), dot16(v, w1), dot16(v, w2), dot16(v, w3));
                if (HAS_LOW) {
                    sums[r] += d.y * lows;
                }
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
                var v = sums[r][j];
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

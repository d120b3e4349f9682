// A few rows times a matrix, both as signed bytes with scales: `matvec.wgsl` where inputs were quantised by `quantize.wgsl`, four products in an
// instruction (`packed_4x8_integer_dot_product`). Sums of 8 products are exact integers; these times their two scales are added up as floats.
// Sums over the 32 threads: subgroups first, where the device has them (`neighbours_*.wgsl`), then a tree in workgroup memory.
// Limits: 5 storage buffers, ROWS KiB of workgroup memory. Fed by `uniforms::Linear`.

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

const LANES: u32 = 32u;
const OUTPUTS: u32 = 8u;
// A dot product with these bytes is a sum of bytes.
const ONES: u32 = 0x01010101u;

var<workgroup> partial: array<f32, ROWS * 256u>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let lane = thread % LANES;
    let output = (group.x + group.y * groups.x) * OUTPUTS + thread / LANES;
    let first_row = group.z * ROWS;
    var sums: array<f32, ROWS>;
    for (var r = 0u; r < ROWS; r++) {
        sums[r] = 0.0;
    }
    if (output < params.outputs) {
        let base = output * params.row_words;
        for (var u = lane; u < params.units; u += LANES) {
            let weights = signed8(base, params.units, u);
            for (var r = 0u; r < ROWS; r++) {
                // Rows past the end read a row that exists and are not stored.
                let at = min(first_row + r, params.rows - 1u) * 9u * (params.units >> 2u);
                let lo = x[at + 2u * u];
                let hi = x[at + 2u * u + 1u];
                let d = bitcast<f32>(x[at + 2u * params.units + (u >> 2u)]);
                var product = weights.scale * f32(dot4I8Packed(weights.lo, lo) + dot4I8Packed(weights.hi, hi));
                if (HAS_LOW) {
                    product += weights.low * f32(dot4I8Packed(lo, ONES) + dot4I8Packed(hi, ONES));
                }
                sums[r] += d * product;
            }
        }
    }
    for (var r = 0u; r < ROWS; r++) {
        partial[r * 256u + thread] = add_neighbours(sums[r]);
    }
    workgroupBarrier();
    for (var half = LANES / 2u; half >= SUBGROUP; half >>= 1u) {
        if (lane < half) {
            for (var r = 0u; r < ROWS; r++) {
                partial[r * 256u + thread] += partial[r * 256u + thread + half];
            }
        }
        workgroupBarrier();
    }
    if (output >= params.outputs) {
        return;
    }
    let row = first_row + lane;
    if (lane < ROWS && row < params.rows) {
        let column = params.first + output;
        var v = partial[lane * 256u + thread - lane];
        if (params.bias != 0u) {
            v += bias[column];
        }
        if (params.softcap > 0.0) {
            v = params.softcap * tanh(clamp(v / params.softcap, -10.0, 10.0));
        }
        if (params.residual != 0u) {
            v += residual[row * params.stride + column];
        }
        y[row * params.stride + column] = v;
    }
}

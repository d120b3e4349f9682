// Gate and up of a gated MLP in one: y[t, o] = act(x[t, :] . w[o, :]) * (x[t, :] . w_up[o, :]), for ROWS rows at once, without biases.
// As `matvec.wgsl`, of which this is two, reading the inputs once, with `gated.wgsl` behind them: one dispatch of a decoded token's layer instead of
// three, and no gate in memory. Each thread keeps two sums for a row.
// Limits: 4 storage buffers, 2 ROWS KiB of workgroup memory. Fed by `uniforms::Gate`.

struct Params {
    rows: u32,
    inputs: u32,
    units: u32,
    row_words: u32,
    outputs: u32,
    // Width of y, and the column of this buffer's first output in it.
    stride: u32,
    first: u32,
    gelu: u32,
}

@group(0) @binding(0) var<storage, read> w: array<u32>;
@group(0) @binding(2) var<storage, read> w_up: array<u32>;
@group(0) @binding(3) var<storage, read_write> y: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

const LANES: u32 = 32u;
const OUTPUTS: u32 = 8u;

// (gate, up).
var<workgroup> partial: array<vec2<f32>, ROWS * 256u>;

@compute @workgroup_size(256)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    let lane = thread % LANES;
    let output = (group.x + group.y * groups.x) * OUTPUTS + thread / LANES;
    var sums: array<vec2<f32>, ROWS>;
    for (var r = 0u; r < ROWS; r++) {
        sums[r] = vec2<f32>(0.0);
    }
    if (output < params.outputs) {
        let base = output * params.row_words;
        for (var u = lane; u < params.units; u += LANES) {
            let gate = dequant8(base, params.units, u);
            let up = up_dequant8(base, params.units, u);
            for (var r = 0u; r < ROWS; r++) {
                // Rows past the end read a row that exists and are not stored.
                let values = inputs8(min(r, params.rows - 1u), params.inputs, u);
                sums[r] += vec2<f32>(
                    dot(gate.lo, values.lo) + dot(gate.hi, values.hi),
                    dot(up.lo, values.lo) + dot(up.hi, values.hi),
                );
            }
        }
    }
    for (var r = 0u; r < ROWS; r++) {
        partial[r * 256u + thread] = vec2<f32>(add_neighbours(sums[r].x), add_neighbours(sums[r].y));
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
    if (output < params.outputs && lane < ROWS && lane < params.rows) {
        let both = partial[lane * 256u + thread - lane];
        y[lane * params.stride + params.first + output] = activation(both.x, params.gelu) * both.y;
    }
}

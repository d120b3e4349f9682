// With subgroups: sums over aligned runs of SUBGROUP threads, the smallest size that the device promises (at most 32), in registers.
// Threads of a one-dimensional workgroup lie in subgroups in order; no driver is known to do otherwise, and the self-test would tell.

fn add_neighbours(v: f32) -> f32 {
    var sum = v;
    for (var step = 1u; step < SUBGROUP; step <<= 1u) {
        sum += subgroupShuffleXor(sum, step);
    }
    return sum;
}

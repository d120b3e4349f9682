// What the formats share of reading a weight. The kernel declares `var<storage, read> w: array<u32>`.

// The half number `i` of a plane that starts at word `plane`.
fn half_at(plane: u32, i: u32) -> f32 {
    let pair = half2(w[plane + (i >> 1u)]);
    return select(pair.x, pair.y, (i & 1u) == 1u);
}

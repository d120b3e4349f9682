// Q4_0: 32 values `d (q - 8)`, `q` of 4 bits.
// A row: one word for each 8 values (byte `j`: value `j` low, value `j + 4` high), then a half `d` for each 32.

fn dequant8(base: u32, units: u32, u: u32) -> Eight {
    let word = w[base + u];
    let d = half_at(base + units, u >> 2u);
    return Eight(d * (low_nibbles(word) - 8.0), d * (high_nibbles(word) - 8.0));
}

// Q4_0: 32 values `d (q - 8)`, `q` of 4 bits.
// A row: one word for each 8 values (byte `j`: value `j` low, value `j + 4` high), then a half `d` for each 32.

const OFFSET: u32 = 8u;

fn quants8(base: u32, units: u32, u: u32) -> Quants {
    let word = w[base + u];
    return Quants(word & 0x0f0f0f0fu, (word >> 4u) & 0x0f0f0f0fu, half_at(base + units, u >> 2u), 0.0);
}

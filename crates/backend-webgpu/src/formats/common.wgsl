// What the formats share: words to floats.

struct Eight {
    lo: vec4<f32>,
    hi: vec4<f32>,
}

// Eight quantised values: each is scale * (byte - OFFSET) + low, values 0..4 the bytes of `lo`, 4..8 those of `hi`.
struct Quants {
    lo: u32,
    hi: u32,
    scale: f32,
    low: f32,
}

// Two halves of a word.
fn half2(word: u32) -> vec2<f32> {
    return unpack2x16float(word);
}

fn bytes(word: u32) -> vec4<f32> {
    return vec4<f32>((vec4<u32>(word) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(0xffu));
}

fn low_nibbles(word: u32) -> vec4<f32> {
    return bytes(word & 0x0f0f0f0fu);
}

fn high_nibbles(word: u32) -> vec4<f32> {
    return bytes((word >> 4u) & 0x0f0f0f0fu);
}

fn signed_bytes(word: u32) -> vec4<f32> {
    return vec4<f32>((vec4<i32>(bitcast<i32>(word)) << vec4<u32>(24u, 16u, 8u, 0u)) >> vec4<u32>(24u));
}

// Byte `i` of a word, signed.
fn signed_byte(word: u32, i: u32) -> f32 {
    return f32((bitcast<i32>(word) << (24u - 8u * i)) >> 24u);
}

// Bits 0..4 to the lowest bit of each byte. The products do not overlap, so nothing carries.
fn spread4(bits: u32) -> u32 {
    return ((bits & 0xfu) * 0x00204081u) & 0x01010101u;
}

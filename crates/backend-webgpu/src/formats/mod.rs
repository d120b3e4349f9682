//! How weights lie in GPU memory, and the WGSL that reads them.
//!
//! Values stay quantised, bit for bit those of ggml's blocks, but a row is laid out in planes of whole 32-bit words: first the quants so that
//! one word holds 8 consecutive values of 4 bits (or 16 of 2, or 4 of 8), then higher bits, then scales. ggml's blocks of 18, 22, 34, 110 or
//! 210 bytes would straddle words. Each `.wgsl` here reads its layout: `dequant8` gives 8 floats, and in quantised formats `signed8` gives 8 signed
//! bytes with their scale (`quants.wgsl` makes both from `quants8`). [`crate::repack`] writes that layout.

use decoder::DType;

/// The WGSL of a format: the shared helpers, its own functions, and what is made of them.
pub fn source(dtype: DType) -> [&'static str; 4] {
    let own = match dtype {
        DType::F32 => include_str!("f32.wgsl"),
        DType::F16 => include_str!("f16.wgsl"),
        DType::BF16 => include_str!("bf16.wgsl"),
        DType::Q4_0 => include_str!("q4_0.wgsl"),
        DType::Q4_1 => include_str!("q4_1.wgsl"),
        DType::Q5_0 => include_str!("q5_0.wgsl"),
        DType::Q5_1 => include_str!("q5_1.wgsl"),
        DType::Q8_0 => include_str!("q8_0.wgsl"),
        DType::Q2_K => include_str!("q2_k.wgsl"),
        DType::Q3_K => include_str!("q3_k.wgsl"),
        DType::Q4_K => include_str!("q4_k.wgsl"),
        DType::Q5_K => include_str!("q5_k.wgsl"),
        DType::Q6_K => include_str!("q6_k.wgsl"),
    };
    let made = match dtype {
        DType::F32 | DType::F16 | DType::BF16 | DType::Q8_0 => "",
        _ => include_str!("quants.wgsl"),
    };
    [include_str!("common.wgsl"), include_str!("weight.wgsl"), own, made]
}

/// The functions of a format once more, for a second weight in the same kernel: they are called `up_…`, and read `w_up` instead of `w`. (WGSL can hand
/// no storage buffer to a function.)
pub fn second(dtype: DType) -> String {
    let [_, parts @ ..] = source(dtype);
    let text = parts.concat();
    let declared = |line: &'static str| line.strip_prefix("fn ").or(line.strip_prefix("const "));
    let names: Vec<&str> = parts
        .into_iter()
        .flat_map(str::lines)
        .filter_map(declared)
        .filter_map(|rest| rest.split(['(', ':']).next())
        .collect();
    let mut renamed = String::with_capacity(2 * text.len());
    // Words and what is between them, in turn.
    for piece in text.split_inclusive(|c: char| !c.is_alphanumeric() && c != '_') {
        let end = piece.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(piece.len());
        let (word, after) = piece.split_at(end);
        match word {
            "w" => renamed += "w_up",
            word if names.contains(&word) => renamed.extend(["up_", word]),
            word => renamed += word,
        }
        renamed += after;
    }
    renamed
}

/// Whether values are small integers times a scale, so that products of packed bytes can be made with them.
pub fn packs(dtype: DType) -> bool {
    !matches!(dtype, DType::F32 | DType::F16 | DType::BF16)
}

/// Whether they have a smallest value besides the scale.
pub fn has_low(dtype: DType) -> bool {
    matches!(dtype, DType::Q4_1 | DType::Q5_1 | DType::Q2_K | DType::Q4_K | DType::Q5_K)
}

/// Groups of 8 values in a row of `cols`; the last may be padded with zeros in plain formats.
pub fn units(cols: usize) -> usize {
    cols.div_ceil(8)
}

/// 32-bit words of a row of `cols` values.
pub fn row_words(dtype: DType, cols: usize) -> usize {
    let units = units(cols);
    let b32 = cols / 32;
    let b256 = cols / 256;
    match dtype {
        DType::F32 => 8 * units,
        DType::F16 | DType::BF16 => 4 * units,
        DType::Q4_0 => units + b32.div_ceil(2),
        DType::Q4_1 => units + b32,
        DType::Q5_0 => units + b32 + b32.div_ceil(2),
        DType::Q5_1 => units + 2 * b32,
        DType::Q8_0 => 2 * units + b32.div_ceil(2),
        DType::Q2_K => units / 2 + 5 * b256,
        DType::Q3_K => units / 2 + b32 + 4 * b256 + b256.div_ceil(2),
        DType::Q4_K => units + 5 * b256,
        DType::Q5_K => units + b32 + 5 * b256,
        DType::Q6_K => units + units / 2 + 4 * b256 + b256.div_ceil(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_weight_has_functions_of_its_own() {
        let text = second(DType::Q4_0);
        assert!(text.contains("fn up_dequant8(base: u32, units: u32, u: u32) -> Eight {"));
        assert!(text.contains("let q = up_quants8(base, units, u);") && text.contains("let word = w_up[base + u];"));
        assert!(text.contains("const up_OFFSET: u32 = 8u;") && text.contains("f32(up_OFFSET)"));
        for dtype in DType::ALL {
            let [common, rest @ ..] = source(dtype);
            assert!(!common.contains(" w["), "what reads the weight is made twice, the rest once");
            assert!(rest.concat().contains("fn dequant8(") && !second(dtype).contains(" w["));
        }
    }
}

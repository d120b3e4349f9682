//! Which type each tensor of a model gets: the mixtures that people know by their llama.cpp names.
//!
//! Vectors stay F32. The head (or, in tied models, the embedding table) gets a finer type; `_M` recipes spend more bits on the value
//! projection and on half of the down projections: the first and the last eighth of the layers, and every third between. Rows that are no
//! whole number of 256-value blocks fall back to a 32-value type of similar size, and those that are no multiple of 32 to F16.

use decoder::DType;

/// A named mixture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs, non_camel_case_types)]
pub enum Recipe {
    F32,
    F16,
    BF16,
    Q4_0,
    Q4_1,
    Q5_0,
    Q5_1,
    Q8_0,
    Q2_K,
    Q3_K_M,
    Q4_K_S,
    Q4_K_M,
    Q5_K_M,
    Q6_K,
}

impl Recipe {
    /// Every recipe.
    pub const ALL: [Recipe; 14] = [
        Recipe::F32,
        Recipe::F16,
        Recipe::BF16,
        Recipe::Q4_0,
        Recipe::Q4_1,
        Recipe::Q5_0,
        Recipe::Q5_1,
        Recipe::Q8_0,
        Recipe::Q2_K,
        Recipe::Q3_K_M,
        Recipe::Q4_K_S,
        Recipe::Q4_K_M,
        Recipe::Q5_K_M,
        Recipe::Q6_K,
    ];

    /// llama.cpp's name.
    pub fn name(self) -> &'static str {
        match self {
            Recipe::F32 => "F32",
            Recipe::F16 => "F16",
            Recipe::BF16 => "BF16",
            Recipe::Q4_0 => "Q4_0",
            Recipe::Q4_1 => "Q4_1",
            Recipe::Q5_0 => "Q5_0",
            Recipe::Q5_1 => "Q5_1",
            Recipe::Q8_0 => "Q8_0",
            Recipe::Q2_K => "Q2_K",
            Recipe::Q3_K_M => "Q3_K_M",
            Recipe::Q4_K_S => "Q4_K_S",
            Recipe::Q4_K_M => "Q4_K_M",
            Recipe::Q5_K_M => "Q5_K_M",
            Recipe::Q6_K => "Q6_K",
        }
    }

    /// The number that `general.file_type` gives it.
    pub fn file_type(self) -> u32 {
        match self {
            Recipe::F32 => 0,
            Recipe::F16 => 1,
            Recipe::Q4_0 => 2,
            Recipe::Q4_1 => 3,
            Recipe::Q8_0 => 7,
            Recipe::Q5_0 => 8,
            Recipe::Q5_1 => 9,
            Recipe::Q2_K => 10,
            Recipe::Q3_K_M => 12,
            Recipe::Q4_K_S => 14,
            Recipe::Q4_K_M => 15,
            Recipe::Q5_K_M => 17,
            Recipe::Q6_K => 18,
            Recipe::BF16 => 32,
        }
    }

    /// The type of the tensor `name` (GGUF's names) of shape `shape` (outermost first) in a model of `layers` layers. `tied`: the embedding
    /// table is the head.
    pub fn dtype(self, name: &str, shape: &[usize], layers: usize, tied: bool) -> DType {
        let Some(&cols) = shape.last() else { return DType::F32 };
        if shape.len() < 2 || !name.ends_with(".weight") || name.ends_with("_norm.weight") {
            return DType::F32;
        }
        fit(self.wanted(name, layers, tied), cols)
    }

    fn wanted(self, name: &str, layers: usize, tied: bool) -> DType {
        let base = self.base();
        if !base_is_quantised(base) || base == DType::Q8_0 {
            return base;
        }
        if name == "output.weight" || tied && name == "token_embd.weight" {
            return DType::Q6_K;
        }
        let Some((layer, kind)) = layer_and_kind(name) else { return base };
        let more = more_bits(layer, layers);
        match (self, kind) {
            (Recipe::Q4_K_M | Recipe::Q5_K_M, "attn_v" | "ffn_down") if more => DType::Q6_K,
            (Recipe::Q4_K_S, "attn_v") if layer < 4 => DType::Q5_K,
            (Recipe::Q4_K_S, "ffn_down") if layer < layers / 8 => DType::Q5_K,
            (Recipe::Q3_K_M, "attn_v") => {
                if layer < 2 {
                    DType::Q5_K
                } else {
                    DType::Q4_K
                }
            }
            (Recipe::Q3_K_M, "ffn_down") if layer < layers / 16 => DType::Q5_K,
            (Recipe::Q3_K_M, "ffn_down") if more => DType::Q4_K,
            (Recipe::Q3_K_M, "attn_output") => DType::Q4_K,
            (Recipe::Q2_K, "attn_v" | "ffn_down" | "attn_output") => DType::Q3_K,
            _ => base,
        }
    }

    /// The type of most of its weights.
    pub fn base(self) -> DType {
        match self {
            Recipe::F32 => DType::F32,
            Recipe::F16 => DType::F16,
            Recipe::BF16 => DType::BF16,
            Recipe::Q4_0 => DType::Q4_0,
            Recipe::Q4_1 => DType::Q4_1,
            Recipe::Q5_0 => DType::Q5_0,
            Recipe::Q5_1 => DType::Q5_1,
            Recipe::Q8_0 => DType::Q8_0,
            Recipe::Q2_K => DType::Q2_K,
            Recipe::Q3_K_M => DType::Q3_K,
            Recipe::Q4_K_S | Recipe::Q4_K_M => DType::Q4_K,
            Recipe::Q5_K_M => DType::Q5_K,
            Recipe::Q6_K => DType::Q6_K,
        }
    }
}

impl std::fmt::Display for Recipe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Recipe {
    type Err = crate::Error;

    fn from_str(text: &str) -> crate::Result<Recipe> {
        Recipe::ALL
            .into_iter()
            .find(|recipe| recipe.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| {
                let known = Recipe::ALL.map(Recipe::name).join(", ");
                crate::Error::Values(format!("quantisation `{text}` is unknown; known: {known}"))
            })
    }
}

fn base_is_quantised(dtype: DType) -> bool {
    dtype.block_len() > 1
}

/// `blk.7.attn_v.weight` → `(7, "attn_v")`.
fn layer_and_kind(name: &str) -> Option<(usize, &str)> {
    let (layer, rest) = name.strip_prefix("blk.")?.split_once('.')?;
    Some((layer.parse().ok()?, rest.strip_suffix(".weight")?))
}

/// True for the layers that `_M` recipes spend more bits on.
fn more_bits(layer: usize, layers: usize) -> bool {
    let eighth = layers / 8;
    layer < eighth || layer >= 7 * layers / 8 || (layer - eighth) % 3 == 2
}

/// A type that rows of `cols` values can have, as near to `wanted` as there is.
fn fit(wanted: DType, cols: usize) -> DType {
    if cols.is_multiple_of(wanted.block_len()) {
        return wanted;
    }
    let smaller = match wanted {
        DType::Q2_K | DType::Q3_K => DType::Q4_0,
        DType::Q4_K => DType::Q5_0,
        DType::Q5_K => DType::Q5_1,
        DType::Q6_K => DType::Q8_0,
        _ => return DType::F16,
    };
    fit(smaller, cols)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn q4_k_m_spends_bits_where_llama_cpp_does() {
        let dtype = |name: &str| Recipe::Q4_K_M.dtype(name, &[512, 512], 32, false);
        // Layers of Llama 3 8B Q4_K_M files whose attn_v and ffn_down are Q6_K.
        let fine = [0, 1, 2, 3, 6, 9, 12, 15, 18, 21, 24, 27, 28, 29, 30, 31];
        for layer in 0..32 {
            let expected = if fine.contains(&layer) { DType::Q6_K } else { DType::Q4_K };
            assert_eq!(dtype(&format!("blk.{layer}.attn_v.weight")), expected, "layer {layer}");
            assert_eq!(dtype(&format!("blk.{layer}.ffn_down.weight")), expected, "layer {layer}");
            assert_eq!(dtype(&format!("blk.{layer}.attn_q.weight")), DType::Q4_K);
        }
        assert_eq!(dtype("output.weight"), DType::Q6_K);
        assert_eq!(dtype("token_embd.weight"), DType::Q4_K);
        assert_eq!(Recipe::Q4_K_M.dtype("token_embd.weight", &[512, 512], 32, true), DType::Q6_K);
        assert_eq!(Recipe::Q4_K_M.dtype("blk.0.attn_norm.weight", &[512], 32, true), DType::F32);
        assert_eq!(Recipe::Q4_K_M.dtype("blk.0.attn_q.bias", &[512], 32, true), DType::F32);
    }

    #[test]
    fn rows_that_do_not_fit_fall_back() {
        let dtype = |recipe: Recipe, cols| recipe.dtype("blk.5.attn_q.weight", &[8, cols], 8, false);
        assert_eq!(dtype(Recipe::Q4_K_M, 576), DType::Q5_0);
        assert_eq!(dtype(Recipe::Q5_K_M, 576), DType::Q5_1);
        assert_eq!(dtype(Recipe::Q6_K, 576), DType::Q8_0);
        assert_eq!(dtype(Recipe::Q2_K, 576), DType::Q4_0);
        assert_eq!(dtype(Recipe::Q4_0, 40), DType::F16);
        assert_eq!(Recipe::Q8_0.dtype("output.weight", &[8, 576], 8, false), DType::Q8_0);
        assert_eq!(Recipe::Q4_0.dtype("output.weight", &[8, 576], 8, false), DType::Q8_0);
    }

    #[test]
    fn names_are_read_in_any_case() {
        assert_eq!("q4_k_m".parse::<Recipe>().unwrap(), Recipe::Q4_K_M);
        let error = "q9".parse::<Recipe>().unwrap_err().to_string();
        assert!(error.contains("q9") && error.contains("Q4_K_M"), "{error}");
    }
}

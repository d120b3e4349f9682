//! The self-test's models: two layers of made-up weights in any weight type, from a formula that `scripts/self_test_golden.py` repeats.
//!
//! Weight number `n` of [`Param::all`]'s order is made of `mix(n, i)`: matrices in block formats take its low byte as byte `i`, with the
//! blocks' half floats set to constants that make weights of about 0.07; plain matrices and biases take `(low byte − 128) / 1024` as value `i`, which every
//! plain type holds exactly; norms add 1 to that. Shapes suit every format (rows of 256); heads are grouped.
//!
//! A [`Kind`] is a way in which the families of models use the kernels, and every switch of [`Config`] is on in one of them: where a step is left out or
//! done as in another kind, log-probabilities change by 0.07 or more.

use decoder::config::{LayerConfig, RopeConfig, RopeScaling};
use decoder::names::{LayerParam, Naming, Param};
use decoder::step::{Activation, RopeLayout};
use decoder::{Config, DType, Error, Result, TensorInfo, TensorSource};

/// Positions.
pub const CONTEXT: usize = 32;

/// Families of models that need the same of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Qwen: RoPE on halves, head norms, a sliding layer.
    Halves,
    /// Llama, Mistral and InternLM as GGUF keeps them: RoPE on neighbours; biases on all of attention.
    Interleaved,
    /// Gemma: GELU, capped scores and logits, post-norms, head norms, a sliding layer, a scaled embedding that is the head too.
    Gemma,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 3] = [Kind::Halves, Kind::Interleaved, Kind::Gemma];

    /// The one whose kernels a model runs.
    pub fn of(config: &Config) -> Kind {
        match (config.activation, config.rope_layout) {
            (Activation::GeluTanh, _) => Kind::Gemma,
            (Activation::Silu, RopeLayout::Interleaved) => Kind::Interleaved,
            (Activation::Silu, RopeLayout::Halves) => Kind::Halves,
        }
    }

    /// As the golden values call it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Halves => "halves",
            Kind::Interleaved => "interleaved",
            Kind::Gemma => "gemma",
        }
    }
}

/// A source of a tiny model's weights.
pub struct TinyModel {
    config: Config,
    dtype: DType,
}

impl TinyModel {
    /// With matrices of type `dtype`.
    pub fn new(kind: Kind, dtype: DType) -> TinyModel {
        let (interleaved, gemma) = (kind == Kind::Interleaved, kind == Kind::Gemma);
        let windows = match kind {
            Kind::Halves => [None, Some(5)],
            Kind::Interleaved => [None, None],
            Kind::Gemma => [Some(5), None],
        };
        let config = Config {
            family: "llama".to_owned(),
            naming: Naming::Gguf,
            vocab_size: 96,
            hidden_size: 256,
            intermediate_size: 256,
            heads: 4,
            kv_heads: 2,
            head_dim: 64,
            norm_eps: 1e-5,
            norm_offset: 0.0,
            activation: if gemma { Activation::GeluTanh } else { Activation::Silu },
            tied: gemma,
            embedding_scale: if gemma { 16.0 } else { 1.0 },
            attention_scale: 0.125,
            attention_softcap: gemma.then_some(2.0),
            final_softcap: gemma.then_some(10.0),
            qkv_bias: interleaved,
            output_bias: interleaved,
            head_norms: !interleaved,
            post_norms: gemma,
            rope_layout: if interleaved { RopeLayout::Interleaved } else { RopeLayout::Halves },
            ropes: vec![RopeConfig {
                theta: 10000.0,
                scaling: RopeScaling::None,
            }],
            layers: windows.map(|window| LayerConfig { window, rope: 0 }).to_vec(),
            context_length: CONTEXT,
            bos_token: None,
            eos_tokens: Vec::new(),
        };
        TinyModel { config, dtype }
    }

    /// Its configuration.
    pub fn config(&self) -> Config {
        self.config.clone()
    }

    /// Number and parameter of the weight `name`.
    fn find(&self, name: &str) -> Option<(u32, Param)> {
        let mut all = Param::all(&self.config).into_iter().zip(0..);
        all.find(|(param, _)| param.place(&self.config).tensor == name)
            .map(|(param, number)| (number, param))
    }

    fn dtype_of(&self, param: Param) -> DType {
        if param.is_vector(&self.config) { DType::F32 } else { self.dtype }
    }
}

impl TensorSource for TinyModel {
    fn info(&self, name: &str) -> Option<TensorInfo> {
        let (_, param) = self.find(name)?;
        let (rows, cols) = param.shape(&self.config);
        let shape = if param.is_vector(&self.config) {
            vec![cols]
        } else {
            vec![rows, cols]
        };
        Some(TensorInfo {
            dtype: self.dtype_of(param),
            shape,
        })
    }

    async fn read(&mut self, name: &str, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let (number, param) = self.find(name).ok_or_else(|| Error::Tensor {
            name: name.to_owned(),
            problem: "not in the self-test's model".to_owned(),
        })?;
        let dtype = self.dtype_of(param);
        let base = if is_norm(param) { 1.0 } else { 0.0 };
        for (at, byte) in (offset as u32..).zip(buffer) {
            *byte = value_byte(dtype, number, at, base);
        }
        Ok(())
    }
}

fn is_norm(param: Param) -> bool {
    use LayerParam::*;
    matches!(
        param,
        Param::FinalNorm | Param::Layer(_, InputNorm | QNorm | KNorm | PostAttentionNorm | MlpNorm | PostMlpNorm)
    )
}

/// Byte `at` of weight `number`.
fn value_byte(dtype: DType, number: u32, at: u32, base: f32) -> u8 {
    let plain = |width: u32| base + ((mix(number, at / width) & 255) as f32 - 128.0) / 1024.0;
    match dtype {
        DType::F32 => plain(4).to_le_bytes()[at as usize % 4],
        DType::F16 => half_bytes(plain(2))[at as usize % 2],
        DType::BF16 => plain(2).to_le_bytes()[2 + at as usize % 2],
        _ => {
            let in_block = at as usize % dtype.block_bytes();
            let half = constants(dtype).iter().find(|(start, _)| (*start..start + 2).contains(&in_block));
            half.map_or((mix(number, at) & 255) as u8, |(start, value)| half_bytes(*value)[in_block - start])
        }
    }
}

/// Where half floats stand in a block, and what they are set to.
fn constants(dtype: DType) -> &'static [(usize, f32)] {
    const fn two_to(power: i32) -> f32 {
        f32::from_bits(((127 + power) as u32) << 23)
    }
    const fn pair(at: usize, scale: f32, minimum: f32) -> [(usize, f32); 2] {
        [(at, scale), (at + 2, minimum)]
    }
    match dtype {
        DType::F32 | DType::F16 | DType::BF16 => &[],
        DType::Q4_0 => const { &[(0, two_to(-6))] },
        DType::Q4_1 => const { &pair(0, two_to(-6), -two_to(-3)) },
        DType::Q5_0 => const { &[(0, two_to(-7))] },
        DType::Q5_1 => const { &pair(0, two_to(-7), -two_to(-3)) },
        DType::Q8_0 => const { &[(0, two_to(-10))] },
        DType::Q2_K => const { &pair(80, two_to(-8), 1.5 * two_to(-8)) },
        DType::Q3_K => const { &[(108, two_to(-9))] },
        DType::Q4_K => const { &pair(0, two_to(-12), 7.5 * two_to(-12)) },
        DType::Q5_K => const { &pair(0, two_to(-13), 15.5 * two_to(-13)) },
        DType::Q6_K => const { &[(208, two_to(-14))] },
    }
}

/// IEEE half of a value that a half holds exactly and normally: the constants above, and multiples of 1/1024 below 1/8.
fn half_bytes(value: f32) -> [u8; 2] {
    let bits = value.to_bits();
    let sign = (bits >> 16 & 0x8000) as u16;
    let exponent = (bits >> 23 & 255) as i32 - 127 + 15;
    if exponent <= 0 {
        return sign.to_le_bytes(); // only zero
    }
    (sign | (exponent as u16) << 10 | (bits >> 13 & 0x3ff) as u16).to_le_bytes()
}

/// A hash of two numbers.
fn mix(number: u32, index: u32) -> u32 {
    let mut x = number.wrapping_mul(0x9E37_79B9) ^ index.wrapping_mul(0x85EB_CA6B);
    x = (x ^ x >> 16).wrapping_mul(0x7FEB_352D);
    x = (x ^ x >> 15).wrapping_mul(0x846C_A68B);
    x ^ x >> 16
}

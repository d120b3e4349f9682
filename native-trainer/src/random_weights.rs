//! Weights of a new model: normal with standard deviation 0.02, the projections back into the residual stream divided by `sqrt(2 · layers)`
//! (Radford et al., 2019), norms one, biases zero. Each tensor depends on the seed and its place in the model only.

use std::collections::HashMap;

use decoder::names::{LayerParam, Param};
use decoder::{Config, DType, Error, Result, TensorInfo, TensorSource};

/// A source that invents its tensors.
pub struct RandomWeights {
    seed: u64,
    scale_down: f64,
    norm: f32,
    tensors: HashMap<String, (u64, Param, TensorInfo)>,
    /// The tensor being read.
    current: Option<(String, Vec<f32>)>,
}

impl RandomWeights {
    /// For the model of `config`.
    pub fn new(config: &Config, seed: u64) -> RandomWeights {
        let tensors = (0u64..)
            .zip(Param::all(config))
            .map(|(place, param)| {
                let (rows, cols) = param.shape(config);
                let shape = if param.is_vector(config) { vec![cols] } else { vec![rows, cols] };
                (param.place(config).tensor, (place, param, TensorInfo { dtype: DType::F32, shape }))
            })
            .collect();
        RandomWeights {
            seed,
            scale_down: 1.0 / (2.0 * config.layers.len() as f64).sqrt(),
            norm: 1.0 - config.norm_offset,
            tensors,
            current: None,
        }
    }

    fn values(&self, place: u64, param: Param, shape: &[usize]) -> Vec<f32> {
        use LayerParam::*;
        let count = shape.iter().product();
        let deviation = match param {
            Param::FinalNorm => return vec![self.norm; count],
            Param::Layer(_, InputNorm | PostAttentionNorm | MlpNorm | PostMlpNorm | QNorm | KNorm) => return vec![self.norm; count],
            Param::Layer(_, QBias | KBias | VBias | OutputBias) => return vec![0.0; count],
            Param::Layer(_, OutputWeight | DownWeight) => 0.02 * self.scale_down,
            _ => 0.02,
        };
        let mut random = fastrand::Rng::with_seed(self.seed ^ (place + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        // Box and Muller (1958): two uniform numbers make two normal ones.
        let mut values = Vec::with_capacity(count + 1);
        while values.len() < count {
            let radius = (-2.0 * (1.0 - random.f64()).ln()).sqrt() * deviation;
            let (sine, cosine) = (2.0 * std::f64::consts::PI * random.f64()).sin_cos();
            values.extend([(radius * cosine) as f32, (radius * sine) as f32]);
        }
        values.truncate(count);
        values
    }
}

impl TensorSource for RandomWeights {
    fn info(&self, name: &str) -> Option<TensorInfo> {
        self.tensors.get(name).map(|(_, _, info)| info.clone())
    }

    async fn read(&mut self, name: &str, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let wrong = |problem: &str| Error::Read {
            name: name.to_owned(),
            problem: problem.to_owned(),
        };
        if self.current.as_ref().is_none_or(|(current, _)| current != name) {
            let (place, param, info) = self
                .tensors
                .get(name)
                .cloned()
                .ok_or_else(|| wrong("the model has no such tensor"))?;
            self.current = Some((name.to_owned(), self.values(place, param, &info.shape)));
        }
        let (_, values) = self.current.as_ref().expect("just set");
        let first = offset as usize / 4;
        let part = values.get(first..first + buffer.len() / 4).ok_or_else(|| wrong("beyond its end"))?;
        for (bytes, value) in buffer.chunks_exact_mut(4).zip(part) {
            bytes.copy_from_slice(&value.to_le_bytes());
        }
        Ok(())
    }
}

/// A source whose F16 and BF16 tensors read as F32, which is what training needs.
pub struct AsF32<S>(pub S);

impl<S: TensorSource> TensorSource for AsF32<S> {
    fn info(&self, name: &str) -> Option<TensorInfo> {
        self.0.info(name).map(|info| match info.dtype {
            DType::F16 | DType::BF16 => TensorInfo { dtype: DType::F32, ..info },
            _ => info,
        })
    }

    async fn read(&mut self, name: &str, offset: u64, buffer: &mut [u8]) -> Result<()> {
        let stored = match self.0.info(name) {
            Some(TensorInfo {
                dtype: dtype @ (DType::F16 | DType::BF16),
                ..
            }) => dtype,
            _ => return self.0.read(name, offset, buffer).await,
        };
        let mut bytes = vec![0; buffer.len() / 2];
        self.0.read(name, offset / 2, &mut bytes).await?;
        let mut values = vec![0.0; buffer.len() / 4];
        checkpoint::dequantize(stored, &bytes, &mut values).map_err(|error| Error::Read {
            name: name.to_owned(),
            problem: error.to_string(),
        })?;
        for (bytes, value) in buffer.chunks_exact_mut(4).zip(values) {
            bytes.copy_from_slice(&value.to_le_bytes());
        }
        Ok(())
    }
}

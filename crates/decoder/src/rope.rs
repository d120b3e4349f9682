//! Tables of RoPE angles, computed in f64 on the host.

use crate::config::{RopeConfig, RopeScaling};
use crate::{Error, Result};

/// Frequencies `[D/2]`, in radians a position: `theta^(-2i/D)`, then stretched. `factors` are the values of the tensor that
/// [`RopeScaling::Tensor`] names. Errors: numbers that make no frequencies.
pub fn frequencies(config: &RopeConfig, head_dim: usize, factors: Option<&[f32]>) -> Result<Vec<f64>> {
    let half = head_dim / 2;
    let plain = (0..half).map(|i| config.theta.powf(-(2.0 * i as f64) / head_dim as f64));
    let frequencies: Vec<f64> = match &config.scaling {
        // A longer context than the trained one was refused.
        RopeScaling::None | RopeScaling::Dynamic => plain.collect(),
        RopeScaling::Linear { factor } => plain.map(|frequency| frequency / factor).collect(),
        // Llama 3.1: waves longer than the trained context are divided; shorter ones are kept; between them the two are blended.
        RopeScaling::Llama3 {
            factor,
            low_freq_factor,
            high_freq_factor,
            original_context,
        } => plain
            .map(|frequency| {
                let turns = original_context * frequency / (2.0 * std::f64::consts::PI);
                let keep = ((turns - low_freq_factor) / (high_freq_factor - low_freq_factor)).clamp(0.0, 1.0);
                (1.0 - keep) * frequency / factor + keep * frequency
            })
            .collect(),
        RopeScaling::Tensor { name } => {
            let factors = factors.filter(|factors| factors.len() == half).ok_or_else(|| Error::Tensor {
                name: name.clone(),
                problem: format!("should hold {half} RoPE factors"),
            })?;
            plain
                .zip(factors)
                .map(|(frequency, &factor)| frequency / f64::from(factor))
                .collect()
        }
    };
    match frequencies.iter().position(|frequency| !frequency.is_finite()) {
        None => Ok(frequencies),
        Some(pair) => Err(Error::Config {
            field: "rope_scaling".to_owned(),
            problem: format!("its numbers give pair {pair} no frequency ({config:?})"),
        }),
    }
}

/// One row of the table of [`crate::step::Rope`]: `D/2` cosines, then `D/2` sines, at `position`.
pub fn row(frequencies: &[f64], position: usize, out: &mut Vec<f32>) {
    out.extend(frequencies.iter().map(|frequency| (position as f64 * frequency).cos() as f32));
    out.extend(frequencies.iter().map(|frequency| (position as f64 * frequency).sin() as f32));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn llama3_scaling_keeps_short_waves_and_divides_long_ones() {
        let scaling = RopeScaling::Llama3 {
            factor: 8.0,
            low_freq_factor: 1.0,
            high_freq_factor: 4.0,
            original_context: 8192.0,
        };
        let stretched = frequencies(&RopeConfig { theta: 5e5, scaling }, 128, None).unwrap();
        let plain = frequencies(
            &RopeConfig {
                theta: 5e5,
                scaling: RopeScaling::None,
            },
            128,
            None,
        )
        .unwrap();
        assert_eq!(stretched[0], plain[0]);
        assert_eq!(stretched[63], plain[63] / 8.0);
        assert!(stretched.windows(2).all(|pair| pair[0] > pair[1]), "frequencies fall");
    }

    #[test]
    fn a_row_is_cosines_then_sines() {
        let mut out = Vec::new();
        row(&[1.0, 0.5], 2, &mut out);
        assert_eq!(out, [2f64.cos() as f32, 1f64.cos() as f32, 2f64.sin() as f32, 1f64.sin() as f32]);
    }

    #[test]
    fn a_factor_tensor_of_the_wrong_length_is_named() {
        let config = RopeConfig {
            theta: 1e4,
            scaling: RopeScaling::Tensor {
                name: "rope_freqs.weight".into(),
            },
        };
        let error = frequencies(&config, 8, Some(&[1.0; 3])).unwrap_err();
        assert!(error.to_string().contains("rope_freqs.weight"), "{error}");
    }
}

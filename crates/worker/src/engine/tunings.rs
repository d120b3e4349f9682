//! Before a GPU is trusted and set to work: its kernels one by one, then which of them are fastest.
//!
//! What was measured is known by adapter and weight type, so that it is measured once: [`Tunings`] is text, which the host keeps between visits. A
//! device that only a processor stands behind is not measured: whoever has no other has no seconds to spare either.

use super::control::now_ms;
use super::failure;
use crate::protocol::{ErrorKind, Failure};
use backend_webgpu::{Arithmetic, Tuning, WebGpuBackend};
use decoder::DType;
use std::collections::BTreeMap;

/// Time for measuring, in milliseconds.
const TUNE_MS: f64 = 600.0;
/// Goes up when kernels change enough to be measured again.
const GENERATION: u32 = 1;

/// What was measured on this machine's adapters.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tunings {
    known: BTreeMap<String, Tuning>,
    /// There is something that the host has not kept yet.
    pub changed: bool,
}

impl Tunings {
    /// From what was kept; lines that make no sense are as good as absent, because they can be measured again.
    pub fn parse(text: &str) -> Tunings {
        let line = |line: &str| {
            let (key, tuning) = line.split_once('\t')?;
            Some((key.to_owned(), tuning.parse().ok()?))
        };
        Tunings {
            known: text.lines().filter_map(line).collect(),
            changed: false,
        }
    }

    /// To be kept.
    pub fn text(&self) -> String {
        self.known.iter().map(|(key, tuning)| format!("{key}\t{tuning}\n")).collect()
    }

    /// Fastest kernels of a device for weights of type `dtype`: remembered, else measured.
    pub async fn of(&mut self, gpu: &WebGpuBackend, adapter: &str, dtype: DType) -> Result<Tuning, Failure> {
        // One line each: names come from drivers.
        let adapter: String = adapter.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let key = format!("{adapter} | {dtype} | {GENERATION}");
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        if gpu.adapter().software {
            return Ok(Tuning::default());
        }
        let tuning = gpu.tune(dtype, &now_ms, TUNE_MS).await.map_err(failure::decoder)?;
        self.known.insert(key, tuning.clone());
        self.changed = true;
        Ok(tuning)
    }
}

/// Checks kernel by kernel for `budget` milliseconds; families of optional kernels that fail are given up. The text says what was found. Errors: plain
/// kernels give wrong numbers.
pub async fn check_kernels(gpu: &WebGpuBackend, types: &[DType], budget: f64) -> Result<String, Failure> {
    let end = now_ms() + budget;
    let test = gpu.self_test_within(types, || now_ms() < end).await.map_err(failure::decoder)?;
    if test.passed() {
        return Ok(test.to_string());
    }
    let message = format!(
        "{} computes wrong numbers ({test}), so it is not used; update the browser and the graphics driver, or use the processor",
        gpu.adapter().name
    );
    Err(Failure::new(ErrorKind::SelfTest, message))
}

/// The arithmetic of scores and of fast texts, as [`crate::protocol::Info`] names them.
pub fn names(gpu: &WebGpuBackend, tuning: &Tuning) -> [String; 2] {
    let before = gpu.arithmetic_wanted();
    let names = [tuning.exact, tuning.fast].map(|arithmetic: Arithmetic| {
        gpu.set_arithmetic(arithmetic);
        gpu.kernels()
    });
    gpu.set_arithmetic(before);
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_read_back_and_damage_costs_one_measurement() {
        let mut tunings = Tunings::default();
        let fast = Tuning {
            fast: "matvec=i8 matmul=f16 subgroups".parse().unwrap(),
            ..Tuning::default()
        };
        tunings.known.insert("A card | Q4_K | 1".into(), fast);
        tunings.known.insert("B card | F16 | 1".into(), Tuning::default());
        let text = tunings.text();
        assert_eq!(Tunings::parse(&text), tunings);
        let damaged = Tunings::parse(&text.replacen("exact", "exakt", 1));
        assert_eq!(damaged.known.keys().collect::<Vec<_>>(), ["B card | F16 | 1"]);
        assert_eq!(Tunings::parse("\n\t\nnonsense"), Tunings::default());
    }
}

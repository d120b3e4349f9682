//! Which arithmetic is fastest on this device: measured, once, and remembered by the caller as data.
//!
//! A vendor's name does not tell whether 16-bit tiles or packed bytes pay, nor whether subgroups do; a second of products of the model's own
//! kind does. Each form runs a product of one row (writing) and one of many (reading) on a matrix of zeros of a real model's size; the shape is taken
//! smaller on slow devices, and what there is no time for is not chosen. Only families that the self-test left in use take part.

use crate::arithmetic::{Arithmetic, Family, Numbers};
use crate::formats;
use crate::{Tensor, WebGpuBackend, Weight};
use decoder::backend::WeightSpec;
use decoder::step::{Linear, Parameter, ParameterId, ProjectAdd};
use decoder::{Backend, DType, Result};
use std::fmt;
use std::str::FromStr;

/// How long one form of a product took.
#[derive(Clone, Debug, PartialEq)]
pub struct Timing {
    /// Rows of the product: 1 for writing, [`PROMPT_ROWS`] for reading.
    pub rows: usize,
    /// What computed it.
    pub arithmetic: Arithmetic,
    /// Of one product.
    pub milliseconds: f64,
}

/// What was found. Its text (`exact: ...; fast: ...`) is what a caller remembers for the adapter, and is read back by [`FromStr`].
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tuning {
    /// Fastest of those that compute in 32-bit floats: for scores.
    pub exact: Arithmetic,
    /// Fastest of all: for writing, where the user may want speed.
    pub fast: Arithmetic,
    /// What it was decided by; empty where it was remembered or nothing could be measured.
    pub timings: Vec<Timing>,
}

impl fmt::Display for Tuning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exact: {}; fast: {}", self.exact, self.fast)
    }
}

impl FromStr for Tuning {
    type Err = String;

    fn from_str(text: &str) -> Result<Tuning, String> {
        let parts = text.strip_prefix("exact: ").and_then(|rest| rest.split_once("; fast: "));
        let (exact, fast) = parts.ok_or_else(|| format!("`{text}` names no exact and fast kernels"))?;
        Ok(Tuning {
            exact: exact.parse()?,
            fast: fast.parse()?,
            timings: Vec::new(),
        })
    }
}

/// Rows of the product that stands for reading a prompt: one tile of full height.
pub const PROMPT_ROWS: usize = 64;
/// Widths of the matrix, largest first: a layer of an 8B model, of a 1B model, and what a processor can do in time.
const WIDTHS: [usize; 3] = [4096, 2048, 512];
/// A measurement lasts at least this long: many times what clocks of browsers resolve (0.1 ms) and a submit costs.
const LEAST_MS: f64 = 8.0;
/// Another form must be this much faster to be chosen: less is noise, and plain is better tested.
const GAIN: f64 = 0.93;

/// A product to be timed.
struct Subject<'a> {
    backend: &'a WebGpuBackend,
    clock: &'a dyn Fn() -> f64,
    step: ProjectAdd<Weight>,
    width: usize,
}

impl WebGpuBackend {
    /// Measures on a weight of type `dtype`, for about `budget` milliseconds of `clock`. The arithmetic in use is as before when it returns.
    pub async fn tune(&self, dtype: DType, clock: &dyn Fn() -> f64, budget: f64) -> Result<Tuning> {
        let before = self.arithmetic_wanted();
        let found = self.measure(dtype, clock, budget).await;
        self.set_arithmetic(before);
        found
    }

    async fn measure(&self, dtype: DType, clock: &dyn Fn() -> f64, budget: f64) -> Result<Tuning> {
        let end = clock() + budget;
        let mut tuning = Tuning::default();
        self.set_arithmetic(Arithmetic::PLAIN);
        // The smallest first: it tells how large a matrix there is time for.
        let mut subject = Subject::new(self, clock, dtype, WIDTHS[WIDTHS.len() - 1])?;
        subject.once(PROMPT_ROWS, 1).await?;
        let small = subject.once(PROMPT_ROWS, 1).await?;
        let forms = 12.0;
        let affordable = |width: usize| {
            let times = (width / WIDTHS[WIDTHS.len() - 1]).pow(2) as f64;
            forms * (small * times).max(LEAST_MS) < end - clock()
        };
        if let Some(&width) = WIDTHS.iter().find(|&&width| affordable(width)) {
            subject = Subject::new(self, clock, dtype, width)?;
        }
        for rows in [1, PROMPT_ROWS] {
            for arithmetic in self.candidates(dtype, rows) {
                // Plain is measured in any case, to be compared with.
                if arithmetic != Arithmetic::PLAIN && clock() >= end {
                    continue;
                }
                self.set_arithmetic(arithmetic);
                let milliseconds = subject.time(rows).await?;
                tuning.timings.push(Timing {
                    rows,
                    arithmetic,
                    milliseconds,
                });
            }
        }
        let (exact, fast) = choose(&tuning.timings);
        (tuning.exact, tuning.fast) = (exact, fast);
        Ok(tuning)
    }

    /// Forms of a product of `rows` rows, plain first.
    fn candidates(&self, dtype: DType, rows: usize) -> Vec<Arithmetic> {
        let has = self.families();
        let one = rows == 1;
        let mut all = vec![Arithmetic::PLAIN];
        if one && has.subgroups {
            all.push(Family::Subgroups.arithmetic());
        }
        if !one && has.half {
            all.push(Family::Half.arithmetic());
        }
        if formats::packs(dtype) && has.packed {
            let packed = Arithmetic {
                matvec: if one { Numbers::I8 } else { Numbers::F32 },
                matmul: if one { Numbers::F32 } else { Numbers::I8 },
                ..Arithmetic::PLAIN
            };
            all.push(packed);
            if one && has.subgroups {
                all.push(Arithmetic { subgroups: true, ..packed });
            }
        }
        all
    }
}

/// The exact and the fast choice.
fn choose(timings: &[Timing]) -> (Arithmetic, Arithmetic) {
    let best = |rows: bool, allowed: &dyn Fn(&Arithmetic) -> bool| {
        let all = timings.iter().filter(|t| (t.rows == 1) == rows && allowed(&t.arithmetic));
        let plain = all
            .clone()
            .find(|t| t.arithmetic == Arithmetic::PLAIN)
            .map_or(0.0, |t| t.milliseconds);
        let fastest = all.min_by(|a, b| a.milliseconds.total_cmp(&b.milliseconds));
        fastest
            .filter(|t| t.milliseconds < GAIN * plain)
            .map_or(Arithmetic::PLAIN, |t| t.arithmetic)
    };
    let floats = |a: &Arithmetic| a.matvec == Numbers::F32 && a.matmul == Numbers::F32;
    let (writing, reading) = (best(true, &|_| true), best(false, &|_| true));
    let fast = Arithmetic {
        matmul: reading.matmul,
        ..writing
    };
    (best(true, &floats), fast)
}

impl<'a> Subject<'a> {
    /// A square matrix of zeros.
    fn new(backend: &'a WebGpuBackend, clock: &'a dyn Fn() -> f64, dtype: DType, width: usize) -> Result<Subject<'a>> {
        let spec = WeightSpec {
            name: format!("tuning.{dtype}"),
            dtype,
            rows: width,
            cols: width,
        };
        let mut upload = backend.begin_weight(&spec)?;
        let rows = vec![0; 64 * spec.row_bytes()];
        for _ in 0..width / 64 {
            backend.write_weight(&mut upload, &rows)?;
        }
        let weight = Parameter {
            id: ParameterId(0),
            value: backend.finish_weight(upload)?,
        };
        let project = Linear {
            weight,
            bias: None,
            inputs: width,
            outputs: width,
        };
        let step = ProjectAdd { project, post_norm: None };
        Ok(Subject {
            backend,
            clock,
            step,
            width,
        })
    }

    /// Milliseconds of one product of `rows` rows: the better of two rounds, after one that compiles.
    async fn time(&self, rows: usize) -> Result<f64> {
        self.once(rows, 1).await?;
        let single = self.once(rows, 1).await?;
        let times = (LEAST_MS / single.max(0.01)).ceil().clamp(1.0, 200.0) as usize;
        if times == 1 {
            return Ok(single);
        }
        let first = self.once(rows, times).await? / times as f64;
        let second = self.once(rows, times).await? / times as f64;
        Ok(first.min(second))
    }

    /// Milliseconds of `times` products in one submit, each on the one before as a model's layers are.
    async fn once(&self, rows: usize, times: usize) -> Result<f64> {
        let mut x: Tensor = self.backend.tensor(&vec![0.0; rows * self.width], rows, self.width)?;
        let started = (self.clock)();
        for _ in 0..times {
            x = self.backend.project_add(&self.step, &x, &x)?;
        }
        let last = self.backend.tensor(&[0.0], 1, 1)?;
        // Reading one number waits for all of them.
        self.backend.read(&last).await?;
        drop(x);
        Ok((self.clock)() - started)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timing(rows: usize, arithmetic: Arithmetic, milliseconds: f64) -> Timing {
        Timing {
            rows,
            arithmetic,
            milliseconds,
        }
    }

    #[test]
    fn only_a_clear_gain_is_taken_and_scores_stay_in_floats() {
        let (plain, subgroups) = (Arithmetic::PLAIN, Family::Subgroups.arithmetic());
        let (half, packed) = (Family::Half.arithmetic(), Family::Packed.arithmetic());
        let mut timings = vec![
            timing(1, plain, 1.0),
            timing(1, subgroups, 0.8),
            timing(1, packed, 0.5),
            timing(64, plain, 10.0),
            timing(64, half, 9.8),
        ];
        let (exact, fast) = choose(&timings);
        assert_eq!(exact, subgroups);
        assert_eq!((fast.matvec, fast.matmul, fast.subgroups), (Numbers::I8, Numbers::F32, false));
        timings[4].milliseconds = 6.0;
        assert_eq!(choose(&timings).1.matmul, Numbers::F16);
        timings[1].milliseconds = 0.99;
        timings[2].milliseconds = 0.97;
        assert_eq!(choose(&timings).0, plain);
        assert_eq!(choose(&timings).1.matvec, Numbers::F32);
        assert_eq!(choose(&[]), (plain, plain));
    }

    #[test]
    fn what_is_remembered_is_read_back() {
        let tuning = Tuning {
            exact: Family::Subgroups.arithmetic(),
            fast: Family::Packed.arithmetic(),
            timings: Vec::new(),
        };
        assert_eq!(tuning.to_string().parse(), Ok(tuning));
        assert!("exact: matvec=f32".parse::<Tuning>().is_err());
    }
}

//! Before a device is trusted: every kernel on made-up numbers against the oracles, on the device itself.
//!
//! Browsers and drivers have shipped shader compilers that give wrong numbers without an error. A device whose plain kernels fail here must not
//! score. A family of optional kernels that fails, is refused by the compiler or could not be checked in time is given up, and the device goes on
//! without it: so families come first, and nothing unchecked is ever used but plain kernels.

use crate::WebGpuBackend;
use crate::arithmetic::{Arithmetic, Family};
use crate::checks::{self, AttendCase, HeadCase, MlpCase, QkvCase};
use crate::formats;
use crate::oracle::random::Halves;
use decoder::step::{Activation, RopeLayout};
use decoder::{Backend, DType, Error, Result};

/// A kernel and how far it was off.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// Kernel and variant.
    pub name: String,
    /// Largest error found; infinite where a value is no number.
    pub error: f64,
    /// What rounding may explain.
    pub tolerance: f64,
}

impl Check {
    /// Within the tolerance.
    pub fn passed(&self) -> bool {
        self.error <= self.tolerance
    }
}

/// What the self-test found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SelfTest {
    /// Checks of plain kernels, in the order they ran.
    pub checks: Vec<Check>,
    /// Families that are used no more, and why.
    pub given_up: Vec<(Family, String)>,
    /// Checks of plain kernels for which there was no time.
    pub unchecked: usize,
}

impl SelfTest {
    /// True if every check of plain kernels that was made passed.
    pub fn passed(&self) -> bool {
        self.checks.iter().all(Check::passed)
    }

    /// Checks that failed.
    pub fn failures(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|c| !c.passed())
    }
}

impl std::fmt::Display for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} (error {:.1e}, at most {:.1e} expected)",
            self.name, self.error, self.tolerance
        )
    }
}

impl std::fmt::Display for SelfTest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.passed() {
            let (made, all) = (self.checks.len(), self.checks.len() + self.unchecked);
            let wrong = if made == 0 { "" } else { ", none with wrong numbers" };
            write!(f, "{made} of {all} checks of plain kernels made{wrong}")?;
        } else {
            let failures: Vec<String> = self.failures().map(Check::to_string).collect();
            write!(f, "this device gives wrong numbers in {}", failures.join(", "))?;
        }
        for (family, why) in &self.given_up {
            write!(f, "; {} is not used: {why}", family.name())?;
        }
        Ok(())
    }
}

/// Products of a few hundred terms in f32, summed in a tree of 32: relative to `Σ |w x|`, rounding gives at most some 30 half-ulps of 6e-8.
pub const PRODUCT: f64 = 3e-6;
/// Products whose operands were rounded to halves: 11 bits each, and WGSL lets a conversion round either way, so 2⁻¹⁰ of each; relative to `Σ |w x|`.
pub const HALF_PRODUCT: f64 = 2e-3;
/// Inputs rounded to bytes: half a unit, and a few ulps of 127 for the division.
pub const PACKED_INPUT: f64 = 0.5001;
/// Products of inputs rounded to bytes: at most 1/254 of a block's largest value each. Of values spread evenly the mean is half of the largest, which
/// makes 2/254 of `Σ |w x|` the bound if all roundings went one way; they do not, and real figures are ten times smaller.
pub const PACKED_PRODUCT: f64 = 8e-3;
/// Two products and an activation, whose `exp` may be off by (3 + 2|x|) ulps and `tanh` by 1e-5; relative to both products' `Σ |w x|`.
pub const GATE: f64 = 2e-5;
/// Values of order one through a norm, a product of order ten and a rotation, activation or softmax whose functions WGSL lets be off by
/// a few ulps (`exp`: 3 + 2|x|) or 1e-5 (`tanh`).
pub const STEP: f64 = 4e-5;
/// Logits of order ten, and their logarithm of a sum.
pub const HEAD: f64 = 1e-4;
/// Attention with keys and values of half precision: keys of size 4 are off by 2⁻¹⁰, scores of order ten by some 1e-2.
pub const HALF_CACHE: f64 = 2e-2;

/// A check of plain kernels.
#[derive(Clone, Debug)]
enum Task {
    Linear(DType, usize, usize, usize, Halves),
    Gate(DType),
    Embed(DType),
    Qkv(QkvCase),
    Attend(&'static str, AttendCase),
    Mlp(MlpCase),
    Head(HeadCase),
}

impl WebGpuBackend {
    /// Checks every kernel and every type of weight. Errors: the device went away; wrong numbers are in the result.
    pub async fn self_test(&self) -> Result<SelfTest> {
        self.self_test_within(&DType::ALL, || true).await
    }

    /// As [`WebGpuBackend::self_test`], for the types of weights that a model has, and only as long as `there_is_time`. The first family is always
    /// checked.
    pub async fn self_test_within(&self, dtypes: &[DType], there_is_time: impl Fn() -> bool) -> Result<SelfTest> {
        let mut test = SelfTest::default();
        let wanted = self.arithmetic_wanted();
        let mut first = true;
        for family in Family::ALL.into_iter().filter(|&family| self.families().has(family)) {
            let why = if first || there_is_time() {
                let found = self.check_family(family, dtypes).await;
                self.set_arithmetic(wanted);
                self.or_refused(found).await?
            } else {
                Some("there was no time to check it".to_owned())
            };
            first = false;
            if let Some(why) = why {
                self.give_up(family);
                test.given_up.push((family, why));
            }
        }
        let dtypes: Vec<DType> = DType::ALL.into_iter().filter(|t| dtypes.contains(t) || *t == DType::F32).collect();
        let tasks = tasks(&dtypes);
        for (i, task) in tasks.iter().enumerate() {
            if !there_is_time() {
                test.unchecked = tasks.len() - i;
                break;
            }
            test.checks.push(self.check(task).await?);
        }
        Ok(test)
    }

    /// What is wrong with a family, if anything.
    async fn check_family(&self, family: Family, dtypes: &[DType]) -> Result<Option<String>> {
        self.set_arithmetic(family.arithmetic());
        let found = self.check_products(family, dtypes).await?;
        if found.is_some() || family != Family::Packed || !self.families().subgroups {
            return Ok(found);
        }
        self.set_arithmetic(Arithmetic {
            subgroups: true,
            ..family.arithmetic()
        });
        self.check_products(family, dtypes).await
    }

    async fn check_products(&self, family: Family, dtypes: &[DType]) -> Result<Option<String>> {
        for &dtype in dtypes {
            for rows in [1, 2, 19] {
                let halves = if rows == 2 { Halves::Subnormal } else { Halves::Normal };
                let (error, tolerance) = match family {
                    Family::Subgroups if rows < 19 => (checks::linear(self, dtype, rows, 512, 20, halves).await?, PRODUCT),
                    Family::Half if rows == 19 => (checks::linear(self, dtype, rows, 256, 70, halves).await?, HALF_PRODUCT),
                    Family::Packed if formats::packs(dtype) => {
                        let found = checks::packed(self, dtype, rows, 512, 70, halves).await?;
                        let error = if found.input <= PACKED_INPUT {
                            found.product
                        } else {
                            f64::INFINITY
                        };
                        (error, PRODUCT)
                    }
                    _ => continue,
                };
                let mut checks = vec![Check {
                    name: format!("product of {rows} rows with {dtype}"),
                    error,
                    tolerance,
                }];
                if family == Family::Subgroups {
                    checks.push(Check {
                        name: format!("gate and up of {rows} rows with {dtype}"),
                        error: checks::gate(self, dtype, Activation::Silu, rows, 512, 20).await?,
                        tolerance: GATE,
                    });
                }
                if let Some(check) = checks.iter().find(|check| !check.passed()) {
                    return Ok(Some(format!("wrong numbers in {check}")));
                }
            }
        }
        Ok(None)
    }

    /// A refusal by the compiler is what was found; a lost device or full memory stays an error.
    async fn or_refused(&self, found: Result<Option<String>>) -> Result<Option<String>> {
        let Err(Error::Backend { problem, .. }) = found else { return found };
        // What was recorded with the refused kernel may still report mistakes; a pass without it comes after them.
        let probe = self.tensor(&[1.0], 1, 1)?;
        for _ in 0..8 {
            match self.read(&probe).await {
                Err(Error::Backend { .. }) => {}
                Err(error) => return Err(error),
                Ok(_) => break,
            }
        }
        let line = problem
            .lines()
            .map(str::trim)
            .find(|line| !line.is_empty())
            .unwrap_or("no reason given");
        Ok(Some(format!("the device refuses it ({line})")))
    }

    async fn check(&self, task: &Task) -> Result<Check> {
        let cache = if self.options().half_cache { HALF_CACHE } else { STEP };
        let (name, error, tolerance) = match task {
            Task::Linear(dtype, rows, inputs, outputs, halves) => (
                format!("product of {rows} rows with {dtype} ({halves:?})"),
                checks::linear(self, *dtype, *rows, *inputs, *outputs, *halves).await?,
                PRODUCT,
            ),
            Task::Gate(dtype) => {
                let error = checks::gate(self, *dtype, Activation::Silu, 1, 512, 20).await?;
                (format!("gate and up with {dtype}"), error, GATE)
            }
            Task::Embed(dtype) => {
                let error = checks::embed(self, *dtype, 5, 256, Halves::Normal).await?;
                (format!("rows of a table of {dtype}"), error, PRODUCT)
            }
            Task::Qkv(case) => (
                format!("norm and rotation {:?}", case.layout),
                checks::project_qkv(self, case).await?,
                STEP,
            ),
            Task::Attend(name, case) => {
                let tolerance = if case.cached > 0 { cache } else { STEP };
                ((*name).to_owned(), checks::attend(self, case).await?, tolerance)
            }
            Task::Mlp(case) => (format!("gated {:?}", case.activation), checks::gated_mlp(self, case).await?, STEP),
            Task::Head(case) => ("head".to_owned(), checks::head(self, case).await?, HEAD),
        };
        Ok(Check { name, error, tolerance })
    }
}

/// All checks of plain kernels, those that a model meets first in front.
fn tasks(dtypes: &[DType]) -> Vec<Task> {
    let mut tasks = Vec::new();
    let attend = AttendCase {
        heads: 4,
        kv_heads: 2,
        head_dim: 64,
        window: None,
        softcap: None,
        cached: 0,
        stem: 40,
        branches: vec![3, 5],
    };
    let capped = AttendCase {
        cached: 37,
        window: Some(21),
        softcap: Some(20.0),
        ..attend.clone()
    };
    let rows = AttendCase {
        stem: 1,
        branches: vec![1, 1],
        ..capped.clone()
    };
    let split = AttendCase {
        cached: 300,
        stem: 1,
        branches: vec![],
        ..attend.clone()
    };
    for &dtype in dtypes {
        tasks.push(Task::Linear(dtype, 1, 512, 20, Halves::Normal));
        tasks.push(Task::Linear(dtype, 19, 256, 70, Halves::Normal));
        tasks.push(Task::Gate(dtype));
    }
    tasks.push(Task::Attend("attend_tile", attend));
    tasks.push(Task::Attend("attend_row, split", split));
    for (layout, normed) in [(RopeLayout::Halves, false), (RopeLayout::Interleaved, true)] {
        tasks.push(Task::Qkv(QkvCase {
            rows: 5,
            width: 64,
            heads: 4,
            kv_heads: 2,
            head_dim: 32,
            layout,
            normed,
            bias: normed,
        }));
    }
    for activation in [Activation::Silu, Activation::GeluTanh] {
        tasks.push(Task::Mlp(MlpCase {
            rows: 6,
            width: 64,
            hidden: 96,
            activation,
            post_norm: activation == Activation::GeluTanh,
        }));
    }
    tasks.push(Task::Head(HeadCase {
        dtype: DType::F32,
        batch_rows: 9,
        asked: 3,
        width: 64,
        vocabulary: 700,
        softcap: Some(30.0),
    }));
    tasks.push(Task::Attend("attend_tile, cache, window and softcap", capped));
    tasks.push(Task::Attend("attend_row, cache, window and softcap", rows));
    for &dtype in dtypes {
        tasks.push(Task::Embed(dtype));
        tasks.push(Task::Linear(dtype, 2, 256, 9, Halves::Subnormal));
    }
    tasks
}

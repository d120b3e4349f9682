//! Before a device is trusted: every kernel on made-up numbers against the oracles, on the device itself.
//!
//! Browsers and drivers have shipped shader compilers that give wrong numbers without an error. A device that fails here must not score.

use crate::WebGpuBackend;
use crate::checks::{self, AttendCase, HeadCase, MlpCase, QkvCase};
use crate::oracle::random::Halves;
use decoder::step::{Activation, RopeLayout};
use decoder::{DType, Result};

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
    /// All checks, in the order they ran.
    pub checks: Vec<Check>,
}

impl SelfTest {
    /// True if every check passed.
    pub fn passed(&self) -> bool {
        !self.checks.is_empty() && self.checks.iter().all(Check::passed)
    }

    /// Checks that failed.
    pub fn failures(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|c| !c.passed())
    }
}

impl std::fmt::Display for SelfTest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.passed() {
            return write!(f, "all {} kernels checked give the right numbers", self.checks.len());
        }
        write!(f, "this device gives wrong numbers in")?;
        for (i, check) in self.failures().enumerate() {
            write!(
                f,
                "{} {} (error {:.1e}, at most {:.1e} expected)",
                if i == 0 { "" } else { "," },
                check.name,
                check.error,
                check.tolerance
            )?;
        }
        Ok(())
    }
}

/// Products of a few hundred terms in f32, summed in a tree of 32: relative to `Σ |w x|`, rounding gives at most some 30 half-ulps of 6e-8.
pub const PRODUCT: f64 = 3e-6;
/// Values of order one through a norm, a product of order ten and a rotation, activation or softmax whose functions WGSL lets be off by
/// a few ulps (`exp`: 3 + 2|x|) or 1e-5 (`tanh`).
pub const STEP: f64 = 4e-5;
/// Logits of order ten, and their logarithm of a sum.
pub const HEAD: f64 = 1e-4;

impl WebGpuBackend {
    /// Checks every kernel and every type of weight. Errors: the device went away or reports a mistake; wrong numbers are in the result.
    pub async fn self_test(&self) -> Result<SelfTest> {
        self.self_test_of(&DType::ALL).await
    }

    /// As [`WebGpuBackend::self_test`], for the types of weights that a model has. F32 and F16 are always among them.
    pub async fn self_test_of(&self, dtypes: &[DType]) -> Result<SelfTest> {
        let mut test = SelfTest::default();
        let mut note = |name: String, error: f64, tolerance: f64| test.checks.push(Check { name, error, tolerance });
        for dtype in DType::ALL {
            if !dtypes.contains(&dtype) && !matches!(dtype, DType::F32 | DType::F16) {
                continue;
            }
            note(
                format!("matvec {dtype}"),
                checks::linear(self, dtype, 1, 512, 20, Halves::Normal).await?,
                PRODUCT,
            );
            note(
                format!("matvec {dtype}, small scales"),
                checks::linear(self, dtype, 2, 256, 9, Halves::Subnormal).await?,
                PRODUCT,
            );
            note(
                format!("matmul {dtype}"),
                checks::linear(self, dtype, 19, 256, 70, Halves::Normal).await?,
                PRODUCT,
            );
            note(
                format!("embed {dtype}"),
                checks::embed(self, dtype, 5, 256, Halves::Normal).await?,
                PRODUCT,
            );
        }
        for (layout, normed) in [(RopeLayout::Halves, false), (RopeLayout::Interleaved, true)] {
            let case = QkvCase {
                rows: 5,
                width: 64,
                heads: 4,
                kv_heads: 2,
                head_dim: 32,
                layout,
                normed,
                bias: normed,
            };
            note(format!("norm and rope {layout:?}"), checks::project_qkv(self, &case).await?, STEP);
        }
        let case = AttendCase {
            heads: 4,
            kv_heads: 2,
            head_dim: 64,
            window: None,
            softcap: None,
            cached: 0,
            stem: 40,
            branches: vec![3, 5],
        };
        note("attend_tile".into(), checks::attend(self, &case).await?, STEP);
        let case = AttendCase {
            cached: 37,
            window: Some(21),
            softcap: Some(20.0),
            ..case
        };
        let tolerance = if self.options().half_cache { HALF_CACHE } else { STEP };
        note(
            "attend_tile, cache, window and softcap".into(),
            checks::attend(self, &case).await?,
            tolerance,
        );
        let case = AttendCase {
            stem: 1,
            branches: vec![1, 1],
            ..case
        };
        note(
            "attend_row, cache, window and softcap".into(),
            checks::attend(self, &case).await?,
            tolerance,
        );
        for activation in [Activation::Silu, Activation::GeluTanh] {
            let case = MlpCase {
                rows: 6,
                width: 64,
                hidden: 96,
                activation,
                post_norm: activation == Activation::GeluTanh,
            };
            note(format!("gated {activation:?}"), checks::gated_mlp(self, &case).await?, STEP);
        }
        let case = HeadCase {
            dtype: DType::F16,
            batch_rows: 9,
            asked: 3,
            width: 64,
            vocabulary: 700,
            softcap: Some(30.0),
        };
        note("head".into(), checks::head(self, &case).await?, HEAD);
        Ok(test)
    }
}

/// Attention with keys and values of half precision: keys of size 4 are off by 2⁻¹⁰, scores of order ten by some 1e-2.
pub const HALF_CACHE: f64 = 2e-2;

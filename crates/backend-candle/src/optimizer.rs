//! AdamW in place, as PyTorch computes it: decay `p *= 1 - lr wd` first, `eps` outside the square root of the corrected second moment.

use crate::parallel;
use crate::tensor::{DEVICE, View, failed};
use candle_core::{CpuStorage, InplaceOp2, InplaceOp3, Layout, Tensor};
use decoder::{AdamW, Error, Gradients, Result};

/// Values that one core takes at a time.
const CHUNK: usize = 1 << 15;

fn mutable<'a>(storage: &'a mut CpuStorage, layout: &Layout) -> candle_core::Result<&'a mut [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(values), Some((start, end))) => Ok(&mut values[start..end]),
        _ => candle_core::bail!("expected contiguous F32 values"),
    }
}

fn shared<'a>(storage: &'a CpuStorage, layout: &Layout) -> candle_core::Result<&'a [f32]> {
    match (storage, layout.contiguous_offsets()) {
        (CpuStorage::F32(values), Some((start, end))) => Ok(&values[start..end]),
        _ => candle_core::bail!("expected contiguous F32 values"),
    }
}

/// `x += y`.
struct Add;

impl InplaceOp2 for Add {
    fn name(&self) -> &'static str {
        "add"
    }

    fn cpu_fwd(&self, x: &mut CpuStorage, xl: &Layout, y: &CpuStorage, yl: &Layout) -> candle_core::Result<()> {
        let y = shared(y, yl)?;
        parallel::chunks(mutable(x, xl)?, CHUNK, |index, x| {
            x.iter_mut().zip(&y[index * CHUNK..]).for_each(|(x, y)| *x += y)
        });
        Ok(())
    }
}

/// `old + new` where nobody else holds `old`: a gradient that is being summed.
pub(crate) fn add_to(old: Tensor, new: &Tensor) -> Result<Tensor> {
    same_shape(&old, new, "add gradients")?;
    old.inplace_op2(new, &Add).map_err(failed("add gradients"))?;
    Ok(old)
}

fn same_shape(a: &Tensor, b: &Tensor, step: &'static str) -> Result<()> {
    if a.dims() == b.dims() {
        return Ok(());
    }
    Err(Error::Backend {
        device: DEVICE.to_owned(),
        step,
        problem: format!("shapes {:?} and {:?} differ", a.dims(), b.dims()),
    })
}

/// `m = keep m + (1 - keep) (scale g)ᵖ`, `p` 1 or 2.
struct Moment {
    keep: f64,
    scale: f64,
    squared: bool,
}

impl InplaceOp2 for Moment {
    fn name(&self) -> &'static str {
        "adamw moment"
    }

    fn cpu_fwd(&self, m: &mut CpuStorage, ml: &Layout, g: &CpuStorage, gl: &Layout) -> candle_core::Result<()> {
        let g = shared(g, gl)?;
        let (keep, add, scale) = (self.keep as f32, (1.0 - self.keep) as f32, self.scale as f32);
        parallel::chunks(mutable(m, ml)?, CHUNK, |index, m| {
            let g = &g[index * CHUNK..];
            for (m, g) in m.iter_mut().zip(g) {
                let g = g * scale;
                *m = keep * *m + add * if self.squared { g * g } else { g };
            }
        });
        Ok(())
    }
}

/// `p = p (1 - lr wd) - lr m̂ / (sqrt(v̂) + eps)`.
struct Update<'a> {
    hyper: &'a AdamW,
    t: u64,
}

impl InplaceOp3 for Update<'_> {
    fn name(&self) -> &'static str {
        "adamw update"
    }

    fn cpu_fwd(
        &self,
        p: &mut CpuStorage,
        pl: &Layout,
        m: &CpuStorage,
        ml: &Layout,
        v: &CpuStorage,
        vl: &Layout,
    ) -> candle_core::Result<()> {
        let (m, v) = (shared(m, ml)?, shared(v, vl)?);
        let AdamW {
            learning_rate,
            beta1,
            beta2,
            eps,
            weight_decay,
        } = *self.hyper;
        let t = self.t.min(i32::MAX as u64) as i32;
        let keep = (1.0 - learning_rate * weight_decay) as f32;
        let rate = (learning_rate / (1.0 - beta1.powi(t))) as f32;
        let inverse_root = (1.0 / (1.0 - beta2.powi(t)).sqrt()) as f32;
        let eps = eps as f32;
        parallel::chunks(mutable(p, pl)?, CHUNK, |index, p| {
            let (m, v) = (&m[index * CHUNK..], &v[index * CHUNK..]);
            for ((p, m), v) in p.iter_mut().zip(m).zip(v) {
                *p = *p * keep - rate * m / (v.sqrt() * inverse_root + eps);
            }
        });
        Ok(())
    }
}

/// One step on `weight`, number `t` from 1; `first` and `second` are its moments.
pub(crate) fn adamw(weight: &Tensor, gradient: &Tensor, scale: f64, first: &Tensor, second: &Tensor, hyper: &AdamW, t: u64) -> Result<()> {
    for other in [gradient, first, second] {
        same_shape(weight, other, "adamw")?;
    }
    if t == 0 {
        return Err(Error::Input("AdamW counts its steps from 1".to_owned()));
    }
    first
        .inplace_op2(
            gradient,
            &Moment {
                keep: hyper.beta1,
                scale,
                squared: false,
            },
        )
        .map_err(failed("adamw"))?;
    second
        .inplace_op2(
            gradient,
            &Moment {
                keep: hyper.beta2,
                scale,
                squared: true,
            },
        )
        .map_err(failed("adamw"))?;
    weight.inplace_op3(first, second, &Update { hyper, t }).map_err(failed("adamw"))
}

/// Square root of the sum of squares of all gradients.
pub(crate) fn gradient_norm(gradients: &Gradients<Tensor>) -> Result<f64> {
    let mut total = 0f64;
    for (_, gradient) in gradients.iter() {
        let values = View::new(gradient)?;
        let values: &[f32] = &values;
        let parts = parallel::map(values.len().div_ceil(CHUNK), |i| {
            let part = &values[i * CHUNK..values.len().min((i + 1) * CHUNK)];
            part.iter().map(|&g| f64::from(g) * f64::from(g)).sum::<f64>()
        });
        total += parts.iter().sum::<f64>();
    }
    Ok(total.sqrt())
}

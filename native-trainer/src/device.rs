//! Puts a model on a device and runs a job there.
//!
//! What must hold: a graphics card computes only after its kernels gave the right numbers for every type of weight that the model has.

use std::io::IsTerminal;
use std::ops::ControlFlow;

use anyhow::{Context, Result, bail};
use backend_candle::CandleBackend;
use backend_webgpu::{Options, WebGpuBackend};
use decoder::names::Param;
use decoder::{Backend, CacheShape, DType, Decoder, Session, TensorSource};
use indicatif::{ProgressBar, ProgressStyle};

use crate::model::ModelFiles;

/// Where to compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Device {
    /// The processor
    Cpu,
    /// A graphics card, through WebGPU (Vulkan, Metal or Direct3D 12)
    Webgpu,
    /// WebGPU where there is a graphics card, else the processor
    Auto,
}

/// Work that does not care where it runs.
#[allow(async_fn_in_trait)] // one thread
pub trait Job {
    /// What comes out.
    type Output;
    /// Does it.
    async fn run<B: Backend>(self, session: Session<B>) -> Result<Self::Output>;
}

/// Loads the model onto `device`, with room for texts of `context` tokens, and runs `job`.
pub async fn run<J: Job>(mut files: ModelFiles, device: Device, context: usize, job: J) -> Result<J::Output> {
    match device {
        Device::Cpu => load_and_run(CandleBackend::new(), &mut files, context, job).await,
        Device::Webgpu => {
            let gpu = trusted_gpu(Options::default(), &weight_types(&files)).await?;
            load_and_run(gpu, &mut files, context, job).await
        }
        Device::Auto => {
            let options = Options {
                refuse_software: true,
                ..Options::default()
            };
            match trusted_gpu(options, &weight_types(&files)).await {
                Ok(gpu) => load_and_run(gpu, &mut files, context, job).await,
                Err(error) => {
                    eprintln!("{error:#}; using the processor");
                    load_and_run(CandleBackend::new(), &mut files, context, job).await
                }
            }
        }
    }
}

/// A graphics card that was found to compute right. Optional kernels that do not are left out. Errors: there is none, or plain kernels give wrong numbers.
async fn trusted_gpu(options: Options, types: &[DType]) -> Result<WebGpuBackend> {
    let gpu = WebGpuBackend::new(options).await?;
    let test = gpu.self_test_within(types, || true).await?;
    if !test.passed() {
        bail!(
            "{} is not used: {test}; update the graphics driver, or compute on the processor (--device cpu)",
            gpu.name()
        );
    }
    for (family, why) in &test.given_up {
        eprintln!("{}: {} is not used: {why}", gpu.name(), family.name());
    }
    Ok(gpu)
}

/// Types of the model's weights. What is missing is the load's to tell.
fn weight_types(files: &ModelFiles) -> Vec<DType> {
    let places = Param::all(&files.config).into_iter().map(|param| param.place(&files.config));
    let found: Vec<DType> = places.filter_map(|place| Some(files.source.info(&place.tensor)?.dtype)).collect();
    // Where the file names its tensors otherwise, any type may come.
    DType::ALL
        .into_iter()
        .filter(|dtype| found.is_empty() || found.contains(dtype))
        .collect()
}

async fn load_and_run<B: Backend, J: Job>(backend: B, files: &mut ModelFiles, context: usize, job: J) -> Result<J::Output> {
    let bar = if std::io::stderr().is_terminal() {
        ProgressBar::new(0)
    } else {
        ProgressBar::hidden()
    };
    bar.set_style(ProgressStyle::with_template("loading {bar:30} {bytes}/{total_bytes}")?);
    let name = files.path.display().to_string();
    let decoder = Decoder::load(backend, files.config.clone(), context, &mut files.source, |progress| {
        bar.set_length(progress.total);
        bar.set_position(progress.loaded);
        ControlFlow::Continue(())
    })
    .await
    .with_context(|| name.clone())?;
    bar.finish_and_clear();
    // Room for several texts of full length, so that scoring can pack them; never much more than a short context needs.
    let cache = CacheShape::for_texts(decoder.config(), context, context.clamp(1024, 4096));
    let session = Session::new(decoder, cache.slots).with_context(|| name)?;
    job.run(session).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use backend_webgpu::Fault;

    #[test]
    fn webgpu_that_computes_wrong_numbers_is_not_used() {
        let options = |fault| Options {
            fault,
            ..Options::default()
        };
        let open = |fault| pollster::block_on(trusted_gpu(options(fault), &[DType::Q8_0]));
        assert!(open(None).is_ok());
        let error = open(Some(Fault::Wrong(None))).err().expect("refused").to_string();
        assert!(error.contains("wrong numbers in") && error.contains("--device cpu"), "{error}");
    }
}

//! Puts a model on a device and runs a job there.

use std::io::IsTerminal;
use std::ops::ControlFlow;

use anyhow::{Context, Result};
use backend_candle::CandleBackend;
use backend_webgpu::WebGpuBackend;
use decoder::{Backend, Decoder, Session};
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
            let backend = WebGpuBackend::new(backend_webgpu::Options::default()).await?;
            load_and_run(backend, &mut files, context, job).await
        }
        Device::Auto => match WebGpuBackend::new(backend_webgpu::Options::default()).await {
            Ok(backend) if !backend.adapter().software => load_and_run(backend, &mut files, context, job).await,
            Ok(backend) => {
                eprintln!("{} is software; using the processor directly", backend.name());
                drop(backend);
                load_and_run(CandleBackend::new(), &mut files, context, job).await
            }
            Err(error) => {
                eprintln!("no graphics card: {error}; using the processor");
                load_and_run(CandleBackend::new(), &mut files, context, job).await
            }
        },
    }
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
    let session = Session::new(decoder, context + context.clamp(1024, 4096)).with_context(|| name)?;
    job.run(session).await
}

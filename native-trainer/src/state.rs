//! Checkpoints: a folder `step-00000200` in the run's folder that is a Hugging Face model, with the optimiser and the position beside it.
//!
//! What must hold: a checkpoint appears whole or not at all, and holds everything that the next step depends on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use checkpoint::safetensors::{SafetensorsFile, SafetensorsWriter};
use checkpoint::{FileSource, TensorSpec};
use decoder::names::Param;
use decoder::train::Optimizer;
use decoder::{Config, DType, Decoder, Differentiable};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokenizer::Tokenizer;

use crate::examples::Position;
use crate::folder;
use crate::trainer::Settings;

/// What besides weights and moments a run goes on from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Steps taken.
    pub step: u64,
    /// Where in the data.
    pub position: Position,
    /// Rows computed.
    pub tokens: u64,
    /// What the run was started with.
    pub settings: Settings,
}

const PROGRESS: &str = "trainer.json";
const OPTIMIZER: &str = "optimizer.safetensors";
const MODEL: &str = "model.safetensors";

/// The last checkpoint of a run, if it has one.
pub fn latest(run: &Path) -> Result<Option<PathBuf>> {
    Ok(all(run)?.pop())
}

/// Checkpoints, oldest first.
fn all(run: &Path) -> Result<Vec<PathBuf>> {
    let entries = match std::fs::read_dir(run) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error).with_context(|| run.display().to_string()),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.with_context(|| run.display().to_string())?.path();
        let step = path
            .file_name()
            .and_then(|name| name.to_str()?.strip_prefix("step-")?.parse::<u64>().ok());
        if let Some(step) = step.filter(|_| path.join("config.json").is_file()) {
            found.push((step, path));
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// Writes `model.safetensors` in F32, `config.json` and the tokenizer: a Hugging Face folder.
pub fn write_model<B: Differentiable>(folder: &Path, decoder: &Decoder<B>, config_json: &Value, tokenizer: &Tokenizer) -> Result<()> {
    let config = decoder.config();
    let specs: Vec<TensorSpec> = decoder.model.parameters.iter().map(|(param, _)| spec(*param, config, "")).collect();
    let format = BTreeMap::from([("format".to_owned(), "pt".to_owned())]);
    let mut file = SafetensorsWriter::create(folder.join(MODEL), &format, &specs)?;
    for ((_, weight), spec) in decoder.model.parameters.iter().zip(&specs) {
        file.write_tensor(&spec.name, &decoder.backend.read_weight(weight)?)?;
    }
    file.commit()?;
    folder::write(&folder.join("config.json"), serde_json::to_string_pretty(config_json)?.as_bytes())?;
    folder::write_tokenizer(folder, tokenizer)
}

/// Writes a checkpoint and removes all but the `keep` newest. Returns its folder.
pub fn save<B: Differentiable>(
    run: &Path,
    keep: usize,
    decoder: &Decoder<B>,
    optimizer: &Optimizer<B>,
    progress: &Progress,
    config_json: &Value,
    tokenizer: &Tokenizer,
) -> Result<PathBuf> {
    let name = format!("step-{:08}", progress.step);
    let (partial, target) = (run.join(format!(".{name}.partial")), run.join(&name));
    let place = || partial.display().to_string();
    if partial.exists() {
        std::fs::remove_dir_all(&partial).with_context(place)?;
    }
    std::fs::create_dir_all(&partial).with_context(place)?;
    write_model(&partial, decoder, config_json, tokenizer)?;

    let config = decoder.config();
    let params: Vec<Param> = decoder.model.parameters.iter().map(|(param, _)| *param).collect();
    let specs: Vec<TensorSpec> = ["first.", "second."]
        .iter()
        .flat_map(|moment| params.iter().map(|param| spec(*param, config, moment)))
        .collect();
    let mut file = SafetensorsWriter::create(partial.join(OPTIMIZER), &BTreeMap::new(), &specs)?;
    for (param, (first, second)) in params.iter().zip(&optimizer.moments) {
        file.write_tensor(&spec(*param, config, "first.").name, &decoder.backend.read_now(first)?)?;
        file.write_tensor(&spec(*param, config, "second.").name, &decoder.backend.read_now(second)?)?;
    }
    file.commit()?;
    folder::write(&partial.join(PROGRESS), serde_json::to_string_pretty(progress)?.as_bytes())?;
    if target.exists() {
        std::fs::remove_dir_all(&target).with_context(|| target.display().to_string())?;
    }
    std::fs::rename(&partial, &target).with_context(|| target.display().to_string())?;

    let mut checkpoints = all(run)?;
    checkpoints.truncate(checkpoints.len().saturating_sub(keep.max(1)));
    for old in checkpoints {
        std::fs::remove_dir_all(&old).with_context(|| old.display().to_string())?;
    }
    Ok(target)
}

/// Where a checkpoint's run is.
pub fn load_progress(checkpoint: &Path) -> Result<Progress> {
    let path = checkpoint.join(PROGRESS);
    let bytes = std::fs::read(&path).with_context(|| format!("{}: a model, but no checkpoint of a run", path.display()))?;
    serde_json::from_slice(&bytes).with_context(|| path.display().to_string())
}

/// The optimiser of a checkpoint, for the model that was loaded from the same folder.
pub fn load_optimizer<B: Differentiable>(checkpoint: &Path, decoder: &Decoder<B>, step: u64) -> Result<Optimizer<B>> {
    let config = decoder.config();
    pollster::block_on(async {
        let file = SafetensorsFile::open(FileSource::open(checkpoint.join(OPTIMIZER))?).await?;
        let mut moments = Vec::with_capacity(decoder.model.parameters.len());
        for (param, _) in &decoder.model.parameters {
            let (rows, cols) = param.shape(config);
            let mut pair = Vec::with_capacity(2);
            for moment in ["first.", "second."] {
                let spec = spec(*param, config, moment);
                let stored = file.tensor(&spec.name).map(|tensor| (tensor.dtype(), tensor.shape.clone()));
                if stored != Some((Some(DType::F32), spec.shape.clone())) {
                    bail!(
                        "{}: `{}` should be F32 {:?}, but is {stored:?}",
                        checkpoint.join(OPTIMIZER).display(),
                        spec.name,
                        spec.shape
                    );
                }
                let mut bytes = vec![0; rows * cols * 4];
                file.read_tensor(&spec.name, 0, &mut bytes).await?;
                let values: Vec<f32> = bytes.as_chunks::<4>().0.iter().map(|value| f32::from_le_bytes(*value)).collect();
                pair.push(decoder.backend.tensor(&values, rows, cols)?);
            }
            let second = pair.pop().expect("two moments");
            moments.push((pair.pop().expect("two moments"), second));
        }
        Ok(Optimizer { moments, step })
    })
}

fn spec(param: Param, config: &Config, moment: &str) -> TensorSpec {
    let (rows, cols) = param.shape(config);
    let shape = if param.is_vector(config) { vec![cols] } else { vec![rows, cols] };
    TensorSpec::new(format!("{moment}{}", param.huggingface(config.post_norms)), DType::F32, shape)
}

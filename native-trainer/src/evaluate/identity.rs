//! What a record's header says about a model, so that no other model's answers are ever mixed in.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use decoder::TensorSource;
use mmedbench::Sha256Hex;
use mmedbench::record::ModelId;

use crate::model::{ModelFiles, Source};

/// Everything but the device.
pub struct Identity {
    name: String,
    architecture: String,
    quantization: String,
    parameters: u64,
    sha256: String,
}

impl Identity {
    /// With the backend's own name for itself and its device, and what it says about its kernels.
    pub fn on(&self, backend: &str, kernels: &str) -> ModelId {
        let kind = ["webgpu", "cuda"]
            .into_iter()
            .find(|kind| backend.to_ascii_lowercase().starts_with(kind));
        ModelId {
            name: self.name.clone(),
            architecture: self.architecture.clone(),
            quantization: self.quantization.clone(),
            parameters: self.parameters,
            sha256: Some(self.sha256.clone()),
            backend: kind.unwrap_or("cpu").into(),
            adapter: backend.into(),
            kernels: kernels.into(),
        }
    }
}

/// Reads the whole file once, for its hash. Of a folder: the hash over the hashes of its weight files, by name, and of its configuration.
pub fn of(asked: &Path, files: &ModelFiles) -> Result<Identity> {
    let stem = |path: &Path| path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    match &files.source {
        Source::Gguf(file) => {
            let header = file.header();
            let text = |key: &str| {
                header
                    .get(key)
                    .and_then(|value| value.as_str())
                    .map(str::to_owned)
                    .filter(|text| !text.is_empty())
            };
            Ok(Identity {
                name: text("general.name").unwrap_or_else(|| stem(&files.path)),
                architecture: text("general.architecture").unwrap_or_default(),
                quantization: header.main_dtype().map(|dtype| dtype.name().to_owned()).unwrap_or_default(),
                parameters: header.parameters(),
                sha256: hash(std::slice::from_ref(&files.path))?,
            })
        }
        Source::Folder(folder) => {
            let infos = || folder.names().iter().filter_map(|name| folder.info(name));
            let config: serde_json::Value = serde_json::from_str(folder.config_json()).context("config.json")?;
            let mut paths: Vec<PathBuf> = std::fs::read_dir(&files.path)?.flatten().map(|entry| entry.path()).collect();
            paths.retain(|path| {
                let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
                (name.ends_with(".safetensors") && name != "optimizer.safetensors") || name == "config.json"
            });
            paths.sort();
            Ok(Identity {
                name: stem(asked),
                architecture: config["model_type"].as_str().unwrap_or_default().into(),
                quantization: infos()
                    .max_by_key(|i| i.shape.iter().product::<usize>())
                    .map(|i| i.dtype.name().to_owned())
                    .unwrap_or_default(),
                parameters: infos().map(|info| info.shape.iter().map(|&n| n as u64).product::<u64>()).sum(),
                sha256: hash(&paths)?,
            })
        }
    }
}

fn hash(paths: &[PathBuf]) -> Result<String> {
    let mut each = Vec::new();
    let mut buffer = vec![0; 1 << 20];
    for path in paths {
        let mut file = BufReader::new(File::open(path).with_context(|| path.display().to_string())?);
        let mut hash = Sha256Hex::default();
        loop {
            let count = file.read(&mut buffer).with_context(|| path.display().to_string())?;
            if count == 0 {
                break;
            }
            hash.update(&buffer[..count]);
        }
        each.push(hash.finish());
    }
    Ok(match each.as_slice() {
        [one] => one.clone(),
        several => mmedbench::sha256_hex(several.join(" ").as_bytes()),
    })
}

//! Reference models: tiny random ones whose log-probabilities, gradients and training curve PyTorch computed.
//!
//! A folder a model: `config.json`, `model.safetensors`, `reference.safetensors` (`tokens [2, T]`, `logprobs_f64 [2, T-1]`, `loss [1]`,
//! `grad.NAME`, `curve [21]`).

use std::path::{Path, PathBuf};

use checkpoint::HfFolder;
use decoder::{Backend, Batch, Config, Decoder};
use pollster::block_on;

/// A reference model.
pub struct Oracle {
    /// Name of its folder.
    pub name: String,
    folder: PathBuf,
    /// From its `config.json`.
    pub config: Config,
    /// `[2][T]`.
    pub tokens: Vec<Vec<u32>>,
    /// `[2][T-1]`: log p(token t+1 | tokens up to t), computed in f64.
    pub log_probs: Vec<Vec<f64>>,
    /// Mean of `-log_probs`, in f32.
    pub loss: f64,
    /// Loss before and after each of 20 AdamW steps.
    pub curve: Vec<f64>,
}

impl Oracle {
    /// Every model under `oracles/` of the conformance folder. Panics where the folder is there but holds none.
    pub fn all(conformance: &Path) -> Vec<Oracle> {
        let folder = conformance.join("oracles");
        let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let mut folders: Vec<PathBuf> = entries
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.join("reference.safetensors").is_file())
            .collect();
        folders.sort();
        assert!(!folders.is_empty(), "{} holds no reference models", folder.display());
        folders.into_iter().map(Oracle::open).collect()
    }

    fn open(folder: PathBuf) -> Oracle {
        let json = std::fs::read_to_string(folder.join("config.json")).unwrap();
        let reference = Reference::open(&folder);
        let (shape, bytes) = reference.bytes("tokens");
        let tokens: Vec<u32> = bytes
            .chunks_exact(8)
            .map(|b| i64::from_le_bytes(b.try_into().unwrap()) as u32)
            .collect();
        let log_probs: Vec<f64> = reference
            .bytes("logprobs_f64")
            .1
            .chunks_exact(8)
            .map(|b| f64::from_le_bytes(b.try_into().unwrap()))
            .collect();
        Oracle {
            name: folder.file_name().unwrap().to_string_lossy().into_owned(),
            config: Config::from_huggingface(&json).unwrap_or_else(|error| panic!("{}: {error}", folder.display())),
            tokens: tokens.chunks_exact(shape[1]).map(<[u32]>::to_vec).collect(),
            log_probs: log_probs.chunks_exact(shape[1] - 1).map(<[f64]>::to_vec).collect(),
            loss: f64::from(reference.floats("loss").1[0]),
            curve: reference.floats("curve").1.into_iter().map(f64::from).collect(),
            folder,
        }
    }

    /// Loads the model.
    pub fn decoder<B: Backend>(&self, backend: B) -> Decoder<B> {
        let mut source = block_on(HfFolder::open(&self.folder)).unwrap();
        block_on(Decoder::load(
            backend,
            self.config.clone(),
            self.tokens[0].len(),
            &mut source,
            |_| std::ops::ControlFlow::Continue(()),
        ))
        .unwrap()
    }

    /// Both rows as two packed documents.
    pub fn batch(&self) -> Batch {
        Batch::from_documents(self.tokens.iter().map(Vec::as_slice))
    }

    /// Largest `|log p - reference|` over both rows, run as one packed batch.
    pub fn worst_log_prob<B: Backend>(&self, decoder: &Decoder<B>) -> f64 {
        let batch = decoder.backend.upload_batch(&self.batch()).unwrap();
        let hidden = decoder.forward(&batch, None).unwrap();
        let length = self.tokens[0].len();
        let rows: Vec<u32> = (0..self.tokens.len())
            .flat_map(|row| (0..length - 1).map(move |at| (row * length + at) as u32))
            .collect();
        let targets: Vec<u32> = self.tokens.iter().flat_map(|row| row[1..].to_vec()).collect();
        let values = decoder
            .backend
            .head_log_probs(&decoder.model.head, &hidden, &rows, &targets)
            .unwrap();
        let values = block_on(decoder.backend.read(&values)).unwrap();
        let wanted = self.log_probs.iter().flatten();
        values
            .chunks_exact(2)
            .zip(wanted)
            .map(|(pair, wanted)| (f64::from(pair[0]) - wanted).abs())
            .fold(0.0, f64::max)
    }

    /// Reference gradients in the model's own parameters' order: values, row-major. Packed matrices are cut apart as the loader does.
    pub fn gradient(&self, param: decoder::names::Param) -> Vec<f32> {
        let place = param.place(&self.config);
        let (shape, values) = Reference::open(&self.folder).floats(&format!("grad.{}", place.tensor));
        let cols = if shape.len() == 2 { shape[1] } else { 1 };
        match place.rows {
            None => values,
            Some(ranges) => ranges
                .into_iter()
                .flat_map(|range| values[range.start * cols..range.end * cols].to_vec())
                .collect(),
        }
    }
}

/// `reference.safetensors`, whose types (i64, f64) no model has: read here, plainly. Trusted data.
struct Reference {
    header: serde_json::Value,
    bytes: Vec<u8>,
    data: usize,
}

impl Reference {
    fn open(folder: &Path) -> Reference {
        let bytes = std::fs::read(folder.join("reference.safetensors")).unwrap();
        let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
        Reference {
            header: serde_json::from_slice(&bytes[8..8 + length]).unwrap(),
            data: 8 + length,
            bytes,
        }
    }

    fn bytes(&self, name: &str) -> (Vec<usize>, &[u8]) {
        let entry = self.header.get(name).unwrap_or_else(|| panic!("the reference has no {name}"));
        let numbers = |key: &str| {
            entry[key]
                .as_array()
                .unwrap()
                .iter()
                .map(|n| n.as_u64().unwrap() as usize)
                .collect::<Vec<_>>()
        };
        let offsets = numbers("data_offsets");
        (numbers("shape"), &self.bytes[self.data + offsets[0]..self.data + offsets[1]])
    }

    fn floats(&self, name: &str) -> (Vec<usize>, Vec<f32>) {
        let (shape, bytes) = self.bytes(name);
        (
            shape,
            bytes.chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect(),
        )
    }
}

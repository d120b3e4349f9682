//! A model on disk: a GGUF file or a Hugging Face folder.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use checkpoint::{FileSource, GgufFile, HfFolder};
use decoder::{Config, TensorInfo, TensorSource};
use tokenizer::Tokenizer;

use crate::{folder, state};

/// Where the tensors are.
pub enum Source {
    /// One file.
    Gguf(Box<GgufFile<FileSource>>),
    /// A folder with `config.json`.
    Folder(Box<HfFolder>),
}

/// An open model; no weight has been read.
pub struct ModelFiles {
    /// Where it is.
    pub path: PathBuf,
    /// What it is.
    pub config: Config,
    /// Its tensors.
    pub source: Source,
}

impl TensorSource for Source {
    fn info(&self, name: &str) -> Option<TensorInfo> {
        match self {
            Source::Gguf(file) => file.info(name),
            Source::Folder(folder) => folder.info(name),
        }
    }

    async fn read(&mut self, name: &str, offset: u64, buffer: &mut [u8]) -> decoder::Result<()> {
        match self {
            Source::Gguf(file) => file.read(name, offset, buffer).await,
            Source::Folder(folder) => folder.read(name, offset, buffer).await,
        }
    }
}

/// The folder itself, or the last checkpoint where `path` is the output folder of a run.
pub fn resolve(path: &Path) -> Result<PathBuf> {
    if path.is_dir() && !path.join("config.json").is_file() && !path.join("tokenizer.json").is_file() {
        return match state::latest(path)? {
            Some(checkpoint) => Ok(checkpoint),
            None => bail!(
                "{}: neither a Hugging Face folder (it has no config.json) nor a run with checkpoints",
                path.display()
            ),
        };
    }
    Ok(path.to_owned())
}

/// Opens a model and checks its headers.
pub async fn open(path: &Path) -> Result<ModelFiles> {
    let path = resolve(path)?;
    let name = || path.display().to_string();
    if path.is_dir() {
        let folder = HfFolder::open(&path).await.with_context(name)?;
        let config = folder.config().with_context(|| format!("{}/config.json", path.display()))?;
        Ok(ModelFiles {
            config,
            source: Source::Folder(Box::new(folder)),
            path,
        })
    } else {
        let file = GgufFile::open(FileSource::open(&path)?).await.with_context(name)?;
        let config = file.header().config().with_context(name)?;
        Ok(ModelFiles {
            config,
            source: Source::Gguf(Box::new(file)),
            path,
        })
    }
}

impl ModelFiles {
    /// True if a tokenizer lies beside the weights; models made for tests may have none.
    pub fn has_tokenizer(&self) -> bool {
        match &self.source {
            Source::Gguf(file) => file
                .get("tokenizer.ggml.model")
                .and_then(|model| model.as_str())
                .is_some_and(|model| model != "no_vocab"),
            Source::Folder(_) => self.path.join("tokenizer.json").is_file(),
        }
    }

    /// Its tokenizer.
    pub fn tokenizer(&self) -> Result<Tokenizer> {
        match &self.source {
            Source::Gguf(file) => Tokenizer::from_gguf(file.header()).with_context(|| self.path.display().to_string()),
            Source::Folder(_) => folder::read_tokenizer(&self.path.join("tokenizer.json")),
        }
    }
}

/// The tokenizer of a GGUF file, of a folder, or a `tokenizer.json` itself. Needs no weights.
pub fn open_tokenizer(path: &Path) -> Result<Tokenizer> {
    let path = resolve(path)?;
    if path.is_dir() {
        return folder::read_tokenizer(&path.join("tokenizer.json"));
    }
    if path.extension().is_some_and(|extension| extension == "json") {
        return folder::read_tokenizer(&path);
    }
    let file = pollster::block_on(GgufFile::open(FileSource::open(&path)?)).with_context(|| path.display().to_string())?;
    Tokenizer::from_gguf(file.header()).with_context(|| path.display().to_string())
}

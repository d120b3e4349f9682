//! A model as Hugging Face keeps it: a folder with `config.json` and one or several safetensors files.

use crate::error::{Error, Result};
use crate::safetensors::SafetensorsFile;
use crate::source::{ByteSource, FileSource};
use decoder::{Config, TensorInfo, TensorSource};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// The largest `config.json` and index that are read, in bytes.
const MAX_JSON: u64 = 100_000_000;

/// An open folder.
#[derive(Debug)]
pub struct HfFolder {
    path: PathBuf,
    config: String,
    shards: Vec<SafetensorsFile<FileSource>>,
    /// Which shard holds a tensor.
    shard_of: HashMap<String, usize>,
    names: Vec<String>,
}

/// What matters of `model.safetensors.index.json`.
#[derive(serde::Deserialize)]
struct Index {
    weight_map: BTreeMap<String, String>,
}

impl HfFolder {
    /// Opens the folder `path` and checks the headers of all its shards.
    pub async fn open(path: impl AsRef<Path>) -> Result<HfFolder> {
        let path = path.as_ref().to_owned();
        let config = read_text(&path.join("config.json"))?;
        let single = path.join("model.safetensors");
        let index = path.join("model.safetensors.index.json");
        let mut folder = HfFolder {
            path: path.clone(),
            config,
            shards: Vec::new(),
            shard_of: HashMap::new(),
            names: Vec::new(),
        };
        if single.is_file() {
            folder.add_shard(single, None).await?;
        } else if index.is_file() {
            folder.add_indexed(&index).await?;
        } else {
            let problem =
                "there is neither model.safetensors nor model.safetensors.index.json; save the model with safe_serialization=True";
            return Err(Error::Io {
                file: path.display().to_string(),
                problem: problem.to_owned(),
            });
        }
        folder.names.sort();
        Ok(folder)
    }

    /// The text of `config.json`.
    pub fn config_json(&self) -> &str {
        &self.config
    }

    /// The model's configuration.
    pub fn config(&self) -> decoder::Result<Config> {
        Config::from_huggingface(&self.config)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Names of all tensors, sorted.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    async fn add_indexed(&mut self, index: &Path) -> Result<()> {
        let bad = |field: &str, problem: String| Error::Malformed {
            file: index.display().to_string(),
            field: field.to_owned(),
            problem,
        };
        let parsed: Index = serde_json::from_str(&read_text(index)?).map_err(|error| bad("weight_map", error.to_string()))?;
        let mut by_file: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (tensor, file) in parsed.weight_map {
            by_file.entry(file).or_default().push(tensor);
        }
        for (file, tensors) in by_file {
            // A shard lies in the folder itself, whatever the index says.
            if Path::new(&file).file_name() != Some(file.as_ref()) || file.contains('\\') {
                return Err(bad("weight_map", format!("`{file}` is no plain file name")));
            }
            self.add_shard(self.path.join(file), Some(&tensors)).await?;
        }
        Ok(())
    }

    /// Adds a file, with all its tensors or with those that the index names.
    async fn add_shard(&mut self, path: PathBuf, expected: Option<&[String]>) -> Result<()> {
        let shard = SafetensorsFile::open(FileSource::open(&path)?).await?;
        let file = shard.source().name().to_owned();
        let names = expected.unwrap_or(shard.names());
        for name in names {
            let Some(tensor) = shard.tensor(name) else {
                let problem = "the index says that it is here, but it is not".to_owned();
                return Err(Error::Tensor {
                    file,
                    name: name.clone(),
                    problem,
                });
            };
            // Integer and boolean tensors are buffers that no decoder reads; weights of a kind that cannot be read must not pass as missing.
            if tensor.dtype().is_none() && tensor.stored_type.starts_with('F') {
                return Err(Error::Unsupported {
                    file,
                    what: format!("tensor `{name}`: type"),
                    value: tensor.stored_type.clone(),
                    supported: "F32, F16, BF16".to_owned(),
                });
            }
            self.shard_of.insert(name.clone(), self.shards.len());
            self.names.push(name.clone());
        }
        self.shards.push(shard);
        Ok(())
    }
}

fn read_text(path: &Path) -> Result<String> {
    let file = path.display().to_string();
    let length = std::fs::metadata(path).map_err(|error| Error::io(&file, error))?.len();
    if length > MAX_JSON {
        return Err(Error::Malformed {
            file,
            field: "the file".to_owned(),
            problem: format!("{length} bytes; {MAX_JSON} is the most"),
        });
    }
    std::fs::read_to_string(path).map_err(|error| Error::io(&file, error))
}

impl TensorSource for HfFolder {
    fn info(&self, name: &str) -> Option<TensorInfo> {
        self.shards[*self.shard_of.get(name)?].info(name)
    }

    async fn read(&mut self, name: &str, offset: u64, buffer: &mut [u8]) -> decoder::Result<()> {
        match self.shard_of.get(name) {
            Some(&shard) => self.shards[shard].read(name, offset, buffer).await,
            None => Err(Error::Tensor {
                file: self.path.display().to_string(),
                name: name.to_owned(),
                problem: "no file of this folder has it".to_owned(),
            }
            .reading(name)),
        }
    }
}

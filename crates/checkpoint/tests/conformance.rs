//! Files of other programs, where the conformance folder is there: GGUF vocabularies and Hugging Face models.

use decoder::TensorSource;
use mmedkit_checkpoint::{GgufFile, HfFolder};
use std::path::PathBuf;

/// `name` in the conformance folder.
fn conformance(name: &str) -> Option<PathBuf> {
    Some(conformance::folder()?.join(name))
}

fn entries(folder: PathBuf) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    entries.sort();
    entries
}

#[test]
fn conformance_gguf_headers_are_read() {
    let Some(folder) = conformance("tokenizers") else { return };
    let mut count = 0;
    for path in entries(folder)
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "gguf"))
    {
        let file = pollster::block_on(GgufFile::open_path(&path)).unwrap();
        let tokens = file.get("tokenizer.ggml.tokens").and_then(|value| value.as_strings()).unwrap();
        let kinds = file.get("tokenizer.ggml.token_type").and_then(|value| value.as_array()).unwrap();
        println!(
            "{}: version {}, {} entries, {} tokens",
            path.display(),
            file.header().version,
            file.header().metadata().len(),
            tokens.len()
        );
        assert_eq!(tokens.len(), kinds.len());
        assert!(tokens.len() >= 32000);
        assert!(file.get("general.architecture").and_then(|value| value.as_str()).is_some());
        count += 1;
    }
    assert!(count > 0, "the folder tokenizers holds no .gguf file");
}

#[test]
fn conformance_huggingface_folders_are_read() {
    let Some(folder) = conformance("oracles") else { return };
    let mut count = 0;
    for path in entries(folder).into_iter().filter(|path| path.join("model.safetensors").is_file()) {
        let mut model = pollster::block_on(HfFolder::open(&path)).unwrap();
        let config = model.config().unwrap();
        let names = model.names().to_vec();
        let mut parameters = 0;
        for name in &names {
            let info = model.info(name).unwrap();
            let len: usize = info.shape.iter().product();
            let mut bytes = vec![0; info.dtype.row_bytes(len).unwrap()];
            pollster::block_on(model.read(name, 0, &mut bytes)).unwrap();
            let mut values = vec![0.0; len];
            mmedkit_checkpoint::dequantize(info.dtype, &bytes, &mut values).unwrap();
            assert!(values.iter().all(|value| value.is_finite()), "{name}");
            parameters += len;
        }
        println!(
            "{}: {} tensors, {parameters} parameters, {} layers",
            path.display(),
            names.len(),
            config.layers.len()
        );
        assert!(names.len() > config.layers.len());
        count += 1;
    }
    assert!(count > 0, "the folder oracles holds no model");
}

//! Writing safetensors and reading them back, alone and as a Hugging Face folder. (`tests/conformance.rs` reads files of other writers.)

use decoder::{DType, TensorSource};
use mmedkit_checkpoint::safetensors::{SafetensorsFile, SafetensorsWriter};
use mmedkit_checkpoint::{FileSource, HfFolder, TensorSpec, dequantize};
use std::collections::BTreeMap;
use std::path::Path;

fn values(file: &mut impl TensorSource, name: &str) -> Vec<f32> {
    let info = file.info(name).unwrap();
    let len: usize = info.shape.iter().product();
    let mut bytes = vec![0; info.dtype.row_bytes(len).unwrap()];
    pollster::block_on(file.read(name, 0, &mut bytes)).unwrap();
    let mut values = vec![0.0; len];
    dequantize(info.dtype, &bytes, &mut values).unwrap();
    values
}

fn write(path: &Path, tensors: &[(&str, DType, &[usize], &[f32])]) {
    let specs: Vec<TensorSpec> = tensors
        .iter()
        .map(|&(name, dtype, shape, _)| TensorSpec::new(name, dtype, shape))
        .collect();
    let metadata = BTreeMap::from([("format".to_owned(), "pt".to_owned())]);
    let mut writer = SafetensorsWriter::create(path, &metadata, &specs).unwrap();
    for &(name, _, _, values) in tensors.iter().rev() {
        writer.write_tensor(name, values).unwrap();
    }
    writer.commit().unwrap();
}

fn open(path: &Path) -> mmedkit_checkpoint::Result<HfFolder> {
    pollster::block_on(HfFolder::open(path))
}

#[test]
fn what_is_written_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let numbers = [0.5, -1.25, 3.0, 1024.0, 0.0, -2.0];
    write(
        &path,
        &[
            ("a", DType::F32, &[2, 3], &numbers),
            ("b", DType::F16, &[3, 2], &numbers),
            ("c", DType::BF16, &[6], &numbers),
        ],
    );
    let mut file = pollster::block_on(SafetensorsFile::open(FileSource::open(&path).unwrap())).unwrap();
    assert_eq!(file.names(), ["a", "b", "c"]);
    for name in ["a", "b", "c"] {
        assert_eq!(values(&mut file, name), numbers, "{name}");
    }
    assert_eq!(file.info("b").unwrap().shape, [3, 2]);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_sharded_folder_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("config.json"), r#"{"model_type": "llama"}"#).unwrap();
    assert!(
        open(folder.path())
            .unwrap_err()
            .to_string()
            .contains("neither model.safetensors nor")
    );

    write(&at("model-00001-of-00002.safetensors"), &[("a", DType::F32, &[2], &[1.0, 2.0])]);
    write(&at("model-00002-of-00002.safetensors"), &[("b", DType::BF16, &[2], &[3.0, 4.0])]);
    let index = |map: &str| {
        std::fs::write(
            at("model.safetensors.index.json"),
            format!(r#"{{"metadata": {{}}, "weight_map": {map}}}"#),
        )
        .unwrap()
    };
    index(r#"{"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}"#);
    let mut model = open(folder.path()).unwrap();
    assert_eq!(model.names(), ["a", "b"]);
    assert_eq!(values(&mut model, "a"), [1.0, 2.0]);
    assert_eq!(values(&mut model, "b"), [3.0, 4.0]);
    assert!(model.info("c").is_none());
    assert!(model.config_json().contains("llama"));

    index(r#"{"c": "model-00001-of-00002.safetensors"}"#);
    assert!(
        open(folder.path())
            .unwrap_err()
            .to_string()
            .contains("`c`: the index says that it is here")
    );
    for outside in ["../secret.safetensors", "/etc/passwd", "a/b.safetensors", "..", ""] {
        index(&format!(r#"{{"a": "{outside}"}}"#));
        assert!(
            open(folder.path()).unwrap_err().to_string().contains("no plain file name"),
            "{outside}"
        );
    }
    index(r#"{"a": "gone.safetensors"}"#);
    assert!(open(folder.path()).unwrap_err().to_string().contains("gone.safetensors"));
}

#[test]
fn weights_of_a_type_without_a_name_here_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("config.json"), "{}").unwrap();
    let write = |dtype: &str| {
        let header = format!(r#"{{"w":{{"dtype":"{dtype}","shape":[1],"data_offsets":[0,8]}}}}"#);
        let bytes = [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 8]].concat();
        std::fs::write(folder.path().join("model.safetensors"), bytes).unwrap();
    };
    write("F64");
    let error = open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("`w`") && error.contains("F64") && error.contains("BF16"), "{error}");
    write("I64");
    assert!(open(folder.path()).unwrap().info("w").is_none());
}

#[test]
fn writers_mistakes_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    let create = |specs: &[TensorSpec]| SafetensorsWriter::create(&path, &BTreeMap::new(), specs);
    assert!(
        create(&[TensorSpec::new("w", DType::Q8_0, [32])])
            .unwrap_err()
            .to_string()
            .contains("holds no Q8_0")
    );
    let mut writer = create(&[TensorSpec::new("w", DType::F32, [2])]).unwrap();
    assert!(writer.write_tensor("w", &[1.0]).unwrap_err().to_string().contains("8 bytes, but 4"));
    assert!(writer.write_tensor("v", &[1.0]).unwrap_err().to_string().contains("not announced"));
    assert!(writer.commit().unwrap_err().to_string().contains("`w`: it was not written"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

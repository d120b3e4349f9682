//! Reading what the Python package `gguf` wrote (`fixtures/make_gguf.py`), writing, and reading back.

use decoder::{DType, TensorSource};
use mmedkit_checkpoint::{Array, Error, GgufFile, GgufWriter, Memory, Recipe, TensorSpec, Value, dequantize};
use std::io::Cursor;

fn open(bytes: Vec<u8>) -> Result<GgufFile<Memory<Vec<u8>>>, Error> {
    pollster::block_on(GgufFile::open(Memory::new("test.gguf", bytes)))
}

fn tiny() -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny.gguf")).unwrap()
}

fn tensor(file: &mut impl TensorSource, name: &str) -> Vec<f32> {
    let info = file.info(name).unwrap();
    let len: usize = info.shape.iter().product();
    let mut bytes = vec![0; info.dtype.row_bytes(len).unwrap()];
    pollster::block_on(file.read(name, 0, &mut bytes)).unwrap();
    let mut values = vec![0.0; len];
    dequantize(info.dtype, &bytes, &mut values).unwrap();
    values
}

#[test]
fn a_file_of_the_python_package_is_read() {
    let mut file = open(tiny()).unwrap();
    let get = |key: &str| file.get(key).unwrap();
    assert_eq!(get("general.architecture").as_str(), Some("llama"));
    assert_eq!(get("test.u8").as_u64(), Some(200));
    assert_eq!(get("test.i8").as_i64(), Some(-100));
    assert_eq!(get("test.i8").as_u64(), None);
    assert_eq!(get("test.u16").as_u64(), Some(60000));
    assert_eq!(get("test.i16").as_i64(), Some(-30000));
    assert_eq!(get("test.u32").as_u64(), Some(4_000_000_000));
    assert_eq!(get("test.i32").as_f64(), Some(-2e9));
    assert_eq!(get("test.u64").as_u64(), Some(1 << 63));
    assert_eq!(get("test.u64").as_i64(), None);
    assert_eq!(get("test.i64").as_i64(), Some(-(1 << 62)));
    assert_eq!(get("test.f32").as_f64(), Some(0.5));
    assert_eq!(get("test.f64").as_f64(), Some(0.1));
    assert_eq!(get("test.bool").as_bool(), Some(true));
    assert_eq!(get("test.text").as_str(), Some("Zähne 歯 зубы"));
    assert_eq!(get("test.words").as_strings().unwrap(), ["a", "", "ğ", "日本"]);
    assert_eq!(get("test.numbers").as_array().unwrap().to_i64s().unwrap(), [3, -1, 4]);
    assert_eq!(get("test.scores").as_array().unwrap().to_f64s().unwrap(), [0.25, -1.5]);
    assert_eq!(get("test.flags").as_array().unwrap().as_bools().unwrap(), [true, false]);
    let Some(Array::Array(nested)) = get("test.nested").as_array() else {
        panic!("not nested")
    };
    assert_eq!(
        nested.iter().map(|inner| inner.to_i64s().unwrap()).collect::<Vec<_>>(),
        [vec![1, 2], vec![3]]
    );
    assert!(file.get("test.none").is_none());

    let matrix: Vec<f32> = (0..512).map(|i| i as f32 / 512.0).collect();
    assert_eq!(file.info("plain").unwrap().shape, [2, 256]);
    assert_eq!(file.info("cube").unwrap().shape, [2, 3, 4]);
    assert_eq!(file.info("eight").unwrap().dtype, DType::Q8_0);
    assert_eq!(tensor(&mut file, "plain"), matrix);
    assert_eq!(tensor(&mut file, "vector"), [1.0, 2.0, 3.0]);
    assert_eq!(tensor(&mut file, "cube"), (0..24).map(|i| i as f32).collect::<Vec<_>>());
    // A multiple of 1/512 below 1 has 9 bits: a 16-bit float holds it exactly.
    assert_eq!(tensor(&mut file, "half"), matrix);
    for (a, e) in tensor(&mut file, "eight").iter().zip(&matrix) {
        // Half a step of the coarsest block, and the rounding of its scale to 11 bits.
        assert!((a - e).abs() <= 1.0 / 254.0 + 1.0 / 2048.0, "{a} {e}");
    }
    assert_eq!(file.header().main_dtype(), Some(DType::F32));
    assert_eq!(file.header().parameters(), 3 * 512 + 3 + 24);

    let mut part = [0; 8];
    pollster::block_on(file.read("plain", 4 * 300, &mut part)).unwrap();
    assert_eq!(f32::from_le_bytes(part[4..].try_into().unwrap()), matrix[301]);
    let error = pollster::block_on(file.read("plain", 2044, &mut part)).unwrap_err().to_string();
    assert!(error.contains("plain") && error.contains("2048"), "{error}");
    let error = pollster::block_on(file.read("none", 0, &mut part)).unwrap_err().to_string();
    assert!(error.contains("none"), "{error}");
}

fn metadata() -> Vec<(String, Value)> {
    vec![
        ("general.architecture".into(), "llama".into()),
        ("test.u8".into(), 200u8.into()),
        ("test.i8".into(), (-100i8).into()),
        ("test.u16".into(), 60000u16.into()),
        ("test.i16".into(), (-30000i16).into()),
        ("test.u32".into(), 4_000_000_000u32.into()),
        ("test.i32".into(), (-2_000_000_000i32).into()),
        ("test.u64".into(), (1u64 << 63).into()),
        ("test.i64".into(), (-(1i64 << 62)).into()),
        ("test.f32".into(), 0.5f32.into()),
        ("test.f64".into(), 0.1f64.into()),
        ("test.bool".into(), true.into()),
        ("test.text".into(), "Zähne 歯".into()),
        ("test.words".into(), vec!["a".to_owned(), String::new(), "日本".to_owned()].into()),
        ("test.numbers".into(), vec![3i32, -1, 4].into()),
        ("test.flags".into(), vec![true, false].into()),
    ]
}

#[test]
fn what_is_written_is_read_back() {
    let values: Vec<f32> = (0..512).map(|i| (i as f64 * 0.1).sin() as f32).collect();
    let specs: Vec<TensorSpec> = DType::ALL
        .iter()
        .map(|dtype| TensorSpec::new(dtype.name(), *dtype, [2, 256]))
        .collect();
    let mut writer = GgufWriter::new(Cursor::new(Vec::new()), "out.gguf", metadata(), specs.clone()).unwrap();
    // Any order, whole or in parts.
    for spec in specs.iter().rev() {
        if spec.dtype == DType::Q5_K {
            writer.write_part(&spec.name, &values[..256]).unwrap();
            writer.write_part(&spec.name, &values[256..]).unwrap();
        } else {
            writer.write_tensor(&spec.name, &values).unwrap();
        }
    }
    let bytes = writer.finish().unwrap().into_inner();
    // Lets `fixtures/make_gguf.py --check` read it with somebody else's reader.
    if let Some(path) = std::env::var_os("MMEDKIT_KEEP_GGUF") {
        std::fs::write(path, &bytes).unwrap();
    }
    assert_eq!(bytes.len() % 32, 0);
    let mut file = open(bytes).unwrap();
    assert_eq!(file.header().version, 3);
    assert_eq!(file.header().metadata(), metadata());
    assert_eq!(file.header().data_start % 32, 0);
    for (spec, found) in specs.iter().zip(file.header().tensors().to_vec()) {
        assert_eq!(found.name, spec.name);
        assert_eq!(found.info.shape, spec.shape);
        assert_eq!(found.info.dtype, spec.dtype);
        assert_eq!(found.offset % 32, 0);
        let actual = tensor(&mut file, &spec.name);
        let mut expected = Vec::new();
        mmedkit_checkpoint::quantize(spec.dtype, &values, &mut expected).unwrap();
        let mut decoded = vec![0.0; 512];
        dequantize(spec.dtype, &expected, &mut decoded).unwrap();
        assert_eq!(actual, decoded, "{}", spec.name);
    }
}

#[test]
fn a_file_appears_when_it_is_complete() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let spec = || vec![TensorSpec::new("a", DType::F32, [4])];
    let entries = || std::fs::read_dir(folder.path()).unwrap().count();

    let mut writer = GgufWriter::create(&path, vec![], spec()).unwrap();
    writer.write_part("a", &[1.0, 2.0]).unwrap();
    assert!(!path.exists());
    let error = writer.commit().unwrap_err().to_string();
    assert!(error.contains("`a`") && error.contains("8 of its 16"), "{error}");
    assert_eq!(entries(), 0, "the temporary file is gone");

    let mut writer = GgufWriter::create(&path, vec![], spec()).unwrap();
    writer.write_tensor("a", &[1.0, 2.0, 3.0, 4.0]).unwrap();
    writer.commit().unwrap();
    assert_eq!(entries(), 1);
    let mut file = pollster::block_on(GgufFile::open_path(&path)).unwrap();
    assert_eq!(tensor(&mut file, "a"), [1.0, 2.0, 3.0, 4.0]);
}

#[test]
fn writers_mistakes_are_named() {
    let new = |metadata, tensors| GgufWriter::new(Cursor::new(Vec::new()), "out.gguf", metadata, tensors);
    let refuse = |tensors: Vec<TensorSpec>, words: &str| {
        let error = new(vec![], tensors).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    refuse(
        vec![TensorSpec::new("x", DType::Q4_K, [2, 128])],
        "`x`: its rows are no whole number of blocks",
    );
    refuse(
        vec![TensorSpec::new("x", DType::F32, [2]), TensorSpec::new("x", DType::F32, [2])],
        "twice",
    );
    refuse(vec![TensorSpec::new("x", DType::F32, [1, 1, 1, 1, 1])], "more than four");
    refuse(vec![TensorSpec::new("x", DType::F32, [0])], "no values");
    assert!(new(vec![("a".into(), 1u32.into()), ("a".into(), 1u32.into())], vec![]).is_err());
    let mut writer = new(vec![], vec![TensorSpec::new("x", DType::F16, [2])]).unwrap();
    assert!(
        writer
            .write_tensor("y", &[1.0])
            .unwrap_err()
            .to_string()
            .contains("`y`: it was not announced")
    );
    assert!(
        writer
            .write_tensor("x", &[1.0])
            .unwrap_err()
            .to_string()
            .contains("2 values, but 1")
    );
    assert!(
        writer
            .write_tensor("x", &[1.0, f32::NAN])
            .unwrap_err()
            .to_string()
            .contains("value 1 is NaN")
    );
    writer.write_tensor("x", &[1.0, 2.0]).unwrap();
    assert!(writer.write_tensor("x", &[1.0, 2.0]).unwrap_err().to_string().contains("too many"));
}

#[test]
fn a_recipe_writes_a_model_that_opens() {
    let names = [
        "token_embd.weight",
        "blk.0.attn_v.weight",
        "blk.0.attn_norm.weight",
        "output.weight",
    ];
    let shape = |name: &str| if name.contains("norm") { vec![64] } else { vec![8, 64] };
    for recipe in Recipe::ALL {
        let specs = names.map(|name| TensorSpec::new(name, recipe.dtype(name, &shape(name), 1, false), shape(name)));
        let mut writer = GgufWriter::new(Cursor::new(Vec::new()), "out.gguf", vec![], specs.to_vec()).unwrap();
        for spec in &specs {
            writer.write_tensor(&spec.name, &vec![0.5; spec.shape.iter().product()]).unwrap();
        }
        let mut file = open(writer.finish().unwrap().into_inner()).unwrap();
        for spec in &specs {
            // One value throughout: every grid holds it, to the precision of a 16-bit scale.
            assert!(
                tensor(&mut file, &spec.name).iter().all(|x| (x - 0.5).abs() < 1e-3),
                "{recipe} {}",
                spec.name
            );
        }
    }
}

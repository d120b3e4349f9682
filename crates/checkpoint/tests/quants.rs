//! The quantised formats against the Python package `gguf` and against ggml itself (`fixtures/make_quants.py`).

use decoder::DType;
use mmedkit_checkpoint::safetensors::SafetensorsFile;
use mmedkit_checkpoint::{FileSource, dequantize, quantize};

type Fixture = SafetensorsFile<FileSource>;

fn fixture() -> Fixture {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/quants.safetensors");
    pollster::block_on(SafetensorsFile::open(FileSource::open(path).unwrap())).unwrap()
}

fn bytes(file: &Fixture, name: &str) -> Option<Vec<u8>> {
    let mut bytes = vec![0; file.tensor(name)?.bytes as usize];
    pollster::block_on(file.read_tensor(name, 0, &mut bytes)).unwrap();
    Some(bytes)
}

fn floats(file: &Fixture, name: &str) -> Option<Vec<f32>> {
    Some(
        bytes(file, name)?
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
            .collect(),
    )
}

fn quantized(dtype: DType, values: &[f32]) -> Vec<u8> {
    let mut out = Vec::new();
    quantize(dtype, values, &mut out).unwrap();
    out
}

fn dequantized(dtype: DType, bytes: &[u8], len: usize) -> Vec<f32> {
    let mut out = vec![0.0; len];
    dequantize(dtype, bytes, &mut out).unwrap();
    out
}

fn stored_types() -> impl Iterator<Item = DType> {
    DType::ALL.into_iter().filter(|&dtype| dtype != DType::F32)
}

#[test]
fn dequantised_values_are_the_python_packages_bit_for_bit() {
    let file = fixture();
    for dtype in stored_types() {
        let bytes = bytes(&file, &format!("{dtype}.bytes")).unwrap();
        let expected = floats(&file, &format!("{dtype}.dequantized")).unwrap();
        let actual = dequantized(dtype, &bytes, expected.len());
        for (i, (a, e)) in actual.iter().zip(&expected).enumerate() {
            assert!(a.to_bits() == e.to_bits(), "{dtype} value {i}: {a} instead of {e}");
        }
    }
}

#[test]
fn quantised_bytes_are_the_python_packages() {
    let file = fixture();
    let values = floats(&file, "values").unwrap();
    let mut compared = Vec::new();
    for dtype in stored_types() {
        if let Some(expected) = bytes(&file, &format!("{dtype}.quantized")) {
            // Negative zero codes a constant of zeros in ggml; the value is the same.
            let actual = quantized(dtype, &values);
            let row = expected.len() / 16;
            for r in 0..16 {
                let (a, e) = (&actual[r * row..(r + 1) * row], &expected[r * row..(r + 1) * row]);
                assert!(
                    a == e || dequantized(dtype, a, 256) == dequantized(dtype, e, 256),
                    "{dtype} row {r}:\n{a:02x?}\n{e:02x?}"
                );
            }
            compared.push(dtype);
        }
    }
    assert_eq!(
        compared,
        [
            DType::F16,
            DType::Q4_0,
            DType::Q4_1,
            DType::Q5_0,
            DType::Q5_1,
            DType::Q8_0,
            DType::BF16
        ]
    );
}

fn square_error(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| ((a - b) as f64).powi(2)).sum()
}

/// The K formats leave the choice of scales to the writer. Ours may not lose more than ggml's: over all rows that look like weights, at most
/// 2 % more root-mean-square error (the two searches differ in their candidates); on each awkward row, at most 25 % more and the
/// rounding of a 16-bit scale, 2^-11 of the values.
#[test]
fn k_quantisation_is_as_good_as_ggmls() {
    let file = fixture();
    let values = floats(&file, "values").unwrap();
    let mut compared = 0;
    for dtype in stored_types() {
        let Some(theirs) = bytes(&file, &format!("{dtype}.ggml")) else {
            continue;
        };
        compared += 1;
        let theirs = dequantized(dtype, &theirs, values.len());
        let ours = dequantized(dtype, &quantized(dtype, &values), values.len());
        let weights = 0..11 * 256;
        let ratio = (square_error(&ours[weights.clone()], &values[weights.clone()])
            / square_error(&theirs[weights.clone()], &values[weights]))
        .sqrt();
        println!("{dtype}: error {ratio:.4} of ggml's");
        assert!(ratio <= 1.02, "{dtype}: root-mean-square error {ratio} of ggml's");
        for row in 11..16 {
            let at = row * 256..(row + 1) * 256;
            let (o, t) = (
                square_error(&ours[at.clone()], &values[at.clone()]).sqrt(),
                square_error(&theirs[at.clone()], &values[at]).sqrt(),
            );
            println!("{dtype} row {row}: {o} against ggml's {t}");
            let norm = values[row * 256..(row + 1) * 256]
                .iter()
                .map(|x| (x * x) as f64)
                .sum::<f64>()
                .sqrt();
            assert!(o <= 1.25 * t + norm / 2048.0, "{dtype} row {row}: error {o}, ggml's {t}");
        }
    }
    assert_eq!(compared, 5);
}

#[test]
fn quantising_what_was_dequantised_is_stable() {
    let file = fixture();
    let values = floats(&file, "values").unwrap();
    for dtype in stored_types() {
        let once = dequantized(dtype, &quantized(dtype, &values), values.len());
        let twice = dequantized(dtype, &quantized(dtype, &once), values.len());
        let scale = square_error(&once, &vec![0.0; once.len()]).sqrt();
        let drift = square_error(&once, &twice).sqrt() / scale;
        // Plain types come back exactly; grids may be chosen anew, but no farther than a fraction of a step.
        let limit = if dtype.block_len() == 1 { 0.0 } else { 0.03 };
        assert!(drift <= limit, "{dtype}: {drift}");
    }
}

#[test]
fn threads_do_not_change_bytes() {
    let values: Vec<f32> = (0..1 << 19).map(|i| ((i as f32) * 0.37).sin() * 0.1).collect();
    for dtype in [DType::Q4_0, DType::Q4_K] {
        let whole = quantized(dtype, &values);
        let pieces: Vec<u8> = values.chunks(1024).flat_map(|piece| quantized(dtype, piece)).collect();
        assert!(whole == pieces, "{dtype}");
    }
}

#[test]
fn values_that_do_not_fit_are_refused() {
    let mut out = Vec::new();
    for (dtype, values) in [
        (DType::Q4_K, vec![0.0; 255]),
        (DType::Q8_0, vec![f32::NAN; 32]),
        (DType::F16, vec![70000.0]),
        (DType::Q6_K, vec![f32::INFINITY; 256]),
        (DType::F32, vec![f32::NAN]),
    ] {
        let error = quantize(dtype, &values, &mut out).unwrap_err().to_string();
        assert!(error.contains(dtype.name()), "{error}");
        assert!(out.is_empty());
    }
    assert!(dequantize(DType::Q4_0, &[0; 17], &mut [0.0; 32]).is_err());
    assert!(dequantize(DType::Q4_0, &[0; 18], &mut [0.0; 31]).is_err());
}

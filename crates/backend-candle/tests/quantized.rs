//! Products with every quantised format, against candle's own dequantisation and an F64 product.
//!
//! Tolerances, relative in Frobenius norm. Exact products are F32 sums of at most 1312 terms: 2e-6. Fast ones round activations to 16 bits within
//! blocks of 32 (steps of max/32767, so about 1e-5 of a typical product): 1e-4, which also holds where terms of one short row cancel.

mod oracle;

use candle_core::quantized::{GgmlDType, QTensor};
use candle_core::{Device, Tensor};
use decoder::backend::WeightSpec;
use decoder::step::{Embed, Linear, Parameter, ParameterId, ProjectAdd};
use decoder::{Backend, Batch, DType};
use mmedkit_backend_candle::{CandleBackend, Precision, Weight};
use oracle::{Numbers, distance, values};

const EXACT: f64 = 2e-6;
const FAST: f64 = 1e-4;

fn ggml(dtype: DType) -> GgmlDType {
    match dtype {
        DType::F32 => GgmlDType::F32,
        DType::F16 => GgmlDType::F16,
        DType::BF16 => GgmlDType::BF16,
        DType::Q4_0 => GgmlDType::Q4_0,
        DType::Q4_1 => GgmlDType::Q4_1,
        DType::Q5_0 => GgmlDType::Q5_0,
        DType::Q5_1 => GgmlDType::Q5_1,
        DType::Q8_0 => GgmlDType::Q8_0,
        DType::Q2_K => GgmlDType::Q2K,
        DType::Q3_K => GgmlDType::Q3K,
        DType::Q4_K => GgmlDType::Q4K,
        DType::Q5_K => GgmlDType::Q5K,
        DType::Q6_K => GgmlDType::Q6K,
    }
}

/// A random matrix, quantised by candle and uploaded in two parts; and its values as candle dequantises them.
fn weight(backend: &CandleBackend, dtype: DType, rows: usize, cols: usize, seed: u64) -> (Weight, Vec<f32>) {
    let values = Numbers::new(seed).tensor(rows, cols);
    let quantized = QTensor::quantize(&values, ggml(dtype)).unwrap();
    let bytes = quantized.data().unwrap().into_owned();
    let spec = WeightSpec {
        name: "test".into(),
        dtype,
        rows,
        cols,
    };
    let mut upload = backend.begin_weight(&spec).unwrap();
    let half = rows / 2 * spec.row_bytes();
    backend.write_weight(&mut upload, &bytes[..half]).unwrap();
    backend.write_weight(&mut upload, &bytes[half..]).unwrap();
    (
        backend.finish_weight(upload).unwrap(),
        oracle::values(&quantized.dequantize(&Device::Cpu).unwrap()),
    )
}

fn product(backend: &CandleBackend, weight: &Weight, x: &Tensor) -> Vec<f32> {
    let (outputs, inputs) = weight.shape();
    let weight = Parameter {
        id: ParameterId(0),
        value: weight.clone(),
    };
    let step = ProjectAdd {
        project: Linear {
            weight,
            bias: None,
            inputs,
            outputs,
        },
        post_norm: None,
    };
    let zeros = Tensor::zeros((x.dim(0).unwrap(), outputs), candle_core::DType::F32, &Device::Cpu).unwrap();
    values(&backend.project_add(&step, x, &zeros).unwrap())
}

#[test]
fn products_of_every_format() {
    let (exact, fast) = (CandleBackend::with_precision(Precision::Exact), CandleBackend::new());
    for dtype in DType::ALL {
        // Rows that fill no last tile; columns below, at and above the stretch that is unpacked at a time.
        let widths: &[usize] = if dtype.block_len() == 256 {
            &[256, 1024, 1280]
        } else {
            &[32, 96, 1024, 1312]
        };
        for &cols in widths {
            let (w, dequantized) = weight(&fast, dtype, 37, cols, 3);
            for rows in [1, 2, 3, 4, 5, 9, 64] {
                let x = Numbers::new(rows as u64).tensor(rows, cols);
                let x_values = values(&x);
                let reference: Vec<f32> = x_values
                    .chunks(cols)
                    .flat_map(|x| {
                        dequantized
                            .chunks(cols)
                            .map(move |w| w.iter().zip(x).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum::<f64>() as f32)
                    })
                    .collect();
                for (backend, tolerance) in [(&exact, EXACT), (&fast, FAST)] {
                    let d = distance(&product(backend, &w, &x), &reference);
                    assert!(d <= tolerance, "{dtype} [{rows}, {cols}] {:?}: {d:e}", backend);
                }
            }
        }
    }
}

/// Extreme blocks: all zeros, one huge value among tiny ones, the greatest integers of both signs.
#[test]
fn products_of_extreme_activations() {
    let backend = CandleBackend::new();
    let cols = 512;
    for dtype in [DType::Q8_0, DType::Q5_1, DType::Q6_K] {
        let (w, dequantized) = weight(&backend, dtype, 16, cols, 9);
        let rows: Vec<Vec<f32>> = vec![
            vec![0.0; cols],
            (0..cols).map(|i| if i % 32 == 0 { 1e4 } else { 1e-3 }).collect(),
            vec![1.0; cols],
            (0..cols).map(|i| if dequantized[i] > 0.0 { 3.0 } else { -3.0 }).collect(),
            vec![1e-30; cols],
        ];
        let x = Tensor::from_vec(rows.concat(), (5, cols), &Device::Cpu).unwrap();
        let ours = product(&backend, &w, &x);
        for (t, (x, ours)) in rows.iter().zip(ours.chunks(16)).enumerate() {
            let reference: Vec<f32> = dequantized
                .chunks(cols)
                .map(|w| w.iter().zip(x).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum::<f64>() as f32)
                .collect();
            if t == 0 {
                assert!(ours.iter().all(|&y| y == 0.0));
            } else {
                assert!(distance(ours, &reference) < 1e-4, "{dtype} row {t}");
            }
        }
    }
}

#[test]
fn rows_of_every_format_are_embedded() {
    let backend = CandleBackend::new();
    for dtype in DType::ALL {
        let (w, dequantized) = weight(&backend, dtype, 11, 256, 5);
        let step = Embed {
            table: Parameter {
                id: ParameterId(0),
                value: w.clone(),
            },
            scale: 2.0,
        };
        let tokens = [10, 0, 3, 3];
        let batch = backend.upload_batch(&Batch::from_documents([tokens.as_slice()])).unwrap();
        let expected: Vec<f32> = tokens
            .iter()
            .flat_map(|&t| dequantized[t as usize * 256..][..256].iter().map(|v| v * 2.0))
            .collect();
        assert_eq!(values(&backend.embed(&step, &batch).unwrap()), expected, "{dtype}");
        let bad = backend.upload_batch(&Batch::from_documents([[11].as_slice()])).unwrap();
        let error = backend.embed(&step, &bad).unwrap_err().to_string();
        assert!(error.contains("token id 11 is out of range: there are 11"), "{error}");
    }
}

#[test]
fn vectors_become_f32() {
    let backend = CandleBackend::new();
    for dtype in [DType::F32, DType::F16, DType::BF16, DType::Q8_0] {
        let (w, dequantized) = weight_of_one_row(&backend, dtype);
        assert!(matches!(w, Weight::Dense(_)), "{dtype}");
        assert_eq!(decoder::Differentiable::read_weight(&backend, &w).unwrap(), dequantized);
    }
}

fn weight_of_one_row(backend: &CandleBackend, dtype: DType) -> (Weight, Vec<f32>) {
    weight(backend, dtype, 1, 64, 1)
}

#[test]
fn uploads_must_be_whole() {
    let backend = CandleBackend::new();
    let spec = WeightSpec {
        name: "blk.0.attn_q.weight".into(),
        dtype: DType::Q4_0,
        rows: 2,
        cols: 32,
    };
    let mut upload = backend.begin_weight(&spec).unwrap();
    let short = backend.write_weight(&mut upload, &[0; 17]).unwrap_err().to_string();
    assert!(short.contains("blk.0.attn_q.weight") && short.contains("17 bytes"), "{short}");
    backend.write_weight(&mut upload, &[0; 18]).unwrap();
    let long = backend.write_weight(&mut upload, &[0; 36]).unwrap_err().to_string();
    assert!(long.contains("more than its 2 rows"), "{long}");
    let missing = backend.finish_weight(upload).err().unwrap().to_string();
    assert!(missing.contains("1 of 2 rows"), "{missing}");
    let huge = WeightSpec {
        name: "huge".into(),
        dtype: DType::F32,
        rows: usize::MAX / 1024,
        cols: 8,
    };
    assert!(matches!(backend.begin_weight(&huge), Err(decoder::Error::OutOfMemory { .. })));
}

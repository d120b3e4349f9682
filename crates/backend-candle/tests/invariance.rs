//! What a row gets is the same to the last bit, whatever rows stand beside it: of products with quantised weights, and of attention.
//!
//! Scores rest on it: quantised products round activations to 16 bits, and what differs by a last bit before the rounding differs by 10⁻⁴ in
//! log-probability behind a few layers.

mod oracle;

use candle_core::Tensor;
use candle_core::quantized::{GgmlDType, QTensor};
use decoder::backend::{CacheShape, WeightSpec};
use decoder::step::Attend;
use decoder::{Backend, Batch, DType, Qkv};
use mmedkit_backend_candle::quant::{Activations, product};
use mmedkit_backend_candle::{Cache, CandleBackend, Weight};
use oracle::{Numbers, values};

fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

const BLOCK_FORMATS: [(DType, GgmlDType); 10] = [
    (DType::Q4_0, GgmlDType::Q4_0),
    (DType::Q4_1, GgmlDType::Q4_1),
    (DType::Q5_0, GgmlDType::Q5_0),
    (DType::Q5_1, GgmlDType::Q5_1),
    (DType::Q8_0, GgmlDType::Q8_0),
    (DType::Q2_K, GgmlDType::Q2K),
    (DType::Q3_K, GgmlDType::Q3K),
    (DType::Q4_K, GgmlDType::Q4K),
    (DType::Q5_K, GgmlDType::Q5K),
    (DType::Q6_K, GgmlDType::Q6K),
];

/// One row, two, three (one kernel), four and more (another): every row's products are the same bits. More than one stretch of columns, and
/// weight rows that do not fill the last tile.
#[test]
fn products_with_quantised_weights() {
    let backend = CandleBackend::new();
    let (outputs, cols, rows) = (19, 1280, 7);
    for (dtype, ggml) in BLOCK_FORMATS {
        let quantized = QTensor::quantize(&Numbers::new(3).tensor(outputs, cols), ggml).unwrap();
        let spec = WeightSpec {
            name: "test".into(),
            dtype,
            rows: outputs,
            cols,
        };
        let mut upload = backend.begin_weight(&spec).unwrap();
        backend.write_weight(&mut upload, &quantized.data().unwrap()).unwrap();
        let Weight::Quantized(matrix) = backend.finish_weight(upload).unwrap() else {
            panic!("{dtype} stays quantised")
        };
        let x = values(&Numbers::new(4).tensor(rows, cols));
        let all = product(&matrix, &Activations::quantize(&x, cols));
        assert!(all.iter().all(|value| value.is_finite() && *value != 0.0), "{dtype}");
        for together in 1..=5 {
            for first in 0..=rows - together {
                let some = product(&matrix, &Activations::quantize(&x[first * cols..][..together * cols], cols));
                let expected = &all[first * outputs..][..together * outputs];
                assert_eq!(bits(&some), bits(expected), "{dtype}: {together} rows from {first}");
            }
        }
    }
}

/// A text of 150 tokens whole, and the same text in parts that find what was before in the cache, each part beside another text: parts as long
/// as a block and longer, parts read where keys lie, and slots in no order.
#[test]
fn attention() {
    const ROWS: usize = 150;
    const OTHER: usize = 40;
    for (heads, kv_heads, head_dim, softcap, window) in [
        (4, 2, 32, None, None),
        (3, 1, 20, Some(1.5), None),
        (2, 2, 64, None, Some(50)),
        (6, 2, 8, Some(2.0), Some(7)),
        (1, 1, 5, None, None),
    ] {
        let step = Attend {
            layer: 0,
            heads,
            kv_heads,
            head_dim,
            scale: 0.3,
            softcap,
            window,
        };
        let backend = CandleBackend::new();
        let mut numbers = Numbers::new(9);
        let mut tensor = |rows, heads| numbers.tensor(rows, heads * head_dim);
        let (q, k, v) = (tensor(ROWS, heads), tensor(ROWS, kv_heads), tensor(ROWS, kv_heads));
        let (other_q, other_k, other_v) = (tensor(OTHER, heads), tensor(OTHER, kv_heads), tensor(OTHER, kv_heads));
        let shape = CacheShape {
            layers: 1,
            kv_heads,
            head_dim,
            slots: 512,
        };
        let run = |batch: &Batch, [q, k, v]: [Tensor; 3], cache: &Cache| {
            let batch = backend.upload_batch(batch).unwrap();
            values(&backend.attend(&step, &Qkv { q, k, v }, &batch, Some(cache)).unwrap())
        };
        let width = heads * head_dim;
        let slots: Vec<u32> = (0..ROWS as u32).collect();
        let mut batch = Batch::default();
        batch.push(&[0; ROWS], &[], &slots);
        let whole = run(&batch, [q.clone(), k.clone(), v.clone()], &backend.new_cache(&shape).unwrap());

        // 7 and 512 have no common divisor: another place for every token, and neighbours apart.
        let scattered: Vec<u32> = (0..ROWS as u32).map(|i| i * 7 % 512).collect();
        let other_slots: Vec<u32> = (ROWS as u32..(ROWS + OTHER) as u32).map(|i| i * 7 % 512).collect();
        let parts_cache = backend.new_cache(&shape).unwrap();
        let mut first = 0;
        for rows in [70, 1, 3, 5, 2, 69] {
            let mut batch = Batch::default();
            batch.push(&[0; OTHER], &[], &other_slots);
            batch.push(&vec![0; rows], &scattered[..first], &scattered[first..first + rows]);
            let both = |other: &Tensor, own: &Tensor| Tensor::cat(&[other, &own.narrow(0, first, rows).unwrap()], 0).unwrap();
            let part = run(&batch, [both(&other_q, &q), both(&other_k, &k), both(&other_v, &v)], &parts_cache);
            let expected = &whole[first * width..][..rows * width];
            assert_eq!(bits(&part[OTHER * width..]), bits(expected), "{step:?}: {rows} rows from {first}");
            first += rows;
        }
        assert_eq!(first, ROWS);
    }
}

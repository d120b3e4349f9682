//! Attention through a cache equals attention without one: in one pass, in pieces, token by token, and through a shared prefix.

mod oracle;

use candle_core::Tensor;
use decoder::step::Attend;
use decoder::{Backend, Batch, CacheShape, Error, Qkv};
use mmedkit_backend_candle::CandleBackend;
use oracle::{Numbers, close, distance, values};

const HEADS: usize = 4;
const KV_HEADS: usize = 2;
const HEAD_DIM: usize = 16;
const LENGTH: usize = 90;

fn step(softcap: Option<f32>, window: Option<usize>) -> Attend {
    Attend {
        layer: 1,
        heads: HEADS,
        kv_heads: KV_HEADS,
        head_dim: HEAD_DIM,
        scale: 0.3,
        softcap,
        window,
    }
}

fn shape(slots: usize) -> CacheShape {
    CacheShape {
        layers: 2,
        kv_heads: KV_HEADS,
        head_dim: HEAD_DIM,
        slots,
    }
}

fn random_qkv() -> Qkv<Tensor> {
    let mut numbers = Numbers::new(23);
    Qkv {
        q: numbers.tensor(LENGTH, HEADS * HEAD_DIM),
        k: numbers.tensor(LENGTH, KV_HEADS * HEAD_DIM),
        v: numbers.tensor(LENGTH, KV_HEADS * HEAD_DIM),
    }
}

fn rows(qkv: &Qkv<Tensor>, from: usize, count: usize) -> Qkv<Tensor> {
    let cut = |tensor: &Tensor| tensor.narrow(0, from, count).unwrap().contiguous().unwrap();
    Qkv {
        q: cut(&qkv.q),
        k: cut(&qkv.k),
        v: cut(&qkv.v),
    }
}

/// Slots in no order, as a paged cache hands them out.
fn slot(position: usize) -> u32 {
    (position * 37 % 128) as u32
}

#[test]
fn pieces_equal_the_whole() {
    let backend = CandleBackend::new();
    let qkv = random_qkv();
    for (softcap, window) in [(None, None), (Some(2.0), None), (None, Some(7)), (None, Some(70))] {
        let step = step(softcap, window);
        let whole = Batch::from_documents([vec![0; LENGTH].as_slice()]);
        let expected = oracle::attend(&step, &qkv.q, &qkv.k, &qkv.v, &whole);
        for piece in [LENGTH, 33, 5, 1] {
            let cache = backend.new_cache(&shape(128)).unwrap();
            let mut outputs = Vec::new();
            for from in (0..LENGTH).step_by(piece) {
                let count = piece.min(LENGTH - from);
                let prefix: Vec<u32> = (0..from).map(slot).collect();
                let slots: Vec<u32> = (from..from + count).map(slot).collect();
                let mut batch = Batch::default();
                batch.push(&vec![0; count], &prefix, &slots);
                let batch = backend.upload_batch(&batch).unwrap();
                outputs.push(backend.attend(&step, &rows(&qkv, from, count), &batch, Some(&cache)).unwrap());
            }
            close(
                &format!("pieces of {piece}, {step:?}"),
                &Tensor::cat(&outputs, 0).unwrap(),
                &expected,
                1e-5,
            );
        }
    }
}

/// A context and two continuations of it, all in one pass; then a third one in a later pass.
#[test]
fn continuations_share_a_prefix() {
    let backend = CandleBackend::new();
    let qkv = random_qkv();
    let step = step(None, None);
    let cache = backend.new_cache(&shape(128)).unwrap();
    let prefix: Vec<u32> = (0..40).map(slot).collect();
    let (first, second, third): (Vec<u32>, Vec<u32>, Vec<u32>) = (
        (40..43).map(slot).collect(),
        (43..60).map(slot).collect(),
        (60..70).map(slot).collect(),
    );
    let mut batch = Batch::default();
    batch.push(&[0; 40], &[], &prefix);
    batch.push(&[0; 3], &prefix, &first);
    batch.push(&[0; 17], &prefix, &second);
    let pass = backend
        .attend(&step, &rows(&qkv, 0, 60), &backend.upload_batch(&batch).unwrap(), Some(&cache))
        .unwrap();
    let mut later = Batch::default();
    later.push(&[0; 10], &prefix, &third);
    let later = backend
        .attend(&step, &rows(&qkv, 60, 10), &backend.upload_batch(&later).unwrap(), Some(&cache))
        .unwrap();
    let ours = values(&Tensor::cat(&[pass, later], 0).unwrap());

    let width = HEADS * HEAD_DIM;
    for (from, to) in [(40, 43), (43, 60), (60, 70)] {
        // Alone: the prefix and this continuation as one document.
        let order: Vec<u32> = (0..40).chain(from..to).collect();
        let picked = Tensor::new(order.as_slice(), &candle_core::Device::Cpu).unwrap();
        let pick = |tensor: &Tensor| tensor.index_select(&picked, 0).unwrap();
        let alone = Batch::from_documents([vec![0; order.len()].as_slice()]);
        let expected = values(&oracle::attend(&step, &pick(&qkv.q), &pick(&qkv.k), &pick(&qkv.v), &alone));
        let d = distance(&ours[from as usize * width..to as usize * width], &expected[40 * width..]);
        assert!(d < 1e-5, "continuation {from}..{to}: {d:e}");
    }
}

#[test]
fn slots_outside_the_cache_are_refused() {
    let backend = CandleBackend::new();
    let cache = backend.new_cache(&shape(4)).unwrap();
    let qkv = rows(&random_qkv(), 0, 1);
    let attend = |prefix: &[u32], slot: u32| {
        let mut batch = Batch::default();
        batch.push(&[0], prefix, &[slot]);
        backend
            .attend(&step(None, None), &qkv, &backend.upload_batch(&batch).unwrap(), Some(&cache))
            .map(|_| ())
    };
    assert!(matches!(attend(&[], 4), Err(Error::Input(message)) if message.contains("slot 4")));
    assert!(matches!(attend(&[3], 0), Err(Error::Input(message)) if message.contains("slot 3")));
    assert!(attend(&[], 3).is_ok());
}

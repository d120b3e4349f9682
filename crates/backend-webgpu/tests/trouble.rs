//! What goes wrong must be said plainly: no adapter, a lost device, too little memory, weights and batches that make no sense.

use decoder::backend::WeightSpec;
use decoder::step::{Attend, Embed, Head, Linear, Norm, Parameter, ParameterId};
use decoder::{Backend, Batch, CacheShape, DType, Error, Qkv};
use mmedkit_backend_webgpu::{Options, WebGpuBackend, Weight};
use pollster::block_on;

fn device() -> WebGpuBackend {
    block_on(WebGpuBackend::new(Options::default())).expect("a Vulkan device; on Debian install mesa-vulkan-drivers")
}

fn floats(b: &WebGpuBackend, rows: usize, cols: usize) -> Weight {
    let spec = WeightSpec {
        name: "test.weight".into(),
        dtype: DType::F32,
        rows,
        cols,
    };
    let mut upload = b.begin_weight(&spec).unwrap();
    b.write_weight(&mut upload, &vec![0u8; rows * cols * 4]).unwrap();
    b.finish_weight(upload).unwrap()
}

fn parameter(value: Weight) -> Parameter<Weight> {
    Parameter { id: ParameterId(0), value }
}

fn head(b: &WebGpuBackend, width: usize, vocabulary: usize) -> Head<Weight> {
    Head {
        norm: Norm {
            weight: parameter(floats(b, 1, width)),
            eps: 1e-5,
            offset: 1.0,
        },
        project: Linear {
            weight: parameter(floats(b, vocabulary, width)),
            bias: None,
            inputs: width,
            outputs: vocabulary,
        },
        softcap: None,
    }
}

#[test]
fn a_missing_adapter_is_named_with_what_there_is() {
    let error = block_on(WebGpuBackend::new(Options {
        adapter: Some("no such adapter".into()),
        ..Options::default()
    }))
    .err()
    .unwrap();
    let found = device().adapter().name.clone();
    let text = error.to_string();
    assert!(text.contains("no such adapter") && text.contains(&found), "{text}");
}

#[test]
fn an_unwanted_software_adapter_is_refused() {
    if !device().adapter().software {
        // On a machine with a graphics card there is nothing to refuse; that its adapter is taken is the test then.
        assert!(
            block_on(WebGpuBackend::new(Options {
                refuse_software: true,
                ..Options::default()
            }))
            .is_ok()
        );
        return;
    }
    let error = block_on(WebGpuBackend::new(Options {
        refuse_software: true,
        ..Options::default()
    }))
    .err()
    .unwrap();
    assert!(error.to_string().contains("software adapter"), "{error}");
}

#[test]
fn a_lost_device_is_reported_and_another_can_be_opened() {
    let b = device();
    let x = b.tensor(&[1.0, 2.0], 1, 2).unwrap();
    assert_eq!(block_on(b.read(&x)).unwrap(), [1.0, 2.0]);
    let mut lost = std::pin::pin!(b.lost());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(lost.as_mut().poll(&mut context).is_pending(), "it is there");
    b.destroy();
    let error = block_on(b.read(&x)).expect_err("the device is gone");
    assert!(matches!(error, Error::DeviceLost { .. }), "{error:?}");
    assert!(lost.as_mut().poll(&mut context).is_ready(), "whoever waits for it is told");
    let error = b
        .begin_weight(&WeightSpec {
            name: "w".into(),
            dtype: DType::F32,
            rows: 1,
            cols: 8,
        })
        .err()
        .expect("still gone");
    assert!(matches!(error, Error::DeviceLost { .. }), "{error:?}");
    let again = device();
    let x = again.tensor(&[3.0], 1, 1).unwrap();
    assert_eq!(block_on(again.read(&x)).unwrap(), [3.0]);
}

#[test]
fn a_cache_that_cannot_be_held_is_out_of_memory() {
    let b = device();
    let before = b.allocated();
    let error = b
        .new_cache(&CacheShape {
            layers: 2,
            kv_heads: 8,
            head_dim: 128,
            slots: 1 << 30,
        })
        .err()
        .unwrap();
    assert!(matches!(error, Error::OutOfMemory { .. }), "{error:?}");
    assert!(error.to_string().contains("shorter context"), "{error}");
    assert_eq!(b.allocated(), before);
}

#[test]
fn weights_that_come_wrong_are_refused_and_freed() {
    let b = device();
    let before = b.allocated();
    let spec = WeightSpec {
        name: "blk.0.w".into(),
        dtype: DType::Q4_0,
        rows: 3,
        cols: 64,
    };
    let mut upload = b.begin_weight(&spec).unwrap();
    let text = b.write_weight(&mut upload, &[0; 35]).err().unwrap().to_string();
    assert!(text.contains("blk.0.w") && text.contains("36 bytes"), "{text}");
    let text = b.write_weight(&mut upload, &[0; 4 * 36]).err().unwrap().to_string();
    assert!(text.contains("of 3 rows"), "{text}");
    b.write_weight(&mut upload, &[0; 2 * 36]).unwrap();
    let text = b.finish_weight(upload).err().unwrap().to_string();
    assert!(text.contains("2 of 3 rows"), "{text}");
    let text = b.begin_weight(&WeightSpec { cols: 65, ..spec.clone() }).err().unwrap().to_string();
    assert!(text.contains("Q4_0 blocks"), "{text}");
    assert!(b.begin_weight(&WeightSpec { rows: 0, ..spec }).is_err());
    assert_eq!(b.allocated(), before);
}

#[test]
fn batches_that_make_no_sense_are_refused() {
    let b = device();
    assert!(matches!(b.upload_batch(&Batch::default()), Err(Error::Input(_))));
    let mut batch = Batch::from_documents([[1u32, 2, 3].as_slice()]);
    batch.segments[0].context_len = 99;
    assert!(matches!(b.upload_batch(&batch), Err(Error::Input(_))));
    let mut batch = Batch::from_documents([[1u32, 2, 3].as_slice()]);
    batch.slots.pop();
    assert!(matches!(b.upload_batch(&batch), Err(Error::Input(_))));
    // A token outside of the table.
    let table = Embed {
        table: parameter(floats(&b, 4, 8)),
        scale: 1.0,
    };
    let batch = b.upload_batch(&Batch::from_documents([[1u32, 4].as_slice()])).unwrap();
    let text = b.embed(&table, &batch).err().unwrap().to_string();
    assert!(text.contains("token 4"), "{text}");
    // A slot outside of the cache.
    let mut batch = Batch::default();
    batch.push(&[0, 0], &[], &[0, 7]);
    let batch = b.upload_batch(&batch).unwrap();
    let cache = b
        .new_cache(&CacheShape {
            layers: 1,
            kv_heads: 1,
            head_dim: 16,
            slots: 4,
        })
        .unwrap();
    let row = |n: usize| b.tensor(&vec![0.0; n], 2, n / 2).unwrap();
    let qkv = Qkv {
        q: row(32),
        k: row(32),
        v: row(32),
    };
    let step = Attend {
        layer: 0,
        heads: 1,
        kv_heads: 1,
        head_dim: 16,
        scale: 1.0,
        softcap: None,
        window: None,
    };
    let text = b.attend(&step, &qkv, &batch, Some(&cache)).err().unwrap().to_string();
    assert!(text.contains("slot 7"), "{text}");
    // Rows, tokens and targets that are not there.
    let head = head(&b, 16, 10);
    let x = row(32);
    assert!(b.head_logits(&head, &x, &[2]).is_err());
    assert!(b.head_logits(&head, &x, &[]).is_err());
    assert!(b.head_tokens(&head, &x, &[0], &[10]).is_err());
    assert!(b.head_log_probs(&head, &x, &[0], &[1, 2]).is_err());
    assert!(b.head_log_probs(&head, &x, &[0], &[10]).is_err());
}

/// Decoding for long must not take more memory with every token, nor more than one submit each.
#[test]
fn memory_stays_level_and_a_pass_is_one_submit() {
    let b = device();
    let head = head(&b, 64, 500);
    let table = Embed {
        table: parameter(floats(&b, 500, 64)),
        scale: 1.0,
    };
    let mut level = 0;
    for round in 0..40 {
        let batch = b.upload_batch(&Batch::from_documents([[round as u32].as_slice()])).unwrap();
        let x = b.embed(&table, &batch).unwrap();
        let submits = b.submits();
        let best = block_on(b.read(&b.head_best(&head, &x, &[0]).unwrap())).unwrap();
        assert_eq!(best, [0.0], "all logits are zero, so the lowest id is the most likely");
        assert_eq!(b.submits() - submits, 1);
        match round {
            5 => level = b.allocated(),
            6.. => assert_eq!(b.allocated(), level, "round {round}"),
            _ => {}
        }
    }
}

/// Freed at once, also while a recorded pass still uses it.
#[test]
fn dropped_weights_are_freed() {
    let b = device();
    let before = b.allocated();
    let weight = floats(&b, 1000, 1000);
    assert!(b.allocated() >= before + 4_000_000);
    let table = Embed {
        table: parameter(weight),
        scale: 1.0,
    };
    let batch = b.upload_batch(&Batch::from_documents([[7u32].as_slice()])).unwrap();
    let x = b.embed(&table, &batch).unwrap();
    drop(table);
    assert_eq!(block_on(b.read(&x)).unwrap(), vec![0.0; 1000]);
    assert!(
        b.allocated() < before + 1_000_000,
        "{} of {before} bytes more are still held",
        b.allocated() - before
    );
}

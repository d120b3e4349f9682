//! Every kernel and every type of weight against the oracles, on the device that the Vulkan loader finds. `cargo xtask test` runs this twice, and names the
//! driver each time: Mesa's lavapipe, then Chromium's SwiftShader. No device at all is a failure.
//!
//! Sizes are the awkward ones: around tile edges, heads of every width in use, vocabularies in several buffers.

use decoder::step::{Activation, RopeLayout};
use decoder::{DType, Error};
use mmedkit_backend_webgpu::checks::{self, AttendCase, HeadCase, MlpCase, QkvCase};
use mmedkit_backend_webgpu::oracle::random::Halves;
use mmedkit_backend_webgpu::self_test::{GATE, HALF_CACHE, HEAD, PRODUCT, STEP};
use mmedkit_backend_webgpu::{Options, WebGpuBackend};

#[track_caller]
fn within(what: &str, error: f64, tolerance: f64) {
    println!("{what}: {error:.2e} (at most {tolerance:.0e})");
    assert!(error <= tolerance, "{what}: {error:e} is more than {tolerance:e}");
}

fn run(options: Options, test: impl AsyncFn(&WebGpuBackend) -> Result<(), Error>) {
    pollster::block_on(async {
        let backend = WebGpuBackend::new(options)
            .await
            .expect("a Vulkan device; on Debian install mesa-vulkan-drivers");
        println!("{:?}", backend.adapter());
        test(&backend).await.expect("no error of the device");
    });
}

/// Default limits, so that nothing relies on more.
fn options() -> Options {
    Options {
        default_limits: true,
        ..Options::default()
    }
}

#[test]
fn products_of_every_type() {
    run(options(), async |b| {
        for dtype in DType::ALL {
            for rows in [1, 2, 3, 4, 5, 17, 64, 65] {
                let error = checks::linear(b, dtype, rows, 256, 67, Halves::Normal).await?;
                within(&format!("{dtype}, {rows} rows"), error, PRODUCT);
            }
            within(
                &format!("{dtype}, small scales, vector"),
                checks::linear(b, dtype, 1, 512, 33, Halves::Subnormal).await?,
                PRODUCT,
            );
            within(
                &format!("{dtype}, small scales, tiles"),
                checks::linear(b, dtype, 9, 512, 33, Halves::Subnormal).await?,
                PRODUCT,
            );
            within(
                &format!("{dtype}, rows of a table"),
                checks::embed(b, dtype, 17, 768, Halves::Normal).await?,
                PRODUCT,
            );
        }
        Ok(())
    });
}

#[test]
fn products_of_awkward_widths() {
    run(options(), async |b| {
        for (rows, inputs, outputs) in [
            (1, 8, 1),
            (1, 160, 64),
            (2, 100, 3),
            (7, 100, 130),
            (33, 20, 64),
            (64, 1, 1),
            (5, 2048, 9),
            (200, 96, 129),
        ] {
            for dtype in [DType::F32, DType::F16, DType::BF16] {
                let error = checks::linear(b, dtype, rows, inputs, outputs, Halves::Normal).await?;
                within(&format!("{dtype} [{rows}, {inputs}] to {outputs}"), error, PRODUCT);
            }
        }
        for inputs in [32, 96, 160] {
            for dtype in [DType::Q4_0, DType::Q4_1, DType::Q5_0, DType::Q5_1, DType::Q8_0] {
                for rows in [1, 6] {
                    within(
                        &format!("{dtype} [{rows}, {inputs}]"),
                        checks::linear(b, dtype, rows, inputs, 21, Halves::Normal).await?,
                        PRODUCT,
                    );
                }
            }
        }
        Ok(())
    });
}

#[test]
fn weights_in_several_buffers() {
    // Room for a few rows only: products, tables and vocabularies are split.
    let options = Options {
        max_binding_bytes: Some(64 << 10),
        ..options()
    };
    run(options, async |b| {
        for dtype in [DType::F32, DType::Q4_K, DType::Q8_0, DType::Q6_K] {
            for rows in [1, 6] {
                within(
                    &format!("{dtype}, {rows} rows"),
                    checks::linear(b, dtype, rows, 256, 700, Halves::Normal).await?,
                    PRODUCT,
                );
            }
            within(
                &format!("{dtype}, table"),
                checks::embed(b, dtype, 6, 2048, Halves::Normal).await?,
                PRODUCT,
            );
        }
        let case = HeadCase {
            dtype: DType::F32,
            batch_rows: 7,
            asked: 13,
            width: 64,
            vocabulary: 1000,
            softcap: None,
        };
        within("head", checks::head(b, &case).await?, HEAD);
        Ok(())
    });
}

#[test]
fn queries_keys_and_values() {
    run(options(), async |b| {
        for head_dim in [16, 24, 64, 80, 128, 256] {
            for (layout, normed, bias) in [
                (RopeLayout::Halves, false, true),
                (RopeLayout::Interleaved, true, false),
                (RopeLayout::Halves, true, true),
            ] {
                for rows in [1, 17] {
                    let case = QkvCase {
                        rows,
                        width: 64,
                        heads: 4,
                        kv_heads: 2,
                        head_dim,
                        layout,
                        normed,
                        bias,
                    };
                    within(&format!("{case:?}"), checks::project_qkv(b, &case).await?, STEP);
                }
            }
        }
        Ok(())
    });
}

fn cases() -> Vec<AttendCase> {
    let mut cases = Vec::new();
    for head_dim in [16, 24, 64, 80, 128, 256] {
        for (heads, kv_heads) in [(4, 2), (3, 3), (7, 1)] {
            let base = AttendCase {
                heads,
                kv_heads,
                head_dim,
                window: None,
                softcap: None,
                cached: 0,
                stem: 65,
                branches: vec![],
            };
            cases.push(base.clone());
            cases.push(AttendCase {
                stem: 33,
                branches: vec![1, 4, 17],
                softcap: Some(30.0),
                ..base.clone()
            });
            cases.push(AttendCase {
                cached: 50,
                stem: 40,
                branches: vec![2, 3],
                window: Some(33),
                ..base.clone()
            });
            cases.push(AttendCase {
                cached: 150,
                stem: 1,
                ..base.clone()
            });
            cases.push(AttendCase {
                cached: 300,
                stem: 1,
                branches: vec![1, 1],
                window: Some(140),
                softcap: Some(50.0),
                ..base
            });
        }
    }
    cases
}

#[test]
fn attention() {
    run(options(), async |b| {
        for case in cases() {
            within(&format!("{case:?}"), checks::attend(b, &case).await?, STEP);
        }
        Ok(())
    });
}

#[test]
fn attention_over_long_contexts() {
    // Long enough to be split, with rows that see more and fewer parts.
    let base = AttendCase {
        heads: 4,
        kv_heads: 2,
        head_dim: 64,
        window: None,
        softcap: None,
        cached: 600,
        stem: 1,
        branches: vec![],
    };
    let others = AttendCase {
        cached: 400,
        branches: vec![1, 1],
        window: Some(300),
        softcap: Some(50.0),
        ..base.clone()
    };
    for half_cache in [false, true] {
        let (tolerance, shapes): (f64, &[_]) = if half_cache {
            (HALF_CACHE, &[(4, 2, 64)])
        } else {
            (STEP, &[(4, 2, 64), (7, 1, 24), (2, 2, 256)])
        };
        run(Options { half_cache, ..options() }, async |b| {
            for &(heads, kv_heads, head_dim) in shapes {
                for case in [&base, &others] {
                    let case = AttendCase {
                        heads,
                        kv_heads,
                        head_dim,
                        ..case.clone()
                    };
                    within(&format!("{case:?}"), checks::attend(b, &case).await?, tolerance);
                }
            }
            Ok(())
        });
    }
}

#[test]
fn attention_over_halves() {
    run(
        Options {
            half_cache: true,
            ..options()
        },
        async |b| {
            for case in cases().into_iter().filter(|c| c.cached > 0) {
                within(&format!("{case:?}"), checks::attend(b, &case).await?, HALF_CACHE);
            }
            Ok(())
        },
    );
}

#[test]
fn gate_and_up_in_one_kernel() {
    for no_extras in [false, true] {
        run(Options { no_extras, ..options() }, async |b| {
            for dtype in DType::ALL {
                for (rows, activation) in [(1, Activation::Silu), (3, Activation::GeluTanh)] {
                    let error = checks::gate(b, dtype, activation, rows, 256, 67).await?;
                    within(&format!("{dtype}, {rows} rows, {activation:?}"), error, GATE);
                }
            }
            let error = checks::gate(b, DType::F32, Activation::Silu, 2, 100, 9).await?;
            within("rows of 100", error, GATE);
            Ok(())
        });
    }
    // In several buffers.
    let options = Options {
        max_binding_bytes: Some(64 << 10),
        ..options()
    };
    run(options, async |b| {
        let error = checks::gate(b, DType::Q8_0, Activation::Silu, 1, 256, 700).await?;
        within("several buffers", error, GATE);
        Ok(())
    });
}

#[test]
fn gated_mlps() {
    run(options(), async |b| {
        for (rows, width, hidden) in [(1, 64, 160), (3, 64, 172), (17, 96, 40), (65, 128, 96)] {
            for activation in [Activation::Silu, Activation::GeluTanh] {
                for post_norm in [false, true] {
                    let case = MlpCase {
                        rows,
                        width,
                        hidden,
                        activation,
                        post_norm,
                    };
                    within(&format!("{case:?}"), checks::gated_mlp(b, &case).await?, STEP);
                }
            }
        }
        Ok(())
    });
}

#[test]
fn heads() {
    run(options(), async |b| {
        for (dtype, asked, width, vocabulary) in [
            (DType::F32, 1, 64, 320),
            (DType::F16, 5, 40, 1001),
            (DType::Q8_0, 17, 64, 320),
            (DType::Q6_K, 2, 256, 1500),
            (DType::F32, 9, 20, 3),
        ] {
            for softcap in [None, Some(30.0)] {
                let case = HeadCase {
                    dtype,
                    batch_rows: 21,
                    asked,
                    width,
                    vocabulary,
                    softcap,
                };
                within(&format!("{case:?}"), checks::head(b, &case).await?, HEAD);
            }
        }
        Ok(())
    });
}

#[test]
fn the_self_test_passes() {
    // With all that the adapter grants, subgroups included where it has them.
    run(Options::default(), async |b| {
        let test = b.self_test().await?;
        println!("{test}");
        assert!(test.passed(), "{test}");
        Ok(())
    });
}

#[test]
fn products_without_subgroups() {
    run(
        Options {
            no_extras: true,
            ..options()
        },
        async |b| {
            assert_eq!(b.adapter().subgroup, 1);
            for dtype in DType::ALL {
                for rows in [1, 3] {
                    within(
                        &format!("{dtype}, {rows} rows"),
                        checks::linear(b, dtype, rows, 256, 67, Halves::Normal).await?,
                        PRODUCT,
                    );
                }
            }
            Ok(())
        },
    );
}

//! Products in 16-bit floats and in packed bytes against the oracles, the choice between them, and what becomes of a device on which they are wrong.
//!
//! Mesa's lavapipe has everything that is optional; SwiftShader has no `shader-f16`. What a device lacks must fall back to plain floats, which is
//! tested there instead, so that no test here passes by doing nothing.

use decoder::{DType, Error};
use mmedkit_backend_webgpu::checks;
use mmedkit_backend_webgpu::formats::packs;
use mmedkit_backend_webgpu::oracle::random::Halves;
use mmedkit_backend_webgpu::self_test::{HALF_PRODUCT, PACKED_INPUT, PACKED_PRODUCT, PRODUCT};
use mmedkit_backend_webgpu::{Arithmetic, Family, Fault, Numbers, Options, WebGpuBackend};

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

fn options(arithmetic: Arithmetic) -> Options {
    Options {
        default_limits: true,
        arithmetic,
        ..Options::default()
    }
}

#[test]
fn products_of_halves() {
    run(options(Family::Half.arithmetic()), async |b| {
        let there = b.families().half;
        assert_eq!(b.arithmetic().matmul, if there { Numbers::F16 } else { Numbers::F32 });
        // Without the feature these are plain floats, and as exact.
        let tolerance = if there { HALF_PRODUCT } else { PRODUCT };
        // The plain kernels are tested elsewhere.
        let dtypes: &[DType] = if there { &DType::ALL } else { &[DType::Q8_0] };
        for &dtype in dtypes {
            for rows in [5, 32, 65] {
                let error = checks::linear(b, dtype, rows, 256, 67, Halves::Normal).await?;
                within(&format!("{dtype}, {rows} rows"), error, tolerance);
            }
            let error = checks::linear(b, dtype, 9, 512, 33, Halves::Subnormal).await?;
            within(&format!("{dtype}, small scales"), error, tolerance);
            // Decoding stays exact.
            let error = checks::linear(b, dtype, 3, 256, 67, Halves::Normal).await?;
            within(&format!("{dtype}, 3 rows"), error, PRODUCT);
        }
        for (rows, inputs, outputs) in [(7, 100, 130), (33, 20, 64), (64, 1, 1), (200, 96, 129)] {
            let error = checks::linear(b, DType::F32, rows, inputs, outputs, Halves::Normal).await?;
            within(&format!("[{rows}, {inputs}] to {outputs}"), error, tolerance);
        }
        Ok(())
    });
}

/// Rounding of the inputs, the product of what was rounded, and the product of what was not.
async fn packed_product(b: &WebGpuBackend, dtype: DType, rows: usize, inputs: usize, halves: Halves) -> Result<(), Error> {
    let found = checks::packed(b, dtype, rows, inputs, 67, halves).await?;
    let name = format!("{dtype} [{rows}, {inputs}] {halves:?}");
    within(&format!("{name}, inputs"), found.input, PACKED_INPUT);
    within(&name, found.product, PRODUCT);
    within(&format!("{name}, exact"), found.exact, PACKED_PRODUCT);
    Ok(())
}

#[test]
fn products_of_packed_bytes() {
    run(options(Family::Packed.arithmetic()), async |b| {
        assert!(b.families().packed, "naga and Chromium both have it");
        for dtype in DType::ALL.into_iter().filter(|&dtype| packs(dtype)) {
            for rows in [1, 2, 4, 5, 17, 65] {
                let inputs = if rows == 1 { 2048 } else { 256 };
                packed_product(b, dtype, rows, inputs, Halves::Normal).await?;
                packed_product(b, dtype, rows, inputs, Halves::Subnormal).await?;
            }
        }
        for inputs in [32, 96, 160] {
            for dtype in [DType::Q4_0, DType::Q4_1, DType::Q5_0, DType::Q5_1, DType::Q8_0] {
                for rows in [1, 6] {
                    let found = checks::packed(b, dtype, rows, inputs, 21, Halves::Normal).await?;
                    within(&format!("{dtype} [{rows}, {inputs}]"), found.product, PRODUCT);
                }
            }
        }
        // Plain weights have no bytes to multiply.
        for rows in [1, 9] {
            let error = checks::linear(b, DType::F16, rows, 100, 30, Halves::Normal).await?;
            within(&format!("F16, {rows} rows"), error, PRODUCT);
        }
        Ok(())
    });
}

#[test]
fn products_of_packed_bytes_with_subgroups() {
    let arithmetic = Arithmetic {
        subgroups: true,
        ..Family::Packed.arithmetic()
    };
    run(options(arithmetic), async |b| {
        assert!(b.arithmetic().subgroups, "both software devices have them");
        for dtype in [DType::Q4_0, DType::Q4_K] {
            for rows in [1, 3] {
                packed_product(b, dtype, rows, 512, Halves::Normal).await?;
            }
        }
        Ok(())
    });
}

#[test]
fn packed_products_of_weights_in_several_buffers() {
    let options = Options {
        max_binding_bytes: Some(64 << 10),
        ..options(Family::Packed.arithmetic())
    };
    run(options, async |b| {
        for dtype in [DType::Q8_0, DType::Q6_K] {
            for rows in [1, 6] {
                let found = checks::packed(b, dtype, rows, 256, 700, Halves::Normal).await?;
                within(&format!("{dtype}, {rows} rows"), found.product, PRODUCT);
            }
        }
        Ok(())
    });
}

#[test]
fn the_arithmetic_may_change_between_passes() {
    run(options(Arithmetic::EXACT), async |b| {
        let product = async || checks::linear(b, DType::Q4_0, 1, 512, 40, Halves::Normal).await;
        within("exact", product().await?, PRODUCT);
        b.set_arithmetic(Family::Packed.arithmetic());
        let error = product().await?;
        assert!(error > PRODUCT && error <= PACKED_PRODUCT, "{error}");
        assert_eq!(b.kernels(), "matvec=i8 matmul=i8 cache=f32");
        b.set_arithmetic(Arithmetic::EXACT);
        within("exact again", product().await?, PRODUCT);
        Ok(())
    });
}

#[test]
fn a_device_without_options_is_plain() {
    let options = Options {
        no_extras: true,
        arithmetic: Arithmetic {
            subgroups: true,
            matvec: Numbers::I8,
            matmul: Numbers::F16,
        },
        ..Options::default()
    };
    assert_eq!(options.to_string(), "matvec=i8 matmul=f16 subgroups cache=f32");
    run(options, async |b| {
        assert_eq!(b.arithmetic(), Arithmetic::PLAIN);
        assert_eq!(b.kernels(), "matvec=f32 matmul=f32 cache=f32");
        for rows in [1, 9] {
            within(
                "product",
                checks::linear(b, DType::Q8_0, rows, 256, 40, Halves::Normal).await?,
                PRODUCT,
            );
        }
        Ok(())
    });
}

#[test]
fn a_family_with_wrong_numbers_is_given_up_and_the_device_stays() {
    for wrong in Family::ALL {
        let options = Options {
            fault: Some(Fault::Wrong(Some(wrong))),
            ..Options::default()
        };
        run(options, async |b| {
            let before = b.families();
            let test = b.self_test_within(&[DType::Q8_0], || true).await?;
            println!("{test}");
            assert!(test.passed(), "{test}");
            let given_up: Vec<Family> = test.given_up.iter().map(|(family, _)| *family).collect();
            if before.has(wrong) {
                assert_eq!(given_up, [wrong]);
                assert!(test.given_up[0].1.contains("wrong numbers"), "{test}");
            } else {
                assert_eq!(given_up, []);
            }
            assert_eq!(b.families(), before.without(wrong));
            b.set_arithmetic(wrong.arithmetic());
            assert_eq!(b.arithmetic(), Arithmetic::PLAIN);
            Ok(())
        });
    }
}

#[test]
fn families_that_the_compiler_refuses_are_given_up() {
    let options = Options {
        fault: Some(Fault::Refused),
        ..Options::default()
    };
    run(options, async |b| {
        let before = b.families();
        let test = b.self_test_within(&[DType::Q4_0], || true).await?;
        println!("{test}");
        assert!(test.passed() && test.unchecked == 0, "{test}");
        let there: Vec<Family> = Family::ALL.into_iter().filter(|&family| before.has(family)).collect();
        let given_up: Vec<Family> = test.given_up.iter().map(|(family, _)| *family).collect();
        assert_eq!(given_up, there);
        assert!(test.given_up.iter().all(|(_, why)| why.contains("refuses")), "{test}");
        assert_eq!(b.arithmetic(), Arithmetic::PLAIN);
        Ok(())
    });
}

#[test]
fn wrong_plain_kernels_fail_the_device() {
    let options = Options {
        fault: Some(Fault::Wrong(None)),
        ..Options::default()
    };
    run(options, async |b| {
        let test = b.self_test_within(&[DType::Q8_0], || true).await?;
        assert!(!test.passed(), "{test}");
        assert!(test.to_string().contains("wrong numbers in product of 19 rows with F32"), "{test}");
        Ok(())
    });
}

#[test]
fn without_time_nothing_unchecked_is_used() {
    run(Options::default(), async |b| {
        let before = b.families();
        let test = b.self_test_within(&[DType::Q8_0], || false).await?;
        assert!(test.passed() && test.checks.is_empty() && test.unchecked > 0, "{test}");
        // The first family that there is was checked, the others were not and are not used.
        let mut there = Family::ALL.into_iter().filter(|&family| before.has(family));
        let first = there.next().expect("every software device has something");
        assert!(b.families().has(first));
        assert!(there.all(|family| !b.families().has(family)), "{test}");
        Ok(())
    });
}

#[test]
fn tuning_measures_what_there_is_within_its_budget() {
    run(Options::default(), async |b| {
        let started = std::time::Instant::now();
        let clock = || started.elapsed().as_secs_f64() * 1e3;
        let tuning = b.tune(DType::Q8_0, &clock, 1000.0).await?;
        println!("{tuning}, in {:.0} ms", clock());
        for timing in &tuning.timings {
            println!("  {} rows, {}: {:.3} ms", timing.rows, timing.arithmetic, timing.milliseconds);
            assert!(timing.milliseconds > 0.0);
            assert_eq!(timing.arithmetic, timing.arithmetic.granted(b.families()), "only what there is");
        }
        // Plain forms of both are there to compare with, and scores stay in floats.
        for rows in [1, mmedkit_backend_webgpu::tune::PROMPT_ROWS] {
            assert!(tuning.timings.iter().any(|t| t.rows == rows && t.arithmetic == Arithmetic::PLAIN));
        }
        assert_eq!((tuning.exact.matvec, tuning.exact.matmul), (Numbers::F32, Numbers::F32));
        assert_eq!(b.arithmetic_wanted(), Arithmetic::EXACT, "as before");
        // A weight that has no bytes to multiply has no packed form.
        let plain = b.tune(DType::F16, &clock, 300.0).await?;
        assert!(
            plain
                .timings
                .iter()
                .all(|t| t.arithmetic.matvec != Numbers::I8 && t.arithmetic.matmul != Numbers::I8)
        );
        Ok(())
    });
}

//! The self-test on the devices that a machine has: both must give numpy's log-probabilities with models of every kind and every weight type.

use decoder::{Backend, DType};
use mmedkit_worker::engine::self_test::{self, EXACT, ROUNDED};
use mmedkit_worker::engine::tiny::Kind;

fn passes<B: Backend + Clone>(backend: &B, tolerance: f64) {
    for kind in Kind::ALL {
        for dtype in DType::ALL {
            let found = pollster::block_on(self_test::run(backend, kind, &[dtype], tolerance)).unwrap();
            println!("{}, {kind:?}: {}", backend.name(), found.details);
            assert!(found.passed, "{}, {kind:?}: {}", backend.name(), found.details);
        }
    }
}

#[test]
fn the_processor_passes() {
    passes(&backend_candle::CandleBackend::new(), ROUNDED);
}

#[test]
fn webgpu_passes() {
    let gpu = pollster::block_on(backend_webgpu::WebGpuBackend::new(Default::default()));
    passes(&gpu.expect("a Vulkan device, if only a software one"), EXACT);
}

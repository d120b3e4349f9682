//! The self-test on the devices that a machine has: both must give numpy's log-probabilities with every weight type.

use decoder::{Backend, DType};
use mmedkit_worker::engine::self_test;

fn passes<B: Backend + Clone>(backend: &B) {
    for dtype in DType::ALL {
        let found = pollster::block_on(self_test::run(backend, &[dtype])).unwrap();
        println!("{}: {}", backend.name(), found.details);
        assert!(found.passed, "{}: {}", backend.name(), found.details);
    }
}

#[test]
fn the_processor_passes() {
    passes(&backend_candle::CandleBackend::new());
}

#[test]
fn webgpu_passes() {
    passes(&pollster::block_on(backend_webgpu::WebGpuBackend::new(Default::default())).expect("a Vulkan device, if only a software one"));
}

//! The self-test, on the devices that this machine has: they must pass it with every weight type, and a device that computes wrongly must not.

use decoder::{Backend, DType};
use worker::engine::self_test;

#[test]
fn the_processor_gives_the_golden_values_with_every_weight_type() {
    let backend = backend_candle::CandleBackend::default();
    for dtype in DType::ALL {
        let found = pollster::block_on(self_test::run(&backend, &[dtype])).unwrap();
        println!("{}: {}", backend.name(), found.details);
        assert!(found.passed, "{}", found.details);
    }
}

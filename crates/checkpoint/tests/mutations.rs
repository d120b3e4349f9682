//! Thousands of damaged headers: reading never panics and never takes more memory than the file could justify.

use mmedkit_checkpoint::safetensors::{SafetensorsFile, SafetensorsWriter};
use mmedkit_checkpoint::{GgufFile, Memory, TensorSpec};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Counts what the current thread holds.
struct Counting;

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

fn add(bytes: usize) {
    let held = HELD.get() + bytes;
    HELD.set(held);
    PEAK.set(PEAK.get().max(held));
}

unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        add(layout.size());
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        HELD.set(HELD.get().saturating_sub(layout.size()));
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What a byte of a header may cost: an empty string takes 8 bytes in the file and 24 in memory, which a growing vector may hold three times
/// over; the table of names doubles that.
const PER_BYTE: usize = 24;
const BASE: usize = 64 << 10;

/// xorshift64* (Vigna, 2016).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }
}

/// A damaged copy: bytes flipped, numbers replaced by telling ones, pieces copied over others, the end cut off.
fn mutate(original: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = original.to_vec();
    for _ in 0..1 + random.below(6) {
        let at = random.below(bytes.len());
        match random.below(6) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes[at] = random.next() as u8,
            2 | 3 => {
                let telling = [
                    0,
                    1,
                    255,
                    1 << 31,
                    u32::MAX as u64,
                    1 << 32,
                    1 << 62,
                    i64::MAX as u64,
                    u64::MAX,
                    original.len() as u64,
                ];
                let value = telling[random.below(telling.len())].to_le_bytes();
                let width = [4, 8][random.below(2)].min(bytes.len() - at);
                bytes[at..at + width].copy_from_slice(&value[..width]);
            }
            4 => {
                let (from, len) = (random.below(bytes.len()), random.below(64));
                let len = len.min(bytes.len() - from).min(bytes.len() - at);
                bytes.copy_within(from..from + len, at);
            }
            _ => bytes.truncate(at.max(1)),
        }
    }
    bytes
}

/// Reads `rounds` mutations of `original`; returns how many were refused.
fn run(original: &[u8], rounds: usize, seed: u64, read: impl Fn(Vec<u8>) -> bool) -> usize {
    let mut random = Random(seed);
    let mut refused = 0;
    for round in 0..rounds {
        let bytes = mutate(original, &mut random);
        let allowed = bytes.len() * PER_BYTE + BASE;
        let before = HELD.get();
        PEAK.set(before);
        refused += usize::from(!read(bytes));
        let used = PEAK.get() - before;
        assert!(used <= allowed, "round {round} took {used} bytes; {allowed} are allowed");
    }
    refused
}

#[test]
fn damaged_gguf_headers_are_survived() {
    let whole = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny.gguf")).unwrap();
    let header = pollster::block_on(GgufFile::open(Memory::new("tiny.gguf", &whole[..])))
        .unwrap()
        .header()
        .data_start as usize;
    let read = |bytes: Vec<u8>| pollster::block_on(GgufFile::open(Memory::new("x", bytes))).is_ok();
    // The header alone, so that mutations land in it; without data its tensors are cut short, so metadata are what is tested here.
    let refused = run(&whole[..header], 20_000, 1, read);
    println!("{refused} of 20000 refused");
    assert!(refused > 15_000);
    // And the whole file with its header in front: some mutations hit only data or text and are read.
    let refused = run(&whole, 20_000, 2, read);
    println!("{refused} of 20000 refused");
    assert!((1_000..20_000).contains(&refused));
}

#[test]
fn damaged_safetensors_headers_are_survived() {
    let specs: Vec<TensorSpec> = (0..8)
        .map(|i| TensorSpec::new(format!("model.layers.{i}.weight"), decoder::DType::F32, [2, i + 1]))
        .collect();
    let mut writer = SafetensorsWriter::new(std::io::Cursor::new(Vec::new()), "x", &Default::default(), &specs).unwrap();
    for spec in &specs {
        writer.write_tensor(&spec.name, &vec![1.0; spec.shape.iter().product()]).unwrap();
    }
    let whole = writer.finish().unwrap().into_inner();
    let read = |bytes: Vec<u8>| pollster::block_on(SafetensorsFile::open(Memory::new("x", bytes))).is_ok();
    let refused = run(&whole, 20_000, 3, read);
    println!("{refused} of 20000 refused");
    assert!((1_000..20_000).contains(&refused));
}

#[test]
fn any_prefix_of_a_file_is_refused() {
    let whole = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tiny.gguf")).unwrap();
    for len in 0..whole.len() {
        assert!(
            pollster::block_on(GgufFile::open(Memory::new("x", &whole[..len]))).is_err(),
            "{len} bytes"
        );
    }
}

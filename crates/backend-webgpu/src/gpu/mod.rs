//! The device at work: buffers and their pool, recorded dispatches, one submit for all of them, and reading back.
//!
//! Steps only record. [`Gpu::submit`] writes all uniforms at once, then encodes one encoder with one compute pass. Buffers of dropped tensors go
//! back to the pool at once: commands run in the order of recording, so a buffer may be written again by a later command. Buffers that the
//! host fills must wait until what reads them was submitted, because `write_buffer` runs before the next submit ([`Gpu::upload`]).

mod errors;
mod pool;
mod submit;

use crate::arithmetic::{Arithmetic, Families};
use crate::device::{AdapterInfo, Opened, Options, Trouble};
use crate::kernel::{Kernel, Pipeline};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};

/// Bytes of uniforms that a kernel sees. Every struct of [`crate::uniforms`] fits.
pub const UNIFORM_BYTES: u64 = 64;
/// Free activation buffers beyond this many bytes are given back to the device.
const POOL_BYTES: u64 = 256 << 20;
/// Workgroups in one dimension of a dispatch, WebGPU's default limit.
pub const MAX_GROUPS: u32 = 65_535;

/// A buffer on the device with an identity for the cache of bind groups.
pub struct Buffer {
    pub raw: wgpu::Buffer,
    pub id: u64,
    pub bytes: u64,
}

/// Where a buffer goes when its last handle is dropped.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Home {
    /// Written by kernels only: free at once.
    Pool,
    /// Written by the host: free after the next submit.
    Uploads,
    /// Weights and caches: destroyed.
    None,
}

/// A shared handle to a buffer.
pub struct Handle {
    buffer: Option<Buffer>,
    home: Home,
    gpu: Rc<Gpu>,
}

impl std::ops::Deref for Handle {
    type Target = Buffer;
    fn deref(&self) -> &Buffer {
        self.buffer.as_ref().expect("present until drop")
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        let Some(buffer) = self.buffer.take() else { return };
        match self.home {
            Home::Pool => self.gpu.free.borrow_mut().entry(buffer.bytes).or_default().push(buffer),
            Home::Uploads => self.gpu.retired.borrow_mut().push(buffer),
            Home::None => self.gpu.destroy(buffer),
        }
    }
}

struct Command {
    pipeline: Rc<Pipeline>,
    storage: wgpu::BindGroup,
    uniform_offset: u32,
    groups: [u32; 3],
}

type Scope = Pin<Box<dyn Future<Output = Option<wgpu::Error>>>>;

/// The device, its pools and what was recorded.
pub struct Gpu {
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    pub info: AdapterInfo,
    pub options: Options,
    /// What the device has, less what was found to be wrong.
    pub families: Cell<Families>,
    /// What the caller asked for.
    pub wanted: Cell<Arithmetic>,
    trouble: Arc<Mutex<Trouble>>,
    uniform_step: u64,
    next_id: Cell<u64>,
    free: RefCell<HashMap<u64, Vec<Buffer>>>,
    retired: RefCell<Vec<Buffer>>,
    free_uploads: RefCell<HashMap<u64, Vec<Buffer>>>,
    doomed: RefCell<Vec<Buffer>>,
    staging: RefCell<Vec<Buffer>>,
    commands: RefCell<Vec<Command>>,
    arena: RefCell<Vec<u8>>,
    uniforms: RefCell<Option<(Buffer, wgpu::BindGroup)>>,
    uniform_layout: wgpu::BindGroupLayout,
    pipelines: RefCell<HashMap<Kernel, Rc<Pipeline>>>,
    bind_groups: RefCell<HashMap<(Kernel, Vec<u64>), wgpu::BindGroup>>,
    scopes: RefCell<Vec<(&'static str, Scope)>>,
    submits: Cell<u64>,
    allocated: Cell<u64>,
}

impl Gpu {
    /// Takes an opened device.
    pub fn new(opened: Opened, options: Options) -> Rc<Gpu> {
        let Opened {
            device,
            queue,
            info,
            trouble,
        } = opened;
        let uniform_layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("uniforms"),
            entries: &[wgpu::BindGroupLayoutEntry {
                binding: 0,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer {
                    ty: wgpu::BufferBindingType::Uniform,
                    has_dynamic_offset: true,
                    min_binding_size: None,
                },
                count: None,
            }],
        });
        let uniform_step = u64::from(device.limits().min_uniform_buffer_offset_alignment).max(UNIFORM_BYTES);
        Rc::new(Gpu {
            device,
            queue,
            families: Cell::new(info.families),
            wanted: Cell::new(options.arithmetic),
            info,
            options,
            trouble,
            uniform_step,
            next_id: Cell::new(0),
            free: RefCell::default(),
            retired: RefCell::default(),
            free_uploads: RefCell::default(),
            doomed: RefCell::default(),
            staging: RefCell::default(),
            commands: RefCell::default(),
            arena: RefCell::default(),
            uniforms: RefCell::default(),
            uniform_layout,
            pipelines: RefCell::default(),
            bind_groups: RefCell::default(),
            scopes: RefCell::default(),
            submits: Cell::new(0),
            allocated: Cell::new(0),
        })
    }

    /// `WebGPU (adapter, backend)`.
    pub fn name(&self) -> String {
        format!("WebGPU ({}, {})", self.info.name, self.info.backend)
    }

    /// What was asked for, less what there is not.
    pub fn arithmetic(&self) -> Arithmetic {
        self.wanted.get().granted(self.families.get())
    }

    /// Threads that add in registers, 1 for none.
    pub fn subgroup(&self) -> u32 {
        if self.arithmetic().subgroups { self.info.subgroup } else { 1 }
    }

    /// Submits so far: one for each pass.
    pub fn submits(&self) -> u64 {
        self.submits.get()
    }

    /// Bytes of all buffers that exist now, pools included.
    pub fn allocated(&self) -> u64 {
        self.allocated.get()
    }

    pub(super) fn create(&self, label: &str, bytes: u64, usage: wgpu::BufferUsages) -> Buffer {
        let id = self.next_id.get();
        self.next_id.set(id + 1);
        self.allocated.set(self.allocated.get() + bytes);
        let raw = self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size: bytes,
            usage,
            mapped_at_creation: false,
        });
        Buffer { raw, id, bytes }
    }
}

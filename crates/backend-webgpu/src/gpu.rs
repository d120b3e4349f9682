//! The device at work: buffers and their pool, recorded dispatches, one submit for all of them, and reading back.
//!
//! Steps only record. [`Gpu::submit`] writes all uniforms at once, then encodes one encoder with one compute pass. Buffers of dropped tensors go
//! back to the pool at once: commands run in the order of recording, so a buffer may be written again by a later command. Buffers that the
//! host fills must wait until what reads them was submitted, because `write_buffer` runs before the next submit ([`Gpu::upload`]).

use crate::device::{AdapterInfo, Opened, Options, Trouble};
use crate::kernel::{Kernel, Pipeline};
use decoder::{Error, Result};
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
    uniforms: RefCell<Option<(wgpu::Buffer, wgpu::BindGroup)>>,
    uniform_layout: wgpu::BindGroupLayout,
    pipelines: RefCell<HashMap<Kernel, Rc<Pipeline>>>,
    bind_groups: RefCell<HashMap<(Kernel, Vec<u64>), wgpu::BindGroup>>,
    scopes: RefCell<Vec<(&'static str, Scope)>>,
    submits: Cell<u64>,
}

impl Gpu {
    /// Takes an opened device.
    pub fn new(opened: Opened, options: Options) -> Rc<Gpu> {
        let Opened { device, queue, info, trouble } = opened;
        let uniform_layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("uniforms"),
            entries: &[wgpu::BindGroupLayoutEntry {
                binding: 0,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer { ty: wgpu::BufferBindingType::Uniform, has_dynamic_offset: true, min_binding_size: None },
                count: None,
            }],
        });
        let uniform_step = u64::from(device.limits().min_uniform_buffer_offset_alignment).max(UNIFORM_BYTES);
        Rc::new(Gpu {
            device,
            queue,
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
        })
    }

    /// `WebGPU (adapter, backend)`.
    pub fn name(&self) -> String {
        format!("WebGPU ({}, {})", self.info.name, self.info.backend)
    }

    /// Submits so far: one for each pass.
    pub fn submits(&self) -> u64 {
        self.submits.get()
    }

    fn create(&self, label: &str, bytes: u64, usage: wgpu::BufferUsages) -> Buffer {
        let id = self.next_id.get();
        self.next_id.set(id + 1);
        let raw = self.device.create_buffer(&wgpu::BufferDescriptor { label: Some(label), size: bytes, usage, mapped_at_creation: false });
        Buffer { raw, id, bytes }
    }

    /// Errors where a buffer could not be bound whole.
    fn check_size(&self, what: &str, bytes: u64) -> Result<()> {
        let most = self.info.max_binding_bytes;
        if bytes > most {
            let problem = format!("{what} needs a buffer of {bytes} bytes, but this device binds at most {most}");
            return Err(Error::OutOfMemory { device: self.name(), problem });
        }
        Ok(())
    }

    /// A buffer that lives long: a weight or a cache. Zeroed by WebGPU. Errors of allocation surface at the next [`Gpu::check`].
    pub fn allocate(self: &Rc<Self>, label: &str, step: &'static str, bytes: u64) -> Result<Handle> {
        let bytes = bytes.max(4).next_multiple_of(4);
        self.check_size(label, bytes)?;
        let scope = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
        let buffer = self.create(label, bytes, usage);
        self.scopes.borrow_mut().push((step, Box::pin(scope.pop())));
        let handle = Handle { buffer: Some(buffer), home: Home::None, gpu: self.clone() };
        self.check()?;
        Ok(handle)
    }

    /// A buffer for an activation, contents arbitrary.
    pub fn scratch(self: &Rc<Self>, bytes: u64) -> Result<Handle> {
        let bytes = self.class(bytes);
        self.check_size("an activation", bytes)?;
        let old = self.free.borrow_mut().get_mut(&bytes).and_then(Vec::pop);
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        let buffer = old.unwrap_or_else(|| self.create("activation", bytes, usage));
        Ok(Handle { buffer: Some(buffer), home: Home::Pool, gpu: self.clone() })
    }

    /// A buffer with these words in it, for kernels to read.
    pub fn upload<T: bytemuck::NoUninit>(self: &Rc<Self>, data: &[T]) -> Result<Handle> {
        let data: &[u8] = bytemuck::cast_slice(data);
        let bytes = self.class(data.len() as u64);
        self.check_size("the batch", bytes)?;
        let old = self.free_uploads.borrow_mut().get_mut(&bytes).and_then(Vec::pop);
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
        let buffer = old.unwrap_or_else(|| self.create("batch", bytes, usage));
        if !data.is_empty() {
            self.queue.write_buffer(&buffer.raw, 0, data);
        }
        Ok(Handle { buffer: Some(buffer), home: Home::Uploads, gpu: self.clone() })
    }

    /// Sizes are rounded up so that buffers can be used again: to powers of two, above 64 KiB to their eighths.
    fn class(&self, bytes: u64) -> u64 {
        let bytes = bytes.max(256);
        let power = bytes.next_power_of_two();
        let rounded = if power <= 1 << 16 { power } else { bytes.next_multiple_of(power / 16) };
        if rounded > self.info.max_binding_bytes { bytes.next_multiple_of(4) } else { rounded }
    }

    fn destroy(&self, buffer: Buffer) {
        if self.commands.borrow().is_empty() {
            self.forget(&buffer);
        } else {
            self.doomed.borrow_mut().push(buffer);
        }
    }

    /// Frees a buffer now. On the web, dropping the handle alone frees nothing until the garbage collector runs (wgpu 30, 2026-11).
    fn forget(&self, buffer: &Buffer) {
        self.bind_groups.borrow_mut().retain(|(_, ids), _| !ids.contains(&buffer.id));
        buffer.raw.destroy();
    }

    fn pipeline(&self, kernel: Kernel) -> Rc<Pipeline> {
        if let Some(pipeline) = self.pipelines.borrow().get(&kernel) {
            return pipeline.clone();
        }
        let pipeline = Rc::new(Pipeline::new(&self.device, &self.uniform_layout, kernel));
        self.pipelines.borrow_mut().insert(kernel, pipeline.clone());
        pipeline
    }

    /// Records a dispatch. `buffers` in the order of the kernel's bindings, `uniforms` its struct of [`crate::uniforms`].
    pub fn run<U: bytemuck::NoUninit>(&self, kernel: Kernel, buffers: &[&Buffer], uniforms: &U, groups: [u32; 3]) {
        const { assert!(size_of::<U>() as u64 <= UNIFORM_BYTES) };
        debug_assert_eq!(buffers.len(), kernel.bindings().len(), "{kernel:?}");
        debug_assert!(groups.iter().all(|g| (1..=MAX_GROUPS).contains(g)), "{kernel:?} {groups:?}");
        let pipeline = self.pipeline(kernel);
        let key = (kernel, buffers.iter().map(|b| b.id).collect::<Vec<_>>());
        let mut cache = self.bind_groups.borrow_mut();
        if cache.len() > 8192 {
            cache.clear();
        }
        let storage = cache
            .entry(key)
            .or_insert_with(|| {
                let entries: Vec<_> = buffers
                    .iter()
                    .enumerate()
                    .map(|(i, b)| wgpu::BindGroupEntry { binding: i as u32, resource: b.raw.as_entire_binding() })
                    .collect();
                self.device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout: &pipeline.storage, entries: &entries })
            })
            .clone();
        let mut arena = self.arena.borrow_mut();
        let uniform_offset = arena.len() as u32;
        arena.extend_from_slice(bytemuck::bytes_of(uniforms));
        let end = (uniform_offset as usize + self.uniform_step as usize).next_multiple_of(self.uniform_step as usize);
        arena.resize(end, 0);
        self.commands.borrow_mut().push(Command { pipeline, storage, uniform_offset, groups });
    }

    /// Submits what was recorded, and a copy out of `source` if one is asked for.
    pub fn submit(&self, copy: Option<(&Buffer, &Buffer, u64)>) -> Result<()> {
        let commands = self.commands.take();
        let arena = self.arena.take();
        if commands.is_empty() && copy.is_none() {
            return Ok(());
        }
        self.check()?;
        let mut encoder = self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: None });
        if !commands.is_empty() {
            let mut uniforms = self.uniforms.borrow_mut();
            let (_, group) = self.uniform_buffer(&mut uniforms, &arena);
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            let mut last: Option<&Rc<Pipeline>> = None;
            for command in &commands {
                if !last.is_some_and(|last| Rc::ptr_eq(last, &command.pipeline)) {
                    pass.set_pipeline(&command.pipeline.raw);
                    last = Some(&command.pipeline);
                }
                pass.set_bind_group(0, &command.storage, &[]);
                pass.set_bind_group(1, group, &[command.uniform_offset]);
                let [x, y, z] = command.groups;
                pass.dispatch_workgroups(x, y, z);
            }
        }
        if let Some((from, to, bytes)) = copy {
            encoder.copy_buffer_to_buffer(&from.raw, 0, &to.raw, 0, bytes);
        }
        self.queue.submit([encoder.finish()]);
        self.submits.set(self.submits.get() + 1);
        self.after_submit();
        self.check()
    }

    /// The buffer that holds the uniforms of this submit. Writing to it is ordered after earlier submits.
    fn uniform_buffer<'a>(&self, slot: &'a mut Option<(wgpu::Buffer, wgpu::BindGroup)>, arena: &[u8]) -> &'a (wgpu::Buffer, wgpu::BindGroup) {
        if slot.as_ref().is_none_or(|(buffer, _)| buffer.size() < arena.len() as u64) {
            let size = (arena.len() as u64).next_power_of_two().max(1 << 16);
            let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
            let buffer = self.create("uniforms", size, usage).raw;
            let resource = wgpu::BindingResource::Buffer(wgpu::BufferBinding { buffer: &buffer, offset: 0, size: wgpu::BufferSize::new(UNIFORM_BYTES) });
            let entries = [wgpu::BindGroupEntry { binding: 0, resource }];
            let group = self.device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout: &self.uniform_layout, entries: &entries });
            *slot = Some((buffer, group));
        }
        let (buffer, _) = slot.as_ref().expect("just made");
        self.queue.write_buffer(buffer, 0, arena);
        slot.as_ref().expect("just made")
    }

    fn after_submit(&self) {
        let mut uploads = self.free_uploads.borrow_mut();
        for buffer in self.retired.take() {
            uploads.entry(buffer.bytes).or_default().push(buffer);
        }
        for buffer in self.doomed.take() {
            self.forget(&buffer);
        }
        let mut free = self.free.borrow_mut();
        let mut held: u64 = free.iter().map(|(bytes, buffers)| bytes * buffers.len() as u64).sum();
        while held > POOL_BYTES {
            let Some(bytes) = free.iter().filter(|(_, buffers)| !buffers.is_empty()).map(|(bytes, _)| *bytes).max() else { break };
            if let Some(buffer) = free.get_mut(&bytes).and_then(Vec::pop) {
                self.forget(&buffer);
                held -= bytes;
            }
        }
    }

    /// Submits, and copies the first `count` floats of a buffer to the host. Waits without blocking the browser's thread.
    pub async fn read(&self, source: &Buffer, count: usize) -> Result<Vec<f32>> {
        if count == 0 {
            self.submit(None)?;
            return Ok(Vec::new());
        }
        let bytes = 4 * count as u64;
        let staging = {
            let mut all = self.staging.borrow_mut();
            match all.iter().position(|b| b.bytes >= bytes && b.bytes <= 8 * bytes.max(4096)) {
                Some(at) => all.swap_remove(at),
                None => self.create("staging", bytes.next_power_of_two().max(4096), wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST),
            }
        };
        self.submit(Some((source, &staging, bytes)))?;
        let (send, receive) = futures_channel::oneshot::channel();
        staging.raw.map_async(wgpu::MapMode::Read, 0..bytes, move |result| {
            let _ = send.send(result);
        });
        // In the browser this does nothing and the promise wakes us; natively it waits, and runs the callback.
        let polled = self.device.poll(wgpu::PollType::wait_indefinitely());
        let mapped = receive.await;
        self.settle().await?;
        polled.map_err(|e| self.backend_error("waiting for the device", e.to_string()))?;
        mapped
            .map_err(|_| self.backend_error("reading back", "the device dropped the request".into()))?
            .map_err(|e| self.backend_error("reading back", e.to_string()))?;
        let values = {
            let view = staging.raw.get_mapped_range(0..bytes).map_err(|e| self.backend_error("reading back", e.to_string()))?;
            bytemuck::pod_collect_to_vec(&view)
        };
        staging.raw.unmap();
        let mut all = self.staging.borrow_mut();
        all.push(staging);
        if all.len() > 4 {
            all.remove(0).raw.destroy();
        }
        Ok(values)
    }

    fn backend_error(&self, step: &'static str, problem: String) -> Error {
        self.lost().unwrap_or(Error::Backend { device: self.name(), step, problem })
    }

    fn lost(&self) -> Option<Error> {
        let trouble = self.trouble.lock().ok()?;
        trouble.lost.as_ref().map(|problem| Error::DeviceLost { device: self.name(), problem: problem.clone() })
    }

    fn memory_error(&self, step: &str, error: &str) -> Error {
        Error::OutOfMemory { device: self.name(), problem: format!("{step}: {error}") }
    }

    /// Errors that are known by now.
    pub fn check(&self) -> Result<()> {
        if let Some(error) = self.lost() {
            return Err(error);
        }
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let mut found = None;
        self.scopes.borrow_mut().retain_mut(|(step, scope)| match scope.as_mut().poll(&mut context) {
            std::task::Poll::Ready(error) => {
                found = found.take().or_else(|| error.map(|error| self.memory_error(step, &error.to_string())));
                false
            }
            std::task::Poll::Pending => true,
        });
        found.map_or_else(|| self.uncaptured(), Err)
    }

    /// As [`Gpu::check`], after waiting for answers that the browser still owes.
    pub async fn settle(&self) -> Result<()> {
        let scopes = self.scopes.take();
        for (step, scope) in scopes {
            if let Some(error) = scope.await {
                return Err(self.memory_error(step, &error.to_string()));
            }
        }
        self.check()
    }

    fn uncaptured(&self) -> Result<()> {
        let error = self.trouble.lock().ok().and_then(|mut trouble| trouble.error.take());
        match error {
            None => Ok(()),
            Some((true, problem)) => Err(Error::OutOfMemory { device: self.name(), problem }),
            Some((false, problem)) => Err(Error::Backend { device: self.name(), step: "running kernels", problem }),
        }
    }
}

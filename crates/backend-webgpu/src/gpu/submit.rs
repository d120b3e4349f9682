//! Dispatches: recorded, encoded into one pass, submitted once, read back.

use super::{Buffer, Command, Gpu, MAX_GROUPS, POOL_BYTES, UNIFORM_BYTES};
use crate::device::Fault;
use crate::kernel::{Kernel, Pipeline};
use decoder::{Error, Result};
use std::rc::Rc;

impl Gpu {
    fn pipeline(&self, kernel: Kernel) -> Rc<Pipeline> {
        if let Some(pipeline) = self.pipelines.borrow().get(&kernel) {
            return pipeline.clone();
        }
        let mut source = kernel.source();
        if self.options.fault == Some(Fault::Refused) && kernel.family().is_some() {
            source.push_str("this is no WGSL");
        }
        let pipeline = Rc::new(Pipeline::new(&self.device, &self.uniform_layout, kernel, source));
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
                    .map(|(i, b)| wgpu::BindGroupEntry {
                        binding: i as u32,
                        resource: b.raw.as_entire_binding(),
                    })
                    .collect();
                self.device.create_bind_group(&wgpu::BindGroupDescriptor {
                    label: None,
                    layout: &pipeline.storage,
                    entries: &entries,
                })
            })
            .clone();
        let mut arena = self.arena.borrow_mut();
        let uniform_offset = arena.len() as u32;
        arena.extend_from_slice(bytemuck::bytes_of(uniforms));
        let end = (uniform_offset as usize + self.uniform_step as usize).next_multiple_of(self.uniform_step as usize);
        arena.resize(end, 0);
        self.commands.borrow_mut().push(Command {
            pipeline,
            storage,
            uniform_offset,
            groups,
        });
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
            let group = self.uniform_buffer(&mut uniforms, &arena);
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
    fn uniform_buffer<'a>(&self, slot: &'a mut Option<(Buffer, wgpu::BindGroup)>, arena: &[u8]) -> &'a wgpu::BindGroup {
        if slot.as_ref().is_none_or(|(buffer, _)| buffer.bytes < arena.len() as u64) {
            if let Some((old, _)) = slot.take() {
                self.release(&old);
            }
            let size = (arena.len() as u64).next_power_of_two().max(1 << 16);
            let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
            let buffer = self.create("uniforms", size, usage);
            let resource = wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                buffer: &buffer.raw,
                offset: 0,
                size: wgpu::BufferSize::new(UNIFORM_BYTES),
            });
            let entries = [wgpu::BindGroupEntry { binding: 0, resource }];
            let group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: None,
                layout: &self.uniform_layout,
                entries: &entries,
            });
            *slot = Some((buffer, group));
        }
        let (buffer, group) = slot.as_ref().expect("just made");
        self.queue.write_buffer(&buffer.raw, 0, arena);
        group
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
            let Some(bytes) = free
                .iter()
                .filter(|(_, buffers)| !buffers.is_empty())
                .map(|(bytes, _)| *bytes)
                .max()
            else {
                break;
            };
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
                None => self.create(
                    "staging",
                    bytes.next_power_of_two().max(4096),
                    wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
                ),
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
        // The buffer is ours and in order, so only a device that is gone refuses to map it; browsers may say so before they say why.
        let gone = |problem: String| {
            self.lost().unwrap_or(Error::DeviceLost {
                device: self.name(),
                problem,
            })
        };
        mapped
            .map_err(|_| gone("it dropped a request".into()))?
            .map_err(|e| gone(e.to_string()))?;
        let values = {
            let view = staging
                .raw
                .get_mapped_range(0..bytes)
                .map_err(|e| self.backend_error("reading back", e.to_string()))?;
            bytemuck::pod_collect_to_vec(&view)
        };
        staging.raw.unmap();
        let mut all = self.staging.borrow_mut();
        all.push(staging);
        if all.len() > 4 {
            self.release(&all.remove(0));
        }
        Ok(values)
    }
}

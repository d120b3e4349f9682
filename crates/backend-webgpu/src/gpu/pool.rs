//! Buffers: made, shared, used again, freed.

use super::{Buffer, Gpu, Handle, Home};
use decoder::{Error, Result};
use std::rc::Rc;

impl Gpu {
    /// Errors where a buffer could not be bound whole.
    pub(super) fn check_size(&self, what: &str, bytes: u64) -> Result<()> {
        let most = self.info.max_binding_bytes;
        if bytes > most {
            let problem = format!("{what} needs a buffer of {bytes} bytes, but this device binds at most {most}");
            return Err(Error::OutOfMemory {
                device: self.name(),
                problem,
            });
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
        let handle = Handle {
            buffer: Some(buffer),
            home: Home::None,
            gpu: self.clone(),
        };
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
        Ok(Handle {
            buffer: Some(buffer),
            home: Home::Pool,
            gpu: self.clone(),
        })
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
        Ok(Handle {
            buffer: Some(buffer),
            home: Home::Uploads,
            gpu: self.clone(),
        })
    }

    /// Sizes are rounded up so that buffers can be used again: to powers of two, above 64 KiB to their eighths.
    pub(super) fn class(&self, bytes: u64) -> u64 {
        let bytes = bytes.max(256);
        let power = bytes.next_power_of_two();
        let rounded = if power <= 1 << 16 {
            power
        } else {
            bytes.next_multiple_of(power / 16)
        };
        if rounded > self.info.max_binding_bytes {
            bytes.next_multiple_of(4)
        } else {
            rounded
        }
    }

    pub(super) fn destroy(&self, buffer: Buffer) {
        if self.commands.borrow().is_empty() {
            self.forget(&buffer);
        } else {
            self.doomed.borrow_mut().push(buffer);
        }
    }

    /// Frees a buffer now. On the web, dropping the handle alone frees nothing until the garbage collector runs (wgpu 30, 2026-11).
    pub(super) fn forget(&self, buffer: &Buffer) {
        self.bind_groups.borrow_mut().retain(|(_, ids), _| !ids.contains(&buffer.id));
        self.release(buffer);
    }

    pub(super) fn release(&self, buffer: &Buffer) {
        self.allocated.set(self.allocated.get() - buffer.bytes);
        buffer.raw.destroy();
    }
}

//! Which kernels there are, and how a pipeline is made of one.
//!
//! A [`Kernel`] is the key of a pipeline: a `.wgsl` file and the constants that it is compiled with. Its text is: constants, the format of the
//! weight where it reads one, then the file. Bindings are storage buffers in group 0 (read-only until the last ones) and the kernel's uniforms in group 1.

use crate::formats;
use decoder::DType;

/// A kernel with its compile-time choices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Kernel {
    /// Rows of the embedding table.
    Embed { dtype: DType },
    /// Norm of (chosen) rows, maybe added to others.
    RmsNorm,
    /// A few rows times a matrix. `rows`: 1 or 4. `ragged`: inputs are no multiple of 8. `subgroup`: threads that may add without
    /// memory, 1 without subgroups.
    MatVec {
        dtype: DType,
        rows: u32,
        ragged: bool,
        subgroup: u32,
    },
    /// Many rows times a matrix, in tiles. `rows`: rows of a tile, 32 or 64.
    MatMul { dtype: DType, rows: u32, ragged: bool },
    /// Norm over heads, and rotation.
    Rope,
    /// Keys and values into the cache.
    KvWrite { half: bool },
    /// Attention, tiles of queries.
    AttendTile { head_dim: u32, half: bool },
    /// Attention, one query at a time.
    AttendRow { head_dim: u32, half: bool },
    /// Activation of the gate times the other branch.
    Gated,
    /// Chosen rows of the vocabulary matrix.
    HeadTokens { dtype: DType, ragged: bool },
    /// Reduction over the vocabulary.
    Reduce,
}

/// What a kernel does with a buffer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reads only.
    Read,
    /// Writes, maybe reads.
    Write,
}

use Access::{Read, Write};

impl Kernel {
    /// The storage buffers, in order.
    pub fn bindings(self) -> &'static [Access] {
        match self {
            Kernel::Embed { .. } => &[Read, Read, Write],
            Kernel::RmsNorm => &[Read, Read, Read, Read, Write],
            Kernel::MatVec { .. } | Kernel::MatMul { .. } => &[Read, Read, Read, Read, Write],
            Kernel::Rope => &[Read, Read, Read, Read, Write, Write],
            Kernel::KvWrite { .. } => &[Read, Read, Read, Write, Write],
            Kernel::AttendTile { .. } | Kernel::AttendRow { .. } => &[Read, Read, Read, Read, Read, Write],
            Kernel::Gated => &[Read, Write],
            Kernel::HeadTokens { .. } => &[Read, Read, Read, Write],
            Kernel::Reduce => &[Read, Read, Write],
        }
    }

    /// The whole WGSL text.
    pub fn source(self) -> String {
        let mut parts: Vec<String> = Vec::new();
        let mut constant = |name: &str, value: u32| parts.push(format!("const {name}: u32 = {value}u;\n"));
        let file = match self {
            Kernel::Embed { .. } => include_str!("kernels/embed.wgsl"),
            Kernel::RmsNorm => include_str!("kernels/rms_norm.wgsl"),
            Kernel::MatVec { rows, subgroup, .. } => {
                constant("ROWS", rows);
                if subgroup > 1 {
                    constant("SUBGROUP", subgroup);
                }
                include_str!("kernels/matvec.wgsl")
            }
            Kernel::MatMul { rows, .. } => {
                constant("ROWS", rows);
                include_str!("kernels/matmul.wgsl")
            }
            Kernel::Rope => include_str!("kernels/rope.wgsl"),
            Kernel::KvWrite { .. } => include_str!("kernels/kv_write.wgsl"),
            Kernel::AttendTile { head_dim, .. } => {
                constant("HEAD_DIM", head_dim);
                include_str!("kernels/attend_tile.wgsl")
            }
            Kernel::AttendRow { head_dim, .. } => {
                constant("HEAD_DIM", head_dim);
                include_str!("kernels/attend_row.wgsl")
            }
            Kernel::Gated => include_str!("kernels/gated.wgsl"),
            Kernel::HeadTokens { .. } => include_str!("kernels/head_tokens.wgsl"),
            Kernel::Reduce => include_str!("kernels/reduce.wgsl"),
        };
        match self {
            Kernel::Embed { dtype } => parts.extend(formats::source(dtype).map(String::from)),
            Kernel::MatVec { dtype, ragged, .. } | Kernel::MatMul { dtype, ragged, .. } | Kernel::HeadTokens { dtype, ragged } => {
                parts.extend(formats::source(dtype).map(String::from));
                parts.push(
                    if ragged {
                        include_str!("kernels/inputs_ragged.wgsl")
                    } else {
                        include_str!("kernels/inputs.wgsl")
                    }
                    .into(),
                );
            }
            Kernel::KvWrite { half } | Kernel::AttendTile { half, .. } | Kernel::AttendRow { half, .. } => {
                parts.push(
                    if half {
                        include_str!("kernels/cache_half.wgsl")
                    } else {
                        include_str!("kernels/cache_full.wgsl")
                    }
                    .into(),
                );
            }
            Kernel::RmsNorm | Kernel::Rope | Kernel::Gated | Kernel::Reduce => {}
        }
        if let Kernel::MatVec { subgroup, .. } = self {
            let (alone, together) = (
                include_str!("kernels/neighbours_alone.wgsl"),
                include_str!("kernels/neighbours_subgroup.wgsl"),
            );
            parts.push(if subgroup > 1 { together } else { alone }.into());
            // Browsers demand the directive; naga knows the functions and rejects the directive (wgpu 30.0.1, 2026-11).
            if subgroup > 1 && cfg!(target_arch = "wasm32") {
                parts.insert(0, "enable subgroups;\n".into());
            }
        }
        parts.push(file.into());
        parts.concat()
    }
}

/// A compiled kernel and the layout of its buffers.
pub struct Pipeline {
    pub raw: wgpu::ComputePipeline,
    pub storage: wgpu::BindGroupLayout,
}

impl Pipeline {
    /// Compiles. A mistake in the text is an error outside any scope, which the next check reports with the kernel's name.
    pub fn new(device: &wgpu::Device, uniforms: &wgpu::BindGroupLayout, kernel: Kernel) -> Pipeline {
        let label = format!("{kernel:?}");
        let entries: Vec<_> = kernel
            .bindings()
            .iter()
            .enumerate()
            .map(|(i, access)| wgpu::BindGroupLayoutEntry {
                binding: i as u32,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer {
                    ty: wgpu::BufferBindingType::Storage {
                        read_only: *access == Read,
                    },
                    has_dynamic_offset: false,
                    min_binding_size: None,
                },
                count: None,
            })
            .collect();
        let storage = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some(&label),
            entries: &entries,
        });
        let layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(&label),
            bind_group_layouts: &[Some(&storage), Some(uniforms)],
            ..Default::default()
        });
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(&label),
            source: wgpu::ShaderSource::Wgsl(kernel.source().into()),
        });
        let raw = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(&label),
            layout: Some(&layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: None,
        });
        Pipeline { raw, storage }
    }
}

//! Which kernels there are, and how a pipeline is made of one.
//!
//! A [`Kernel`] is the key of a pipeline: a `.wgsl` file and the constants that it is compiled with. Its text is: constants, the format of the
//! weight where it reads one, then the file. Bindings are storage buffers in group 0 (read-only until the last ones) and the kernel's uniforms in group 1.

use crate::arithmetic::Family;
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
    /// Many rows times a matrix, in tiles. `rows`: rows of a tile, 32 or 64. `half`: tiles of 16-bit floats.
    MatMul { dtype: DType, rows: u32, ragged: bool, half: bool },
    /// Inputs of a product as signed bytes.
    Quantize,
    /// A few rows of signed bytes times a matrix, as [`Kernel::MatVec`].
    MatVecPacked { dtype: DType, rows: u32, subgroup: u32 },
    /// Many rows of signed bytes times a matrix, as [`Kernel::MatMul`].
    MatMulPacked { dtype: DType, rows: u32 },
    /// Norm over heads, and rotation.
    Rope,
    /// Keys and values into the cache.
    KvWrite { half: bool },
    /// Attention, tiles of queries.
    AttendTile { head_dim: u32, half: bool },
    /// Attention, one query at a time.
    AttendRow { head_dim: u32, half: bool },
    /// The parts of a long context put together.
    AttendCombine { head_dim: u32 },
    /// Gate and up of a few rows, as two [`Kernel::MatVec`] and [`Kernel::Gated`].
    MatVecGated {
        dtype: DType,
        rows: u32,
        ragged: bool,
        subgroup: u32,
    },
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
            Kernel::MatVec { .. } | Kernel::MatMul { .. } | Kernel::MatVecPacked { .. } | Kernel::MatMulPacked { .. } => {
                &[Read, Read, Read, Read, Write]
            }
            Kernel::Quantize | Kernel::AttendCombine { .. } => &[Read, Write],
            Kernel::Rope => &[Read, Read, Read, Read, Write, Write],
            Kernel::KvWrite { .. } => &[Read, Read, Read, Write, Write],
            Kernel::AttendTile { .. } | Kernel::AttendRow { .. } => &[Read, Read, Read, Read, Read, Write],
            Kernel::Gated => &[Read, Write],
            Kernel::MatVecGated { .. } => &[Read, Read, Read, Write],
            Kernel::HeadTokens { .. } => &[Read, Read, Read, Write],
            Kernel::Reduce => &[Read, Read, Write],
        }
    }

    /// The option that this kernel needs, if any.
    pub fn family(self) -> Option<Family> {
        match self {
            Kernel::MatVecPacked { .. } | Kernel::MatMulPacked { .. } | Kernel::Quantize => Some(Family::Packed),
            Kernel::MatMul { half: true, .. } => Some(Family::Half),
            Kernel::MatVec { subgroup: 2.., .. } | Kernel::MatVecGated { subgroup: 2.., .. } => Some(Family::Subgroups),
            _ => None,
        }
    }

    /// The threads that may add without memory.
    fn subgroup(self) -> Option<u32> {
        match self {
            Kernel::MatVec { subgroup, .. } | Kernel::MatVecPacked { subgroup, .. } | Kernel::MatVecGated { subgroup, .. } => {
                Some(subgroup)
            }
            _ => None,
        }
    }

    /// The whole WGSL text.
    pub fn source(self) -> String {
        let mut parts: Vec<String> = Vec::new();
        // Browsers demand the directive; naga knows the functions and rejects the directive (wgpu 30.0.1, 2026-11).
        if self.subgroup().is_some_and(|threads| threads > 1) && cfg!(target_arch = "wasm32") {
            parts.push("enable subgroups;\n".into());
        }
        if self.family() == Some(Family::Half) {
            parts.push("enable f16;\n".into());
        }
        parts.extend(
            self.constants()
                .into_iter()
                .map(|(name, value)| format!("const {name} = {value};\n")),
        );
        if let Kernel::MatVecGated { dtype, .. } = self {
            parts.push(formats::second(dtype));
        }
        parts.extend(self.includes().into_iter().map(String::from));
        parts.concat()
    }

    fn constants(self) -> Vec<(&'static str, String)> {
        let number = |name: &'static str, value: u32| (name, format!("{value}u"));
        match self {
            Kernel::MatVec { rows, subgroup, .. } | Kernel::MatVecGated { rows, subgroup, .. } => {
                vec![number("ROWS", rows), number("SUBGROUP", subgroup)]
            }
            Kernel::MatVecPacked { rows, subgroup, dtype } => vec![
                number("ROWS", rows),
                number("SUBGROUP", subgroup),
                ("HAS_LOW", formats::has_low(dtype).to_string()),
            ],
            Kernel::MatMul { rows, .. } => vec![number("ROWS", rows)],
            Kernel::MatMulPacked { rows, dtype } => vec![number("ROWS", rows), ("HAS_LOW", formats::has_low(dtype).to_string())],
            Kernel::AttendTile { head_dim, .. } | Kernel::AttendRow { head_dim, .. } | Kernel::AttendCombine { head_dim } => {
                vec![number("HEAD_DIM", head_dim)]
            }
            _ => vec![],
        }
    }

    /// Files, the kernel's own last.
    fn includes(self) -> Vec<&'static str> {
        let mut files: Vec<&'static str> = Vec::new();
        match self {
            Kernel::Embed { dtype }
            | Kernel::MatVec { dtype, .. }
            | Kernel::MatMul { dtype, .. }
            | Kernel::MatVecPacked { dtype, .. }
            | Kernel::MatVecGated { dtype, .. }
            | Kernel::MatMulPacked { dtype, .. }
            | Kernel::HeadTokens { dtype, .. } => files.extend(formats::source(dtype)),
            Kernel::KvWrite { half } | Kernel::AttendTile { half, .. } | Kernel::AttendRow { half, .. } => files.push(if half {
                include_str!("kernels/cache_half.wgsl")
            } else {
                include_str!("kernels/cache_full.wgsl")
            }),
            Kernel::RmsNorm | Kernel::Rope | Kernel::Gated | Kernel::Reduce | Kernel::Quantize | Kernel::AttendCombine { .. } => {}
        }
        if let Kernel::Gated | Kernel::MatVecGated { .. } = self {
            files.push(include_str!("kernels/activation.wgsl"));
        }
        if let Kernel::MatVec { ragged, .. }
        | Kernel::MatVecGated { ragged, .. }
        | Kernel::MatMul { ragged, .. }
        | Kernel::HeadTokens { ragged, .. } = self
        {
            files.push(if ragged {
                include_str!("kernels/inputs_ragged.wgsl")
            } else {
                include_str!("kernels/inputs.wgsl")
            });
        }
        if let Some(threads) = self.subgroup() {
            files.push(if threads > 1 {
                include_str!("kernels/neighbours_subgroup.wgsl")
            } else {
                include_str!("kernels/neighbours_alone.wgsl")
            });
        }
        if let Kernel::MatMul { half, .. } = self {
            files.push(if half {
                include_str!("kernels/tiles_half.wgsl")
            } else {
                include_str!("kernels/tiles_full.wgsl")
            });
        }
        files.push(match self {
            Kernel::Embed { .. } => include_str!("kernels/embed.wgsl"),
            Kernel::RmsNorm => include_str!("kernels/rms_norm.wgsl"),
            Kernel::MatVec { .. } => include_str!("kernels/matvec.wgsl"),
            Kernel::MatMul { .. } => include_str!("kernels/matmul.wgsl"),
            Kernel::Quantize => include_str!("kernels/quantize.wgsl"),
            Kernel::MatVecPacked { .. } => include_str!("kernels/matvec_packed.wgsl"),
            Kernel::MatMulPacked { .. } => include_str!("kernels/matmul_packed.wgsl"),
            Kernel::Rope => include_str!("kernels/rope.wgsl"),
            Kernel::KvWrite { .. } => include_str!("kernels/kv_write.wgsl"),
            Kernel::AttendTile { .. } => include_str!("kernels/attend_tile.wgsl"),
            Kernel::AttendRow { .. } => include_str!("kernels/attend_row.wgsl"),
            Kernel::AttendCombine { .. } => include_str!("kernels/attend_combine.wgsl"),
            Kernel::MatVecGated { .. } => include_str!("kernels/matvec_gated.wgsl"),
            Kernel::Gated => include_str!("kernels/gated.wgsl"),
            Kernel::HeadTokens { .. } => include_str!("kernels/head_tokens.wgsl"),
            Kernel::Reduce => include_str!("kernels/reduce.wgsl"),
        });
        files
    }
}

/// A compiled kernel and the layout of its buffers.
pub struct Pipeline {
    pub raw: wgpu::ComputePipeline,
    pub storage: wgpu::BindGroupLayout,
}

impl Pipeline {
    /// Compiles. A mistake in the text is an error outside any scope, which the next check reports with the kernel's name.
    pub fn new(device: &wgpu::Device, uniforms: &wgpu::BindGroupLayout, kernel: Kernel, source: String) -> Pipeline {
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
            source: wgpu::ShaderSource::Wgsl(source.into()),
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

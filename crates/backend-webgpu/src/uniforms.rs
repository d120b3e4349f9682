//! The numbers that each kernel is run with. Each struct is the `Params` of the `.wgsl` file that it names, field by field.

use crate::gpu::UNIFORM_BYTES;
use bytemuck::{Pod, Zeroable};

macro_rules! uniforms {
    ($($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* $(,)? })*) => {$(
        $(#[$doc])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default, Pod, Zeroable)]
        #[allow(missing_docs)]
        pub struct $name { $(pub $field: $type),* }
        const _: () = {
            assert!(size_of::<$name>() == 0 $(+ size_of::<$type>())*, "no padding");
            assert!(size_of::<$name>() as u64 <= UNIFORM_BYTES);
            $(assert!(size_of::<$type>() == 4);)*
        };
    )*};
}

uniforms! {
    /// `embed.wgsl`
    Embed { rows: u32, cols: u32, units: u32, row_words: u32, first: u32, count: u32, scale: f32 }
    /// `rms_norm.wgsl`
    RmsNorm { rows: u32, width: u32, eps: f32, offset: f32, chosen: u32, residual: u32, first: u32 }
    /// `matvec.wgsl`, `matmul.wgsl` and both `_packed.wgsl`
    Linear { rows: u32, inputs: u32, units: u32, row_words: u32, outputs: u32, stride: u32, first: u32, bias: u32, residual: u32, softcap: f32 }
    /// `rope.wgsl`
    Rope { rows: u32, heads: u32, kv_heads: u32, head_dim: u32, table_stride: u32, interleaved: u32, q_norm: u32, k_norm: u32, q_eps: f32, k_eps: f32, q_offset: f32, k_offset: f32 }
    /// `kv_write.wgsl`
    KvWrite { rows: u32, width: u32 }
    /// `quantize.wgsl`
    Quantize { blocks: u32, row_blocks: u32 }
    /// `attend_tile.wgsl` and `attend_row.wgsl`
    Attend { heads: u32, kv_heads: u32, window: u32, scale: f32, softcap: f32, rows: u32, span: u32, splits: u32 }
    /// `attend_combine.wgsl`
    AttendCombine { heads: u32, splits: u32 }
    /// `matvec_gated.wgsl`
    Gate { rows: u32, inputs: u32, units: u32, row_words: u32, outputs: u32, stride: u32, first: u32, gelu: u32 }
    /// `gated.wgsl`
    Gated { count: u32, gelu: u32 }
    /// `head_tokens.wgsl`
    HeadTokens { rows: u32, tokens: u32, inputs: u32, units: u32, row_words: u32, first: u32, count: u32, softcap: f32 }
    /// `reduce.wgsl`
    Reduce { rows: u32, vocabulary: u32, first: u32, best_only: u32 }
}

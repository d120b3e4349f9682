//! Getting a device: adapter, limits, options, and what is known when it goes away.
//!
//! Everything works within WebGPU's default limits and without optional features; more is asked for and used where the adapter grants it.
//! Next: [`crate::gpu`].

use crate::arithmetic::{Arithmetic, Families, Family};
use decoder::{Error, Result};
use std::fmt;
use std::sync::{Arc, Mutex};

/// What a caller may choose. [`Default`] is right for everybody but tests.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Part of the adapter's name that must match, among native adapters; any adapter where `None`. The browser offers only one.
    pub adapter: Option<String>,
    /// Stay within WebGPU's default limits even where the adapter grants more. For tests.
    pub default_limits: bool,
    /// Largest buffer that a weight or an activation may take, in bytes; smaller than what the device grants. For tests of weights that are split.
    pub max_binding_bytes: Option<u64>,
    /// Use a software adapter (lavapipe, SwiftShader, WARP) if there is no other. Where `false`, such an adapter is as good as none.
    pub refuse_software: bool,
    /// Do without what devices need not have (subgroups, 16-bit floats, products of packed bytes), even where this one does. For tests.
    pub no_extras: bool,
    /// How products are computed; what the device does not have stays plain. May be changed later ([`crate::WebGpuBackend::set_arithmetic`]).
    pub arithmetic: Arithmetic,
    /// Keep keys and values as 16-bit floats: half the memory of the cache, and log-probabilities that differ in the third digit or so.
    pub half_cache: bool,
    /// Something that goes wrong. For tests of the self-test.
    pub fault: Option<Fault>,
}

/// What a run record says of kernels: `matvec=f32 matmul=f32 subgroups cache=f32`, as asked for. [`crate::WebGpuBackend::kernels`] says what was granted.
impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cache={}", self.arithmetic, if self.half_cache { "f16" } else { "f32" })
    }
}

/// Mistakes that browsers and drivers make, on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Products of this family leave out their last inputs; `None`: those of no family.
    Wrong(Option<Family>),
    /// No kernel of any family compiles.
    Refused,
}

/// Which adapter runs the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AdapterInfo {
    /// As the driver or the browser says; browsers may say little.
    pub name: String,
    /// `Vulkan`, `Metal`, `Dx12`, `BrowserWebGpu`.
    pub backend: String,
    /// True if the adapter is known to run on the processor.
    pub software: bool,
    /// Largest storage buffer that a kernel may see, in bytes.
    pub max_binding_bytes: u64,
    /// What it has of what devices need not have.
    pub families: Families,
    /// Threads that may exchange values without memory: the smallest subgroup, at most 32; 1 without subgroups.
    pub subgroup: u32,
}

/// What callbacks of the device report, from any thread.
#[derive(Default)]
pub struct Trouble {
    /// Why the device was lost.
    pub lost: Option<String>,
    /// Who waits for that.
    pub waiting: Vec<std::task::Waker>,
    /// First error outside any scope.
    pub error: Option<(bool, String)>,
}

/// A device with its queue.
pub struct Opened {
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    pub info: AdapterInfo,
    pub trouble: Arc<Mutex<Trouble>>,
}

/// No shader-visible range above this is used: browsers cut larger ones (gpuweb issue 6338, 2026-11).
const LARGEST_BINDING: u64 = 1 << 30;

fn no_adapter(problem: String) -> Error {
    Error::Backend {
        device: "WebGPU".into(),
        step: "no adapter",
        problem,
    }
}

/// Finds an adapter and opens a device on it. Errors say what a user can do.
pub async fn open(options: &Options) -> Result<Opened> {
    let mut description = wgpu::InstanceDescriptor::new_without_display_handle();
    description.backends = wgpu::Backends::all() - wgpu::Backends::GL;
    description.flags = wgpu::InstanceFlags::empty();
    let instance = wgpu::Instance::new(description);
    #[cfg(target_arch = "wasm32")]
    crate::subgroups_web::ask_for_them();
    let adapter = find(&instance, options).await?;
    let info = adapter.get_info();
    let software = info.device_type == wgpu::DeviceType::Cpu || is_software(&info.name) || is_software(&info.driver);
    if software && options.refuse_software {
        return Err(no_adapter(format!(
            "only a software adapter was found ({}); use the processor instead",
            info.name
        )));
    }
    let extras = adapter.features() & (wgpu::Features::SUBGROUP | wgpu::Features::SHADER_F16);
    let extras = if options.no_extras { wgpu::Features::empty() } else { extras };
    let limits = if options.default_limits {
        wgpu::Limits::default()
    } else {
        adapter.limits()
    };
    let (device, queue) = adapter
        .request_device(&wgpu::DeviceDescriptor {
            label: Some("mmedkit"),
            required_features: extras,
            required_limits: limits,
            ..Default::default()
        })
        .await
        .map_err(|e| no_adapter(format!("the adapter {} gave no device: {e}", info.name)))?;
    let trouble = Arc::new(Mutex::new(Trouble::default()));
    let lost = trouble.clone();
    device.set_device_lost_callback(move |reason, message| {
        if let Ok(mut trouble) = lost.lock() {
            trouble.lost.get_or_insert_with(|| {
                if message.is_empty() {
                    format!("{reason:?}")
                } else {
                    message.clone()
                }
            });
            trouble.waiting.drain(..).for_each(std::task::Waker::wake);
        }
    });
    let errors = trouble.clone();
    device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
        if let Ok(mut trouble) = errors.lock() {
            trouble
                .error
                .get_or_insert_with(|| (matches!(error, wgpu::Error::OutOfMemory { .. }), error.to_string()));
        }
    }));
    let granted = device.limits();
    let max_binding_bytes = granted
        .max_storage_buffer_binding_size
        .min(granted.max_buffer_size)
        .min(options.max_binding_bytes.unwrap_or(u64::MAX))
        .min(LARGEST_BINDING);
    #[cfg(target_arch = "wasm32")]
    let subgroups = crate::subgroups_web::granted(&device);
    #[cfg(not(target_arch = "wasm32"))]
    let subgroups = extras.contains(wgpu::Features::SUBGROUP);
    let smallest = info.subgroup_min_size.clamp(1, 32);
    let dot_products = wgpu::WgslLanguageFeatures::Packed4x8IntegerDotProduct;
    let families = Families {
        // Of a size that divides the 32 threads of a sum.
        subgroups: subgroups && !options.no_extras && smallest > 1 && smallest.is_power_of_two(),
        half: extras.contains(wgpu::Features::SHADER_F16),
        packed: instance.wgsl_language_features().contains(dot_products) && !options.no_extras,
    };
    let subgroup = if families.subgroups { smallest } else { 1 };
    let name = if info.name.is_empty() {
        "unnamed adapter".to_owned()
    } else {
        info.name
    };
    let info = AdapterInfo {
        name,
        backend: format!("{:?}", info.backend),
        software,
        max_binding_bytes,
        families,
        subgroup,
    };
    Ok(Opened {
        device,
        queue,
        info,
        trouble,
    })
}

async fn find(instance: &wgpu::Instance, options: &Options) -> Result<wgpu::Adapter> {
    if let Some(wanted) = &options.adapter {
        let all = instance.enumerate_adapters(wgpu::Backends::all()).await;
        let names: Vec<String> = all.iter().map(|a| a.get_info().name).collect();
        return all
            .into_iter()
            .find(|a| a.get_info().name.contains(wanted.as_str()))
            .ok_or_else(|| {
                no_adapter(format!(
                    "no adapter is called `{wanted}`; found: {}",
                    if names.is_empty() { "none".into() } else { names.join(", ") }
                ))
            });
    }
    let request = wgpu::RequestAdapterOptions {
        power_preference: wgpu::PowerPreference::HighPerformance,
        ..Default::default()
    };
    instance.request_adapter(&request).await.map_err(|e| {
        no_adapter(if cfg!(target_arch = "wasm32") {
            // What wgpu adds here lists its native back ends, which no browser has.
            "this browser offers none; update it, turn graphics acceleration on, or use the processor".to_owned()
        } else {
            format!("no Vulkan, Metal or DirectX 12 adapter was found ({e}); install a graphics driver (on Debian, mesa-vulkan-drivers), or use the processor")
        })
    })
}

fn is_software(name: &str) -> bool {
    let name = name.to_lowercase();
    ["swiftshader", "llvmpipe", "lavapipe", "basic render", "warp"]
        .iter()
        .any(|s| name.contains(s))
}

//! Subgroups in the browser, around a gap of wgpu 30.0.1: it knows no name for the feature on the web (its issue 10146, 2026-11), so that it neither
//! sees it in an adapter nor asks a device for it.
//!
//! `GPUAdapter.prototype.requestDevice` of this worker is replaced, once, by a function that adds the feature where the adapter has it. Where a
//! page's policy forbids this (`eval`), or wgpu has closed the gap, nothing changes. Goes away with the gap.

use wasm_bindgen::{JsCast, JsValue};

const WRAP: &str = r#"(() => {
    const prototype = globalThis.GPUAdapter?.prototype;
    if (!prototype || prototype.requestDevice.asksForSubgroups) return;
    const original = prototype.requestDevice;
    prototype.requestDevice = function (descriptor) {
        const wanted = new Set(descriptor?.requiredFeatures);
        if (this.features.has("subgroups")) wanted.add("subgroups");
        return original.call(this, { ...descriptor, requiredFeatures: [...wanted] });
    };
    prototype.requestDevice.asksForSubgroups = true;
})()"#;

/// From now on, devices of this worker are asked for with subgroups.
pub fn ask_for_them() {
    // Forbidden means without subgroups, which is no error.
    let _ = js_sys::eval(WRAP);
}

/// Whether a device has them.
pub fn granted(device: &wgpu::Device) -> bool {
    let Some(device) = device.as_webgpu() else { return false };
    let has = || {
        let features = js_sys::Reflect::get(device.as_ref(), &"features".into()).ok()?;
        let has: js_sys::Function = js_sys::Reflect::get(&features, &"has".into()).ok()?.dyn_into().ok()?;
        has.call1(&features, &JsValue::from("subgroups")).ok()?.as_bool()
    };
    has().unwrap_or(false)
}

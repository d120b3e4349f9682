//! Unicode normalisation: of this program's tables natively, of the browser's in a tab, where the tables would be a tenth of all that the page loads.
//!
//! Both give the same for every character that both know: normalised text never changes between versions of Unicode
//! (<https://www.unicode.org/policies/stability_policy.html#Normalization>).

/// Normalisation form KC: full-width letters become plain ones, ligatures are taken apart, accents join their letters.
#[cfg(not(all(target_family = "wasm", target_os = "unknown")))]
pub fn nfkc(text: &str) -> String {
    unicode_normalization::UnicodeNormalization::nfkc(text).collect()
}

/// Normalisation form KC: full-width letters become plain ones, ligatures are taken apart, accents join their letters.
#[cfg(all(target_family = "wasm", target_os = "unknown"))]
pub fn nfkc(text: &str) -> String {
    js_sys::JsString::from(text).normalize("NFKC").into()
}

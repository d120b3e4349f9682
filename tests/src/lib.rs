//! What crosses rooms: backend against backend, reference numbers against both, and the helpers that these tests share.

pub mod oracle;
pub mod question_scoring;
pub mod random_model;

use std::path::PathBuf;

/// The folder of reference data: `MMEDKIT_CONFORMANCE`, else `../shared/data` beside the repository. `None` where there is no such folder,
/// which is said on standard error, and then conformance tests have nothing to run.
pub fn conformance() -> Option<PathBuf> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/data");
    let named = std::env::var_os("MMEDKIT_CONFORMANCE").map(PathBuf::from);
    if let Some(folder) = &named {
        assert!(
            folder.is_dir(),
            "MMEDKIT_CONFORMANCE names {}, which is no folder",
            folder.display()
        );
    }
    let folder = named.unwrap_or_else(beside);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!(
        "no conformance folder at {}; set MMEDKIT_CONFORMANCE to run these tests",
        folder.display()
    );
    None
}

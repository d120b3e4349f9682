//! Where the reference data lie that conformance tests compare with: what other programs computed, and real data in the field's formats.
//!
//! What must hold: a folder that is named must be there; without any, tests have nothing to run and say so.

use std::path::{Path, PathBuf};

/// The folder that `MMEDKIT_CONFORMANCE` names, else `../shared/data` beside the repository; `None` (said aloud) where that is not there.
///
/// # Panics
/// Where a folder is named that is none: a mistyped name must not pass for tests.
pub fn folder() -> Option<PathBuf> {
    chosen(std::env::var_os("MMEDKIT_CONFORMANCE").map(PathBuf::from))
}

/// As [`folder`], with the name that the variable has.
pub fn chosen(named: Option<PathBuf>) -> Option<PathBuf> {
    if let Some(folder) = named {
        assert!(
            folder.is_dir(),
            "MMEDKIT_CONFORMANCE names {}, which is no folder",
            folder.display()
        );
        return Some(folder);
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("no conformance folder at {}: nothing to compare with", folder.display());
    None
}

#[cfg(test)]
mod tests {
    #[test]
    #[should_panic(expected = "no folder")]
    fn a_mistyped_name_does_not_pass() {
        super::chosen(Some("/nowhere/at/all".into()));
    }
}

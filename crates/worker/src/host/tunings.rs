//! Where measurements of this machine's adapters are kept: a small file in the browser's storage. A browser that keeps nothing measures again.

use crate::engine::tunings::Tunings;
use checkpoint::store::{Files, Opfs, StoredFile};

const FOLDER: &str = "tunings";
const FILE: &str = "tunings.txt";

/// What was kept; nothing where there is nothing, or nothing readable.
pub async fn read() -> Tunings {
    let Ok(files) = Opfs::open().await else { return Tunings::default() };
    let bytes = files.read_small(FOLDER, FILE).await.ok().flatten().unwrap_or_default();
    Tunings::parse(&String::from_utf8_lossy(&bytes))
}

/// Keeps it. That another tab is writing, or the disk is full, costs the next visit half a second and is no error.
pub async fn write(tunings: &Tunings) {
    let text = tunings.text();
    let kept = async {
        let file = Opfs::open().await?.open(FOLDER, FILE, "measurements of graphics cards").await?;
        file.truncate(0).await?;
        file.write(0, text.as_bytes()).await?;
        file.flush().await
    };
    if let Err(error) = kept.await {
        web_sys::console::warn_1(&format!("mmedkit: measurements were not kept: {error}").into());
    }
}

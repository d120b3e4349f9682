//! Question files out of a zip archive that a person chose, inflated by the browser's own decompressor.
//!
//! What must hold: sizes that the archive states are never believed; entries are inflated piece by piece and only as far as the limit allows;
//! the archive is never whole in memory. `directory.rs` reads the list of entries, `inflate.rs` the bytes of one.

mod directory;
mod inflate;

use mmedbench::ReadReport;
use mmedbench::reader::is_question_file;

/// Bytes of all question files together, inflated. The released MMedBench is far below.
const MOST_BYTES: u64 = 256 << 20;

/// Reads every question file of the archive into `report`. The error is a sentence.
pub async fn read_into(name: &str, file: &web_sys::File, report: &mut ReadReport) -> Result<(), String> {
    let end = inflate::piece(file, directory::end_at(file.size() as u64), file.size() as u64).await?;
    let listing = directory::find(&end, file.size() as u64).map_err(|e| e.sentence(name))?;
    let listing = inflate::piece(file, listing.start, listing.end).await?;
    let entries = directory::entries(&listing).map_err(|e| e.sentence(name))?;
    let mut left = MOST_BYTES;
    let mut taken = 0;
    for entry in entries {
        if entry.name.ends_with('/') {
            continue;
        }
        if !is_question_file(&entry.name) {
            report.skipped.push(entry.name);
            continue;
        }
        let content = inflate::entry(file, &entry, left).await.map_err(|problem| match problem {
            inflate::Problem::TooLarge => format!("{name}: its question files hold more than {MOST_BYTES} bytes"),
            inflate::Problem::Bad(reason) => {
                format!(
                    "{name}: {} cannot be read ({reason}); unpack the archive and open the folder",
                    entry.name
                )
            }
        })?;
        left -= content.len() as u64;
        report.read_file(&entry.name, &content);
        taken += 1;
    }
    if taken == 0 {
        return Err(format!("{name}: the archive holds no .jsonl file"));
    }
    Ok(())
}

//! The record as a file: opened anew or to be gone on with, and grown line by line.

use std::fs;
use std::io::{BufReader, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use mmedbench::run::{Done, Resumed, Sink};
use mmedbench::{QuestionRecord, RunHeader};

/// A file whose whole lines are on the disk.
pub struct File(fs::File);

impl Sink for File {
    type Error = std::io::Error;

    async fn append(&mut self, lines: &str) -> Result<(), std::io::Error> {
        self.0.write_all(lines.as_bytes())?;
        self.0.sync_data()
    }
}

/// Opens `path`: a new record, or one of the same run whose cut last line is taken off. `earlier` sees what is there. One process at a time.
pub fn open(path: &Path, header: &RunHeader, earlier: impl FnMut(&QuestionRecord)) -> Result<(File, Done)> {
    let name = || path.display().to_string();
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).with_context(name)?;
    }
    let mut file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .with_context(name)?;
    file.try_lock()
        .map_err(|_| anyhow::anyhow!("{}: another process is writing this record", name()))?;
    let resumed = Resumed::read(BufReader::new(&file), header, earlier).with_context(name)?;
    let (keep, done) = match resumed {
        Some(resumed) => (resumed.keep_bytes, resumed.done),
        None => (0, Done::default()),
    };
    file.set_len(keep).with_context(name)?;
    file.seek(SeekFrom::End(0)).with_context(name)?;
    let mut file = File(file);
    if keep == 0 {
        pollster::block_on(file.append(&header.to_line())).with_context(name)?;
    }
    Ok((file, done))
}

/// The time now, RFC 3339 in UTC, to the second.
pub fn now() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    rfc3339(seconds)
}

/// Civil date of a count of seconds since 1970 (Howard Hinnant's days algorithm).
fn rfc3339(seconds: u64) -> String {
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_the_calendars() {
        // `date -u -d @N +%FT%TZ` of GNU coreutils.
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00Z");
        assert_eq!(rfc3339(951_782_400), "2000-02-29T00:00:00Z");
        assert_eq!(rfc3339(1_795_399_199), "2026-11-23T01:59:59Z");
    }
}

//! Takes in a record of another browser or of the command line, a piece of the file at a time.
//!
//! What must hold: nothing is stored before the whole record was found readable; the same record taken in twice is one run.

use mmedbench::Sha256Hex;
use mmedbench::record::{QuestionRecord, RUN_VERSION, RecordError, RunHeader};
use mmedbench::run::Rotations;
use wasm_bindgen_futures::JsFuture;

use super::store::{StoredRun, Writer};

/// What is read at once.
const PIECE: f64 = (4 << 20) as f64;
/// Lines of a file of the stored run.
const LINES: usize = 500;

/// What the lines of a record come to, while they are read.
#[derive(Default)]
struct Seen {
    header: Option<RunHeader>,
    /// Lines of the file, empty ones included.
    number: usize,
    questions: usize,
    /// A model has answered one of them.
    answered: bool,
    rotations: Rotations,
}

impl Seen {
    fn line(&mut self, line: &[u8]) -> Result<(), RecordError> {
        self.number += 1;
        if line.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
        let number = self.number;
        if self.header.is_none() {
            let header: RunHeader = serde_json::from_slice(line).map_err(|e| RecordError::Header { reason: e.to_string() })?;
            if header.mmedkit_run != RUN_VERSION {
                return Err(RecordError::Version { found: header.mmedkit_run });
            }
            self.header = Some(header);
            return Ok(());
        }
        let question: QuestionRecord = serde_json::from_slice(line).map_err(|e| RecordError::Line {
            line: number,
            reason: e.to_string(),
        })?;
        self.questions += 1;
        self.answered |= question.prediction.is_some() || question.text.is_some();
        self.rotations.add(&question);
        Ok(())
    }

    /// How many lines the record will have when all of its data are answered. Of a run over rotations, whose questions differ in their number of
    /// options, this is certain only when it is whole; till then it is one line for each question that is missing.
    fn total(&self) -> usize {
        let evaluation = self.header.as_ref().and_then(|header| header.evaluation.as_ref());
        let Some(evaluation) = evaluation else { return self.questions };
        let answered = self.rotations.bias().map_or(self.questions, |bias| bias.questions);
        self.questions + (evaluation.data.questions as usize).saturating_sub(answered)
    }
}

/// Hands over every line of a file, without its end.
async fn each_line<F: AsyncFnMut(&[u8]) -> Result<(), String>>(file: &web_sys::File, mut take: F) -> Result<(), String> {
    let gone = |_| format!("{} cannot be read any more", file.name());
    let mut rest: Vec<u8> = Vec::new();
    let mut from = 0.0;
    while from < file.size() {
        let piece = file.slice_with_f64_and_f64(from, (from + PIECE).min(file.size())).map_err(gone)?;
        let bytes = JsFuture::from(piece.array_buffer()).await.map_err(gone)?;
        rest.extend(js_sys::Uint8Array::new(&bytes).to_vec());
        from += PIECE;
        let whole = rest.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        for line in rest[..whole].split_inclusive(|byte| *byte == b'\n') {
            take(&line[..line.len() - 1]).await?;
        }
        rest.drain(..whole);
    }
    if rest.is_empty() { Ok(()) } else { take(&rest).await }
}

/// Takes the record in. The error is a sentence without its full stop.
pub async fn import(file: &web_sys::File) -> Result<StoredRun, String> {
    let mut seen = Seen::default();
    let mut hash = Sha256Hex::default();
    each_line(file, async |line| {
        hash.update(line);
        hash.update(b"\n");
        seen.line(line).map_err(|e| e.to_string())
    })
    .await?;
    let total = seen.total();
    let header = seen.header.ok_or_else(|| RecordError::Empty.to_string())?;
    if !seen.answered {
        return Err("no question of this record was answered by a model".into());
    }
    let id = format!("import-{}", &hash.finish()[..16]);
    let mut run = StoredRun::new(id, header, None, total);
    // The same record may have been imported before: it is replaced.
    let mut writer = Writer::begin(&run).await.map_err(|e| e.0)?;
    let (mut first, mut waiting, mut lines) = (true, String::new(), 0);
    each_line(file, async |line| {
        let line = std::str::from_utf8(line).map_err(|e| e.to_string())?.trim();
        if line.is_empty() || std::mem::take(&mut first) {
            return Ok(());
        }
        waiting += line;
        waiting.push('\n');
        lines += 1;
        if lines % LINES == 0 {
            run.add(writer.append(&waiting).await.map_err(|e| e.0)?);
            waiting.clear();
        }
        Ok(())
    })
    .await?;
    if !waiting.is_empty() {
        run.add(writer.append(&waiting).await.map_err(|e| e.0)?);
    }
    Ok(run)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(data: usize, lines: usize, rotations: u32) -> Seen {
        let mut seen = Seen::default();
        let header = serde_json::json!({
            "mmedkit_run": 1, "run_id": "r", "started": "", "software": "s", "mode": "evaluation", "seed": 0, "model": null, "prompt": null,
            "evaluation": {"protocol": "letters", "shots": 0, "chat_template": false, "option_order": "as-given", "context_length": 1,
                "data": {"name": "d", "hash": "h", "questions": data, "unreadable_lines": 0}},
        });
        seen.line(header.to_string().as_bytes()).unwrap();
        for n in 0..lines {
            let rotation = (rotations > 0).then(|| n as u32 % rotations);
            let line = serde_json::json!({
                "id": format!("q{}", n / rotations.max(1) as usize), "question_hash": "h", "language": "English", "source": "", "gold": "A",
                "key_position": 0, "prediction": "A", "correct": true, "rotation": rotation, "option_order": "ABCD",
            });
            seen.line(line.to_string().as_bytes()).unwrap();
        }
        seen
    }

    #[test]
    fn a_part_of_a_record_is_not_the_whole() {
        assert_eq!(seen(60, 24, 0).total(), 60);
        assert_eq!(seen(60, 60, 0).total(), 60);
        assert_eq!(seen(3, 12, 4).total(), 12, "every rotation of each");
        assert!(seen(3, 10, 4).total() > 10);
        let mut quiz = seen(9, 4, 0);
        quiz.header.as_mut().unwrap().evaluation = None;
        assert_eq!(quiz.total(), 4, "a quiz has no data of its own");
    }

    #[test]
    fn damage_is_named_as_everywhere() {
        let mut one = seen(1, 1, 0);
        one.line(b"  ").unwrap();
        assert_eq!(
            one.line(b"{\"id\":").unwrap_err().to_string().split(':').next(),
            Some("line 4 of the record")
        );
        assert!(matches!(Seen::default().line(b"{}"), Err(RecordError::Header { .. })));
        let newer = br#"{"mmedkit_run":2,"run_id":"","started":"","software":"","mode":"","seed":0,"model":null,"prompt":null}"#;
        assert!(matches!(Seen::default().line(newer), Err(RecordError::Version { found: 2 })));
    }
}

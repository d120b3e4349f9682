//! Reading written answers again, by another rule and without the model.
//!
//! What must hold: the text of a line never changes; the header says by which rule the answers were read last. Records of scores hold
//! everything that `choice.rs` needs, so their metrics are computed from the record anyway.

use crate::extract;
use crate::protocol::Protocol;
use crate::{RunRecord, record::RecordError};

/// Why a record cannot be read again so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RescoreError {
    #[error("the record is no evaluation: {0}")]
    NoEvaluation(String),
    #[error(
        "a record of protocol {from} cannot be read as {to}: only written answers (paper, lenient) can be read again; the measures of \
         loglik (acc_norm and the others) are in every report of its record"
    )]
    NotWritten { from: String, to: Protocol },
    #[error(transparent)]
    Record(#[from] RecordError),
}

/// Reads every text again; returns how many answers changed.
pub fn rescore(record: &mut RunRecord, protocol: Protocol) -> Result<usize, RescoreError> {
    let rationale = record.header.prompt.as_ref().is_some_and(|p| p.name.starts_with("paper-rationale"));
    let mode = record.header.mode.clone();
    let evaluation = record.header.evaluation.as_mut().ok_or(RescoreError::NoEvaluation(mode))?;
    let from = Protocol::parse(&evaluation.protocol);
    if !protocol.writes() || !from.is_some_and(Protocol::writes) {
        return Err(RescoreError::NotWritten {
            from: evaluation.protocol.clone(),
            to: protocol,
        });
    }
    evaluation.protocol = protocol.name().into();
    let mut changed = 0;
    for line in &mut record.questions {
        let before = (line.prediction.clone(), line.correct);
        extract::read_line(line, protocol, rationale);
        changed += usize::from(before != (line.prediction.clone(), line.correct));
    }
    Ok(changed)
}

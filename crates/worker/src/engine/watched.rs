//! A source of bytes that is watched: it gives way to the event loop, hears of a stop while it waits, keeps the true error, and counts
//! what is in memory at once.

use super::control::Control;
use super::failure;
use crate::protocol::Failure;
use checkpoint::ByteSource;
use futures::future::{Either, select};
use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;

/// What was seen, shared with whoever opened the source.
#[derive(Clone, Default)]
pub struct Sightings(Rc<Seen>);

#[derive(Default)]
struct Seen {
    failure: RefCell<Option<Failure>>,
    in_flight: Cell<u64>,
    peak: Cell<u64>,
}

impl Sightings {
    /// The source's own error, which says more than the decoder's, whose reading it ended.
    pub fn or(&self, error: decoder::Error) -> Failure {
        let seen = self.0.failure.borrow_mut().take();
        match (error, seen) {
            (decoder::Error::Read { .. }, Some(failure)) => failure,
            (error, _) => failure::decoder(error),
        }
    }

    /// As [`Sightings::or`], for what opens a file.
    pub fn or_checkpoint(&self, error: checkpoint::Error) -> Failure {
        let seen = self.0.failure.borrow_mut().take();
        match (error, seen) {
            (checkpoint::Error::Io { .. }, Some(failure)) => failure,
            (error, _) => failure::checkpoint(error),
        }
    }

    /// Most bytes that reads asked for at the same time.
    pub fn peak(&self) -> u64 {
        self.0.peak.get()
    }
}

/// `S`, watched.
pub struct Watched<S> {
    source: S,
    control: Control,
    sightings: Sightings,
}

impl<S: ByteSource> Watched<S> {
    /// Watches `source`.
    pub fn new(source: S, control: Control) -> Watched<S> {
        Watched {
            source,
            control,
            sightings: Sightings::default(),
        }
    }

    /// What was and will be seen.
    pub fn sightings(&self) -> Sightings {
        self.sightings.clone()
    }
}

impl<S: ByteSource> ByteSource for Watched<S> {
    fn name(&self) -> &str {
        self.source.name()
    }

    fn len(&self) -> u64 {
        self.source.len()
    }

    async fn read(&self, offset: u64, buffer: &mut [u8]) -> checkpoint::Result<()> {
        let Seen {
            failure: kept,
            in_flight,
            peak,
        } = &*self.sightings.0;
        let bytes = buffer.len() as u64;
        in_flight.set(in_flight.get() + bytes);
        peak.set(peak.get().max(in_flight.get()));
        let result = match select(pin!(self.source.read(offset, buffer)), pin!(self.control.cancelled())).await {
            Either::Left((result, _)) => result,
            Either::Right(_) => Err(checkpoint::Error::Cancelled),
        };
        in_flight.set(in_flight.get() - bytes);
        if let Err(error) = result {
            // The error has two readers, and cannot be cloned: the decoder gets its words.
            let problem = checkpoint::Error::Io {
                file: self.name().to_owned(),
                problem: error.to_string(),
            };
            if matches!(error, checkpoint::Error::Cancelled) {
                return Err(error);
            }
            kept.replace(Some(failure::checkpoint(error)));
            return Err(problem);
        }
        self.control.breathe().await.map_err(|_| checkpoint::Error::Cancelled)
    }
}

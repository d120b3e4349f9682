//! In place of `remote.rs` where the program is built without object stores: there is no such place.

use std::path::Path;

use super::{Entry, Fetched};
use crate::{Error, Result};

/// Nothing is one.
pub enum Remote {}

impl Remote {
    /// Says what to do.
    pub fn open(location: &str) -> Result<Remote> {
        Err(Error::Refused(format!("{location}: {}", super::BUILD_IT.trim_start())))
    }

    pub fn shown(&self, _: &str) -> String {
        match *self {}
    }

    pub fn scratch(&self) -> &Path {
        match *self {}
    }

    pub fn exists(&self, _: &str) -> Result<bool> {
        match *self {}
    }

    pub fn read(&self, _: &str) -> Result<Option<Vec<u8>>> {
        match *self {}
    }

    pub fn write(&self, _: &str, _: &[u8]) -> Result<()> {
        match *self {}
    }

    pub fn list(&self, _: &str) -> Result<Vec<Entry>> {
        match *self {}
    }

    pub fn upload(&self, _: &str, _: &Path) -> Result<()> {
        match *self {}
    }

    pub fn download(&self, _: &str, _: &str) -> Result<Fetched> {
        match *self {}
    }
}

//! What went wrong on the device, in the decoder's words. Browsers tell late: [`Gpu::check`] says what is known, [`Gpu::settle`] waits.

use super::Gpu;
use decoder::{Error, Result};

impl Gpu {
    pub(super) fn backend_error(&self, step: &'static str, problem: String) -> Error {
        self.lost().unwrap_or(Error::Backend {
            device: self.name(),
            step,
            problem,
        })
    }

    pub(super) fn lost(&self) -> Option<Error> {
        let trouble = self.trouble.lock().ok()?;
        trouble.lost.as_ref().map(|problem| Error::DeviceLost {
            device: self.name(),
            problem: problem.clone(),
        })
    }

    /// Comes back when the device is lost, with [`Error::DeviceLost`].
    pub async fn until_lost(&self) -> Error {
        std::future::poll_fn(|context| {
            if let Some(error) = self.lost() {
                return std::task::Poll::Ready(error);
            }
            if let Ok(mut trouble) = self.trouble.lock() {
                trouble.waiting.retain(|waker| !waker.will_wake(context.waker()));
                trouble.waiting.push(context.waker().clone());
            }
            // Lost between the look and the entry in the list: nobody would wake this task any more.
            self.lost().map_or(std::task::Poll::Pending, std::task::Poll::Ready)
        })
        .await
    }

    fn memory_error(&self, step: &str, error: &str) -> Error {
        Error::OutOfMemory {
            device: self.name(),
            problem: format!("{step}: {error}"),
        }
    }

    /// Errors that are known by now.
    pub fn check(&self) -> Result<()> {
        if let Some(error) = self.lost() {
            return Err(error);
        }
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let mut found = None;
        self.scopes
            .borrow_mut()
            .retain_mut(|(step, scope)| match scope.as_mut().poll(&mut context) {
                std::task::Poll::Ready(error) => {
                    found = found
                        .take()
                        .or_else(|| error.map(|error| self.memory_error(step, &error.to_string())));
                    false
                }
                std::task::Poll::Pending => true,
            });
        found.map_or_else(|| self.uncaptured(), Err)
    }

    /// As [`Gpu::check`], after waiting for answers that the browser still owes.
    pub async fn settle(&self) -> Result<()> {
        let scopes = self.scopes.take();
        for (step, scope) in scopes {
            if let Some(error) = scope.await {
                return Err(self.memory_error(step, &error.to_string()));
            }
        }
        self.check()
    }

    fn uncaptured(&self) -> Result<()> {
        let error = self.trouble.lock().ok().and_then(|mut trouble| trouble.error.take());
        match error {
            None => Ok(()),
            Some((true, problem)) => Err(Error::OutOfMemory {
                device: self.name(),
                problem,
            }),
            Some((false, problem)) => Err(Error::Backend {
                device: self.name(),
                step: "running kernels",
                problem,
            }),
        }
    }
}

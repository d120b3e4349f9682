//! A limit on the bytes that are in memory at once, shared by everything that moves a file.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// The most bytes of a file that may be in memory on their way to a device or to disk.
pub const IN_FLIGHT_LIMIT: usize = 16 << 20;

/// Bytes that may still be taken. Clones share one limit.
#[derive(Clone, Debug)]
pub struct Budget(Rc<RefCell<State>>);

#[derive(Debug)]
struct State {
    limit: usize,
    taken: usize,
    peak: usize,
    /// Who waits, first come first served: number of the ticket, bytes, waker.
    waiting: VecDeque<(u64, usize, Waker)>,
    next_ticket: u64,
}

/// Bytes that were taken; dropped, they are given back.
#[derive(Debug)]
pub struct Permit {
    budget: Budget,
    bytes: usize,
}

impl Default for Budget {
    fn default() -> Budget {
        Budget::new(IN_FLIGHT_LIMIT)
    }
}

impl Budget {
    /// A budget of `limit` bytes.
    pub fn new(limit: usize) -> Budget {
        Budget(Rc::new(RefCell::new(State {
            limit,
            taken: 0,
            peak: 0,
            waiting: VecDeque::new(),
            next_ticket: 0,
        })))
    }

    /// Bytes in all.
    pub fn limit(&self) -> usize {
        self.0.borrow().limit
    }

    /// The most bytes that were taken at once so far.
    pub fn peak(&self) -> usize {
        self.0.borrow().peak
    }

    /// Waits until `bytes` are free, in the order of asking. More than the limit at once is a mistake of the caller.
    pub async fn take(&self, bytes: usize) -> Permit {
        assert!(bytes <= self.limit(), "{bytes} bytes at once, but the limit is {}", self.limit());
        let mut ticket = Ticket {
            budget: self.clone(),
            number: None,
        };
        poll_fn(|context| {
            let mut state = self.0.borrow_mut();
            let first = match ticket.number {
                None => state.waiting.is_empty(),
                Some(number) => state.waiting.front().is_some_and(|waiter| waiter.0 == number),
            };
            if first && state.taken + bytes <= state.limit {
                state.taken += bytes;
                state.peak = state.peak.max(state.taken);
                return Poll::Ready(());
            }
            match ticket.number {
                None => {
                    let number = state.next_ticket;
                    state.next_ticket += 1;
                    state.waiting.push_back((number, bytes, context.waker().clone()));
                    ticket.number = Some(number);
                }
                Some(number) => {
                    if let Some(waiter) = state.waiting.iter_mut().find(|waiter| waiter.0 == number) {
                        waiter.2 = context.waker().clone();
                    }
                }
            }
            Poll::Pending
        })
        .await;
        Permit {
            budget: self.clone(),
            bytes,
        }
    }

    /// Wakes the first in line.
    fn wake(&self) {
        let waker = self.0.borrow().waiting.front().map(|waiter| waiter.2.clone());
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// A place in the line, left when the wait ends or is given up.
struct Ticket {
    budget: Budget,
    number: Option<u64>,
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            self.budget.0.borrow_mut().waiting.retain(|waiter| waiter.0 != number);
            self.budget.wake();
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.budget.0.borrow_mut().taken -= self.bytes;
        self.budget.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    #[test]
    fn the_limit_holds_and_the_line_is_kept() {
        let budget = Budget::new(10);
        let first = budget.take(6).now_or_never().unwrap();
        let mut large = Box::pin(budget.take(8));
        let mut small = Box::pin(budget.take(2));
        assert!(large.as_mut().now_or_never().is_none());
        // There is room for the small one, but it came later: the large one must not starve.
        assert!(small.as_mut().now_or_never().is_none());
        drop(first);
        let second = large.as_mut().now_or_never().unwrap();
        drop(large);
        let third = small.as_mut().now_or_never().unwrap();
        assert_eq!(budget.peak(), 10);
        drop((second, third));
        // Who gives up leaves the line.
        let all = budget.take(10).now_or_never().unwrap();
        let mut waiting = Box::pin(budget.take(10));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(waiting);
        drop(all);
        assert!(budget.take(10).now_or_never().is_some());
    }
}

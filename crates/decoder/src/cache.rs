//! Bookkeeping of the KV cache: which slots belong to which sequence.
//!
//! Slots are handed out in pages. A sequence may be forked: the fork sees all slots of its parent and writes to pages of its own, so a
//! prefix is stored once however many texts start with it. Pages go back when the last sequence that uses them is dropped.

use std::cell::RefCell;
use std::rc::Rc;

use crate::{Error, Result};

/// Slots in a page.
pub const PAGE: usize = 16;

/// All pages of a cache.
#[derive(Clone, Debug)]
pub struct Pool {
    free: Rc<RefCell<Vec<u32>>>,
    pages: usize,
}

impl Pool {
    /// A pool over `slots` slots (a last partial page is not used).
    pub fn new(slots: usize) -> Pool {
        let pages = slots / PAGE;
        Pool {
            free: Rc::new(RefCell::new((0..pages as u32).rev().collect())),
            pages,
        }
    }

    /// An empty sequence.
    pub fn sequence(&self) -> Sequence {
        Sequence {
            slots: Vec::new(),
            lease: Rc::new(self.lease(None)),
            spare: 0..0,
            pool: self.clone(),
        }
    }

    /// Slots that no sequence holds.
    pub fn free_slots(&self) -> usize {
        self.free.borrow().len() * PAGE
    }

    /// All slots.
    pub fn capacity(&self) -> usize {
        self.pages * PAGE
    }

    fn lease(&self, parent: Option<Rc<Lease>>) -> Lease {
        Lease {
            pages: RefCell::default(),
            free: Rc::clone(&self.free),
            _parent: parent,
        }
    }
}

/// Pages that are given back on drop.
#[derive(Debug)]
struct Lease {
    pages: RefCell<Vec<u32>>,
    free: Rc<RefCell<Vec<u32>>>,
    _parent: Option<Rc<Lease>>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.free.borrow_mut().append(&mut self.pages.borrow_mut());
    }
}

/// A text in the cache.
#[derive(Debug)]
pub struct Sequence {
    slots: Vec<u32>,
    lease: Rc<Lease>,
    /// Slots of the last page that are not used yet.
    spare: std::ops::Range<u32>,
    pool: Pool,
}

impl Sequence {
    /// Slots by position.
    pub fn slots(&self) -> &[u32] {
        &self.slots
    }

    /// Tokens of the text.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// True before the first token.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Room for `count` more tokens; returns their slots. Errors: [`Error::ContextFull`], and then nothing has changed.
    pub fn extend(&mut self, count: usize) -> Result<Vec<u32>> {
        let available = self.spare.len() + self.pool.free_slots();
        if count > available {
            return Err(Error::ContextFull {
                needed: self.len() + count,
                available: self.len() + available,
            });
        }
        let first = self.slots.len();
        for _ in 0..count {
            if self.spare.is_empty() {
                let page = self.pool.free.borrow_mut().pop().expect("counted above");
                self.lease.pages.borrow_mut().push(page);
                self.spare = page * PAGE as u32..(page + 1) * PAGE as u32;
            }
            self.slots.extend(self.spare.next());
        }
        Ok(self.slots[first..].to_vec())
    }

    /// A text that starts with this one.
    pub fn fork(&self) -> Sequence {
        self.fork_at(self.len())
    }

    /// A text that starts with this one's first `length` tokens (at most all). This one's pages stay taken as long as the fork lives.
    pub fn fork_at(&self, length: usize) -> Sequence {
        let lease = Rc::new(self.pool.lease(Some(Rc::clone(&self.lease))));
        Sequence {
            slots: self.slots[..length.min(self.slots.len())].to_vec(),
            lease,
            spare: 0..0,
            pool: self.pool.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forks_share_the_prefix_and_never_each_others_slots() {
        let pool = Pool::new(10 * PAGE);
        let mut parent = pool.sequence();
        parent.extend(20).unwrap();
        let mut a = parent.fork();
        let mut b = parent.fork();
        let (own_a, own_b) = (a.extend(3).unwrap(), b.extend(3).unwrap());
        let more = parent.extend(3).unwrap();
        assert_eq!(a.slots()[..20], b.slots()[..20]);
        let mut all: Vec<u32> = [own_a, own_b, more].concat();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 9, "no slot twice");
    }

    #[test]
    fn a_fork_may_start_earlier() {
        let pool = Pool::new(10 * PAGE);
        let mut parent = pool.sequence();
        parent.extend(20).unwrap();
        let mut fork = parent.fork_at(7);
        assert_eq!(fork.slots(), &parent.slots()[..7]);
        let own = fork.extend(2).unwrap();
        assert!(
            own.iter().all(|slot| !parent.slots().contains(slot)),
            "what the parent holds behind the fork is not overwritten"
        );
    }

    #[test]
    fn pages_return_when_the_last_user_goes() {
        let pool = Pool::new(4 * PAGE);
        let mut parent = pool.sequence();
        parent.extend(PAGE + 1).unwrap();
        let child = parent.fork();
        drop(parent);
        assert_eq!(pool.free_slots(), 2 * PAGE, "the fork still needs the prefix");
        drop(child);
        assert_eq!(pool.free_slots(), 4 * PAGE);
    }

    #[test]
    fn a_full_cache_refuses_and_changes_nothing() {
        let pool = Pool::new(2 * PAGE);
        let mut text = pool.sequence();
        text.extend(PAGE).unwrap();
        assert!(matches!(text.extend(PAGE + 1), Err(Error::ContextFull { .. })));
        assert_eq!((text.len(), pool.free_slots()), (PAGE, PAGE));
    }
}

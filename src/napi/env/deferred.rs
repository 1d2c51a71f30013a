//! Work that is deferred until no wasm is on the stack.

use crate::napi::env::reference::StrongReference;
use crate::napi::env::value::{JsEnv, Value};
use crate::store::InstanceId;
use std::cell::{Cell, RefCell};

/// A collection.
pub const COLLECTION: u8 = 1;
/// The recycling of instances.
pub const RECYCLING: u8 = 2;

/// The deferred work of a store.
#[derive(Default)]
pub struct Deferred {
    /// Which work there is: one cell, since each call looks at it
    work: Cell<u8>,
    trapped: RefCell<Vec<Trapped>>,
    /// Whether instances are being recycled
    is_recycling: Cell<bool>,
}

/// An instance that a trap has left in the middle of its work.
pub struct Trapped {
    /// The instance
    pub id: InstanceId,
    /// The error of the trap
    pub error: StrongReference,
}

impl Deferred {
    /// Whether there is any.
    #[inline]
    pub fn is_any(&self) -> bool {
        self.work.get() != 0
    }

    /// Whether there is this work.
    pub fn has(&self, work: u8) -> bool {
        self.work.get() & work != 0
    }

    /// Says whether there is this work.
    pub fn set(&self, work: u8, is_there: bool) {
        self.work.set(if is_there { self.work.get() | work } else { self.work.get() & !work });
    }

    /// All work, which is not there from then on.
    pub fn take(&self) -> u8 {
        self.work.take()
    }

    /// Adds work again that was taken.
    pub fn put_back(&self, work: u8) {
        self.work.set(self.work.get() | work);
    }

    /// Notes instances that a trap has left in the middle of their work.
    pub fn note_trapped(&self, env: JsEnv<'_>, ids: Vec<InstanceId>, error: Value<'_>) {
        let mut trapped = self.trapped.borrow_mut();
        for id in ids {
            if !trapped.iter().any(|other| other.id == id) {
                trapped.push(Trapped { id, error: StrongReference::new(env, error) });
            }
        }
        self.set(RECYCLING, !trapped.is_empty());
    }

    /// Runs `recycle` for each instance that was noted, also for those that are noted meanwhile. Does nothing within another
    /// run.
    pub fn each_trapped(&self, recycle: impl Fn(Trapped)) {
        self.set(RECYCLING, false);
        if self.is_recycling.replace(true) {
            return;
        }
        while let Some(next) = {
            let mut trapped = self.trapped.borrow_mut();
            (!trapped.is_empty()).then(|| trapped.remove(0))
        } {
            recycle(next);
        }
        self.set(RECYCLING, false);
        self.is_recycling.set(false);
    }
}

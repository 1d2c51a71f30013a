//! The open flag of an instance.

use std::cell::Cell;

/// Whether an instance is open. Check it before using anything of the instance: a closed instance may have been freed.
#[derive(Debug, Default)]
pub struct OpenFlag {
    closed: Cell<bool>,
    silent: Cell<bool>,
}

impl OpenFlag {
    /// Whether the instance was closed or freed: the host's handles of it have ended. Code of a closed instance still
    /// runs where it is linked.
    pub fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// Whether calls of the closed instance's functions do nothing.
    pub fn is_silent(&self) -> bool {
        self.silent.get()
    }

    pub(in crate::store) fn close(&self, silent: bool) {
        if !self.closed.replace(true) {
            self.silent.set(silent);
        }
    }
}

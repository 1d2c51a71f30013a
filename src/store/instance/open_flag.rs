use std::cell::Cell;

/// Whether an instance is open. Whoever holds something of it looks here before using it: what is closed may be gone.
#[derive(Debug, Default)]
pub struct OpenFlag {
    closed: Cell<bool>,
    silent: Cell<bool>,
}

impl OpenFlag {
    /// Whether it was closed, or freed, so that the host's handles of it are dead. The code of one that was closed may
    /// still run, where it is linked.
    pub fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// Whether functions of one that is closed do nothing when they are called.
    pub fn is_silent(&self) -> bool {
        self.silent.get()
    }

    pub(in crate::store) fn close(&self, silent: bool) {
        if !self.closed.replace(true) {
            self.silent.set(silent);
        }
    }
}

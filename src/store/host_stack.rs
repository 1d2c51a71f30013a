use crate::error::{Error, ErrorKind};
use std::cell::Cell;
use std::rc::Rc;

/// How much of the host's stack functions of two compilers may take to call each other, in bytes. V8
/// keeps JavaScript in the first megabyte of stacks that have four at least, and looks after nothing
/// that goes on without it.
const MOST: usize = 1 << 20;

/// Where the host's stack was when JavaScript last called into a store. Not a variable of the thread's: that costs a call
/// of its own to find, in a library that is loaded late.
#[derive(Clone)]
pub(super) struct HostStack(Rc<Cell<usize>>);

/// A call into wasm from JavaScript, until it is dropped.
pub(super) struct Entered<'a> {
    stack: &'a HostStack,
    outer: usize,
}

impl Default for HostStack {
    fn default() -> Self {
        Self(Rc::new(Cell::new(usize::MAX)))
    }
}

impl HostStack {
    /// Notes that JavaScript calls into wasm.
    #[inline]
    pub fn enter(&self) -> Entered<'_> {
        Entered { stack: self, outer: self.0.replace(here()) }
    }

    /// Refuses to go on where little is left.
    ///
    /// # Errors
    /// `Trap`, as where the stack of wasm ends.
    pub fn check(&self) -> Result<(), Error> {
        if self.0.get().saturating_sub(here()) < MOST {
            return Ok(());
        }
        let message = "call stack exhausted".to_owned();
        Err(ErrorKind::Trap { trap: "stack-overflow", message, frames: Vec::new() }.into())
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.stack.0.set(self.outer);
    }
}

/// An address on the stack.
#[inline]
fn here() -> usize {
    let marker = 0_u8;
    &raw const marker as usize
}

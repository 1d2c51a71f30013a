use crate::error::{Error, ErrorKind};
use std::cell::Cell;

thread_local! {
    /// Where the host's stack was when JavaScript last called into wasm
    static ENTRY: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// How much of the host's stack functions of two compilers may take to call each other, in bytes. V8
/// keeps JavaScript in the first megabyte of stacks that have four at least, and looks after nothing
/// that goes on without it.
const MOST: usize = 1 << 20;

/// A call into wasm from JavaScript, until it is dropped.
pub(super) struct Entered {
    outer: usize,
}

/// An address on the stack.
#[inline]
fn here() -> usize {
    let marker = 0_u8;
    &raw const marker as usize
}

/// Notes that JavaScript calls into wasm.
#[inline]
pub(super) fn enter() -> Entered {
    Entered { outer: ENTRY.replace(here()) }
}

/// Refuses to go on where little is left.
///
/// # Errors
/// `Trap`, as where the stack of wasm ends.
pub(super) fn check() -> Result<(), Error> {
    if ENTRY.get().saturating_sub(here()) < MOST {
        return Ok(());
    }
    let message = "call stack exhausted".to_owned();
    Err(ErrorKind::Trap { trap: "stack-overflow", message, frames: Vec::new() }.into())
}

impl Drop for Entered {
    fn drop(&mut self) {
        ENTRY.set(self.outer);
    }
}

//! The stack of a trap.

use std::fmt;

/// A wasm function on the stack of a trap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackFrame {
    /// The demangled name, if the module has a name section
    pub name: Option<String>,
    /// The function's index in the author's module
    pub index: u32,
    /// Byte offset in the author's module
    pub offset: u32,
}

/// The wasm functions on the stack of a trap. Most are never asked for, so they are looked up when they are.
pub trait Trace: fmt::Debug + Send + Sync {
    /// The innermost of them, so many at the most.
    fn frames(&self, most: usize) -> Vec<StackFrame>;
}

//! The stack of a trap.

use std::fmt;

/// A wasm function on the stack of a trap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StackFrame {
    /// The demangled name, if the module has a name section
    pub name: Option<String>,
    /// The function's index in the module as it was loaded
    pub index: u32,
    /// Byte offset in that module
    pub offset: u32,
}

/// The wasm functions on the stack of a trap. They are looked up on request: few callers read the stack.
pub trait Trace: fmt::Debug + Send + Sync {
    /// The innermost functions, at most `most` of them.
    fn frames(&self, most: usize) -> Vec<StackFrame>;
}

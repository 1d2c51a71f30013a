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

/// A compiled function on the stack of a trap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TracedFunction {
    /// The id of its code
    pub module: usize,
    /// Its index in the compiled module
    pub index: u32,
}

/// The function that a slot held when it trapped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedFunction {
    /// The slot's name
    pub slot: String,
    /// The function's name
    pub implementation: String,
}

/// The wasm functions on the stack of a trap. They are looked up on request: few callers read the stack.
pub trait Trace: fmt::Debug + Send + Sync {
    /// The innermost functions, at most `most` of them.
    fn frames(&self, most: usize) -> Vec<StackFrame>;
    /// The innermost of them, and of those that the load-time pass has added, so many at the most.
    fn functions(&self, most: usize) -> Vec<TracedFunction>;
}

//! Traps, thrown values and exceptions that end a call.

use crate::engine::{CapturedStack, CodeLocation, trace};
use crate::error::{Error, ErrorKind, StackFrame, Trace, TracedFunction};
use crate::store::ExceptionRef;
use crate::wasm::path;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;
use wasmer::sys::vm::Trap;
use wasmer_types::TrapCode;

/// The reason why a call ended early.
#[derive(Debug)]
pub enum Failure {
    /// A trap, or an error of this library
    Error(Error),
    /// A value that a host function threw, to be passed on unchanged
    Thrown(Box<dyn StdError + Send + Sync>),
    /// An exception that no wasm caught
    Exception(ExceptionRef),
}

impl Failure {
    /// Whether the call failed for lack of memory or address space, or at a limit.
    pub fn is_no_room(&self) -> bool {
        matches!(self, Self::Error(error) if matches!(error.kind(), ErrorKind::Memory { .. } | ErrorKind::AddressSpace { .. } | ErrorKind::Limit { .. }))
    }

    /// Whether the call failed at a limit.
    pub fn is_limit(&self) -> bool {
        matches!(self, Self::Error(error) if error.is_limit())
    }
}

/// A value that a host function threw. It unwinds all wasm on the stack, up to the host code that called wasm.
#[derive(Debug)]
pub struct Thrown(pub Box<dyn StdError + Send + Sync>);

impl Thrown {
    /// A thrown error of this library.
    pub fn error(error: Error) -> Self {
        Self(Box::new(error))
    }
}

impl fmt::Display for Thrown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl StdError for Thrown {}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<Trap> for Failure {
    #[cold]
    fn from(trap: Trap) -> Self {
        let trap = match trap {
            Trap::User(thrown) => {
                return match thrown.downcast::<Thrown>() {
                    Ok(thrown) => match thrown.0.downcast::<ExceptionRef>() {
                        Ok(exception) => Self::Exception(*exception),
                        // The trap of a function behind a bridge, or an error of a host function.
                        Err(value) => value.downcast().map_or_else(Self::Thrown, |error| Self::Error(*error)),
                    },
                    Err(other) => Self::Error(ErrorKind::Internal { message: other.to_string() }.into()),
                };
            }
            Trap::OOM { .. } => {
                return Self::Error(ErrorKind::Memory { message: "out of memory".into() }.into());
            }
            Trap::UncaughtException { exnref, .. } => return Self::Exception(ExceptionRef(exnref.to_u32_exnref())),
            trap => trap,
        };
        let (code, stack) = trace(&trap);
        Self::Error(trap_error(code, Some(Arc::new(stack))))
    }
}

/// The error of a trap.
pub fn trap_error(code: Option<TrapCode>, stack: Option<Arc<CapturedStack>>) -> Error {
    let (trap, message) = describe(code);
    ErrorKind::trap(trap, message.to_owned(), stack.map(|stack| stack as Arc<dyn Trace>)).into()
}

impl Trace for CapturedStack {
    fn frames(&self, most: usize) -> Vec<StackFrame> {
        let locations = self.locations().filter(|at| !at.names.is_added(at.index)).take(most);
        let frames = locations.map(|CodeLocation { names, index, offset }| StackFrame {
            name: names.name(index).map(|name| path(name).into_owned()),
            index: names.original_index(index),
            offset,
        });
        frames.collect()
    }

    fn functions(&self, most: usize) -> Vec<TracedFunction> {
        let functions = self.locations().take(most);
        functions.map(|at| TracedFunction { module: at.names.id(), index: at.index }).collect()
    }
}

/// The stable name of a trap, and V8's message for it.
fn describe(code: Option<TrapCode>) -> (&'static str, &'static str) {
    use TrapCode as T;
    match code {
        Some(T::StackOverflow) => ("stack-overflow", "call stack exhausted"),
        Some(T::HeapAccessOutOfBounds | T::HeapMisaligned) => ("memory-out-of-bounds", "memory access out of bounds"),
        Some(T::TableAccessOutOfBounds) => ("table-out-of-bounds", "table index is out of bounds"),
        Some(T::IndirectCallToNull) => ("null-function", "null function in an indirect call"),
        Some(T::BadSignature) => ("signature-mismatch", "function signature mismatch in an indirect call"),
        Some(T::IntegerOverflow) => ("integer-overflow", "integer overflow"),
        Some(T::IntegerDivisionByZero) => ("divide-by-zero", "divide by zero"),
        Some(T::BadConversionToInteger) => ("float-unrepresentable", "float unrepresentable in integer range"),
        Some(T::UnreachableCodeReached) => ("unreachable", "unreachable"),
        Some(T::UnalignedAtomic) => ("unaligned-atomic", "operation does not support unaligned accesses"),
        Some(T::UncaughtException) => ("uncaught-exception", "uncaught WebAssembly exception"),
        Some(T::UninitializedExnRef) => ("null-exception", "rethrowing a null exception reference"),
        Some(T::HostInterrupt) => ("interrupted", "interrupted"),
        Some(T::YieldOutsideAsyncContext | T::ReadonlyTableModified) | None => ("unknown", "unknown trap"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::test_support::{COMPILERS, call, compile, function, instantiate, new_store};

    #[test]
    fn a_trap_says_which_and_where() {
        let text = r#"(module (func $inner (result i32) unreachable) (func (export "call") (result i32) call $inner))"#;
        for compiler in COMPILERS {
            let store = new_store();
            let instance = instantiate(&store, &compile(text, compiler), Vec::new()).unwrap();
            let Failure::Error(error) = call(&store, function(&store, &instance, "call")).unwrap_err() else {
                panic!("a trap is an error")
            };
            let ErrorKind::Trap { trap, trace: Some(trace), .. } = error.kind() else { panic!("{error:?}") };
            let frames = trace.frames(2);
            assert_eq!(*trap, "unreachable");
            assert_eq!(frames[0].name.as_deref(), Some("inner"), "on {compiler:?}");
            assert_eq!(frames.iter().map(|frame| frame.index).collect::<Vec<_>>(), [0, 1], "on {compiler:?}");
        }
    }
}

//! `ErrorKind`: what went wrong, with its data.

use super::{LinkedFunction, Panic, RefusedChange, Subject, Trace};
use std::fmt;
use std::sync::Arc;

/// The kinds of errors, with their data.
#[derive(Debug, Clone)]
#[non_exhaustive]
#[allow(missing_docs)] // each variant's message and docs/errors.md say it
pub enum ErrorKind {
    InvalidWasm {
        message: String,
        offset: u64,
    },
    Unsupported {
        message: String,
    },
    Declaration {
        message: String,
    },
    Compile {
        message: String,
    },
    Import {
        module: String,
        field: String,
        expected: String,
        actual: String,
    },
    SignatureHash {
        first: String,
        second: String,
    },
    Signature {
        slot: String,
        expected: String,
        actual: String,
        /// Whether a call site of the slot's table has the type `actual`
        is_called: bool,
    },
    /// No call site has the type of a function; `types` are those of the call sites
    CallSite {
        slot: String,
        types: Vec<String>,
        /// None for a JavaScript function
        actual: Option<String>,
    },
    /// A link by a call site's type needs one table entry, and the slot's function is in none or in several
    Entries {
        slot: String,
        entries: Vec<u32>,
    },
    /// Two sides with pointers in their Rust types have different memories
    Memories {
        slot: String,
        types: String,
    },
    Abi {
        slot: String,
        expected: String,
        actual: String,
    },
    /// Two typed functions have types of different structure
    Types {
        slot: String,
        expected: String,
        actual: String,
        /// Each with its place, as "order.items[].price: expected u64, got u32"
        differences: Vec<String>,
    },
    OtherStore(Subject),
    Closed(Subject),
    ClosedCall,
    ClosedObject {
        what: &'static str,
    },
    ClosedStore,
    Compiler {
        what: String,
        expected: &'static str,
        actual: &'static str,
    },
    Cycle {
        slot: String,
    },
    Merged {
        slot: String,
        names: Vec<String>,
    },
    Duplicate {
        slot: String,
    },
    Undone {
        slot: String,
    },
    Order {
        slot: String,
    },
    Changed {
        slot: String,
    },
    Refused {
        changes: Vec<RefusedChange>,
    },
    Trap {
        trap: &'static str,
        message: String,
        trace: Option<Arc<dyn Trace>>,
        /// The Rust panic that ended in it
        panic: Option<Box<Panic>>,
        /// The link under which it happened
        link: Option<Box<LinkedFunction>>,
    },
    /// The deadline of a call has passed; `timeout` in milliseconds
    Timeout {
        timeout: f64,
        trace: Option<Arc<dyn Trace>>,
    },
    /// A call was ended from outside; `reason` in the form in which `lib/` gave it
    Interrupted {
        reason: String,
        trace: Option<Arc<dyn Trace>>,
    },
    /// A guest has called `proc_exit` of WASI
    WasiExit {
        code: i32,
    },
    /// An option of WASI that the system refuses; `code` is that of Node
    WasiOption {
        option: String,
        code: &'static str,
        message: String,
    },
    Internal {
        message: String,
    },
    ArgumentType {
        message: String,
    },
    ArgumentValue {
        message: String,
    },
    UnsupportedValue {
        message: String,
    },
    OutOfRange {
        message: String,
    },
    Memory {
        message: String,
    },
    /// A limit of a store, an instance or a compile: `owner` says which
    Limit {
        owner: &'static str,
        limit: &'static str,
        value: u64,
        asked: u64,
    },
    /// The system refuses the address space of a full memory
    AddressSpace {
        message: String,
    },
    /// Code for full memories does not take the small memory of an import
    SmallMemory {
        module: String,
        field: String,
    },
    Cache {
        message: String,
    },
}

impl ErrorKind {
    /// A trap.
    pub fn trap(trap: &'static str, message: String, trace: Option<Arc<dyn Trace>>) -> Self {
        Self::Trap { trap, message, trace, panic: None, link: None }
    }

    /// The same trap, at the end of a Rust panic.
    pub fn with_panic(mut self, found: Panic) -> Self {
        if let Self::Trap { message, panic, .. } = &mut self {
            *message = format!("{message}: {found}");
            *panic = Some(Box::new(found));
        }
        self
    }

    /// The same trap, in the implementation that a slot held.
    pub fn with_link(mut self, found: LinkedFunction) -> Self {
        if let Self::Trap { link, .. } = &mut self {
            *link = Some(Box::new(found));
        }
        self
    }

    /// The refusal of a type whose values JavaScript cannot have.
    pub fn inconvertible(ty: impl fmt::Display) -> Self {
        let message = format!("values of type {ty} do not cross between WebAssembly and JavaScript");
        Self::UnsupportedValue { message }
    }

    /// The failure of the load-time pass on a module that was validated.
    pub fn pass_failed(error: impl fmt::Display) -> Self {
        Self::Compile { message: format!("the load-time pass failed: {error}") }
    }

    /// No room for a copy of a module of this size in bytes.
    pub fn no_room_for_copy(size: usize) -> Self {
        Self::Memory { message: format!("there is no room for a copy of the module, which has {size} bytes") }
    }

    /// The refusal of a type whose values no typed array holds.
    pub fn no_column(ty: impl fmt::Display) -> Self {
        Self::UnsupportedValue {
            message: format!("no typed array holds values of type {ty}: call the function itself"),
        }
    }
}

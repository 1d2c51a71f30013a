//! State of the batches of a store.

use crate::engine::Compiler;
use crate::rewrite::Columns;
use crate::store::instance::entity::Instance;
use crate::store::{FuncRef, MemoryId, Rooted, TableId};
use crate::wasm::FuncType;
use rustc_hash::FxHashMap;
use std::rc::Rc;

/// State of batches: a driver, which is a loop in wasm, for each type and compiler, and a memory that they share. The
/// memory holds arguments and results in columns.
#[derive(Default)]
pub struct Batches {
    pub(in crate::store) memory: Option<Rooted<MemoryId>>,
    pub(in crate::store) drivers: FxHashMap<(FuncType, Compiler), Rc<Driver>>,
    /// The batches on the stack: table of the driver, and called function. Batch `i` uses page `i` of the memory
    pub(in crate::store) running: Vec<(TableId, FuncRef)>,
}

/// A loop in wasm over one function.
pub(in crate::store) struct Driver {
    /// Keeps `run` and `table` alive
    pub _instance: Rooted<Rc<Instance>>,
    pub run: FuncRef,
    /// The table whose entry 0 holds the called function
    pub table: TableId,
    pub columns: Columns,
}

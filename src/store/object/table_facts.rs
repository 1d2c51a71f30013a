//! Facts of a store about a table, besides its entries.

use crate::engine::Compiler;
use crate::store::TableId;
use crate::store::object::forwarders::Forwarders;
use std::ptr::NonNull;
use wasmer::sys::vm::{InternalStoreHandle, VMCallerCheckedAnyfunc, VMTable};

/// Facts about a table.
#[derive(Clone, Copy)]
pub(in crate::store) struct TableFacts {
    /// The table
    pub handle: InternalStoreHandle<VMTable>,
    /// Compiler of the functions in a funcref table; the first function or importer decides
    pub compiler: Option<Compiler>,
    /// The copy of the entries that calls read, if wasmer keeps one in the context of the table's instance
    pub copy: Option<NonNull<VMCallerCheckedAnyfunc>>,
    /// The forwarders in whose place the copy of a dispatch table holds other functions
    pub forwarders: Option<Forwarders>,
    /// The table of the tier-up instance with the same index: every write to this table goes there too
    pub tier_up_copy: Option<TableId>,
}

use crate::wasm::Declaration;
use serde::{Deserialize, Serialize};

/// Where a slot comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SlotKind {
    /// A Rust function under `#[relinkable]`
    Declared,
    /// A function that the module defines
    Function,
    /// A function that the module imports
    Import,
    /// An entry of a funcref table, by number
    Table,
}

impl SlotKind {
    /// The name that the API gives it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::Function => "function",
            Self::Import => "import",
            Self::Table => "table",
        }
    }
}

/// An entry of a table of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ModuleEntry {
    /// Index of the table
    pub table: u32,
    /// The entry
    pub index: u32,
}

/// A slot that the pass made. Function indices are those of the rewritten module, unless said.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ModuleSlot {
    /// Where it comes from
    pub kind: SlotKind,
    /// The function as its author compiled it: index in the original module
    pub function: u32,
    /// Index of its type
    pub ty: u32,
    /// What stands in the slot to begin with
    pub original: u32,
    /// The function that calls through the slot, for whoever takes it as a value
    pub thunk: Option<u32>,
    /// The entry that decides: calls and the thunk go through it
    pub primary_entry: ModuleEntry,
    /// The entries of the module's own tables that hold the function, and follow the slot
    pub direct_entries: Vec<ModuleEntry>,
    /// The entries of the module's own tables that hold the thunk
    pub thunk_entries: Vec<ModuleEntry>,
    /// What the `relink` section says of it
    pub declaration: Option<Declaration>,
}

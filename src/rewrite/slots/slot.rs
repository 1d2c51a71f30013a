//! A slot of a module.

use crate::wasm::Declaration;
use serde::{Deserialize, Serialize};

/// The kind of a slot.
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
    /// Its name in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::Function => "function",
            Self::Import => "import",
            Self::Table => "table",
        }
    }
}

/// A table entry of a module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ModuleEntry {
    /// Index of the table
    pub table: u32,
    /// The entry
    pub index: u32,
}

/// A slot of a rewritten module. Function indices refer to the rewritten module, unless noted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ModuleSlot {
    /// Its kind
    pub kind: SlotKind,
    /// The function as its author compiled it: index in the original module
    pub function: u32,
    /// Index of its type
    pub ty: u32,
    /// The function that the slot holds first
    pub original: u32,
    /// The function that calls through the slot; replaces the function where it is used as a value
    pub thunk: Option<u32>,
    /// The entry that calls and the thunk go through
    pub primary_entry: ModuleEntry,
    /// Entries of the module's own tables that hold the function; links write them too
    pub direct_entries: Vec<ModuleEntry>,
    /// Entries of the module's own tables that hold the thunk
    pub thunk_entries: Vec<ModuleEntry>,
    /// Its record in the `relink` section
    pub declaration: Option<Declaration>,
}

use crate::store::{FuncRef, Instance, TableId};
use crate::wasm::{Declaration, FuncType};
use std::rc::Rc;

/// Where a slot comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SlotKind {
    /// A Rust function under `#[relinkable]`
    Declared,
    /// An entry of a funcref table
    Table,
}

impl SlotKind {
    /// The name that the API gives it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Declared => "declared",
            Self::Table => "table",
        }
    }
}

/// A place where an implementation can be changed: an entry of a table.
pub struct Slot {
    /// Its name
    pub name: String,
    /// Where it comes from
    pub kind: SlotKind,
    /// The type that an implementation must have
    pub ty: Rc<FuncType>,
    /// The table that calls go through
    pub table: TableId,
    /// The entry in that table
    pub index: u32,
    /// What stood there first
    pub original: FuncRef,
    /// What the author declared
    pub declaration: Option<Declaration>,
    /// Whose slot it is; a table may be nobody's
    pub instance: Option<Rc<Instance>>,
}

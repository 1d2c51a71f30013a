//! Imports and exports.

use super::ExternType;
use serde::{Deserialize, Serialize};

/// An import.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Import {
    /// The module name
    pub module: String,
    /// The field name
    pub name: String,
    /// Its type
    pub ty: ExternType,
}

/// The kind of an import or export, as the JS API names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExternKind {
    /// A function
    Function,
    /// A table
    Table,
    /// A memory
    Memory,
    /// A global
    Global,
    /// An exception tag
    Tag,
}

/// An export.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Export {
    /// Its name
    pub name: String,
    /// Its kind
    pub kind: ExternKind,
    /// Its index in the index space of its kind
    pub index: u32,
}

impl ExternKind {
    /// Its name in the JS API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Function => "function",
            Self::Table => "table",
            Self::Memory => "memory",
            Self::Global => "global",
            Self::Tag => "tag",
        }
    }
}

impl ExternType {
    /// The kind of objects that have this type.
    pub fn kind(&self) -> ExternKind {
        match self {
            Self::Function(_) => ExternKind::Function,
            Self::Table(_) => ExternKind::Table,
            Self::Memory { .. } => ExternKind::Memory,
            Self::Global(_) => ExternKind::Global,
            Self::Tag(_) => ExternKind::Tag,
        }
    }
}

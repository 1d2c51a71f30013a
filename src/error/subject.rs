//! `Subject`: what an error is about.

use serde_json::{Value, json};
use std::fmt;

/// The subject of an error.
#[derive(Debug, Clone)]
pub enum Subject {
    /// A slot, by its name
    Slot(String),
    /// The implementation for the slot of this name
    Implementation(String),
    /// The value that was given for an import
    Import {
        /// The import's kind, like "memory"
        kind: String,
        /// Its module name
        module: String,
        /// Its field name
        field: String,
    },
    /// A function that was given as a value
    Function,
}

impl Subject {
    /// The properties of the error that name it.
    pub(super) fn details(&self) -> Value {
        match self {
            Self::Slot(slot) | Self::Implementation(slot) => json!({ "slot": slot }),
            Self::Import { module, field, .. } => json!({ "module": module, "field": field }),
            Self::Function => json!({}),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Slot(slot) => write!(f, "slot \"{slot}\""),
            Self::Implementation(slot) => write!(f, "the implementation for slot \"{slot}\""),
            Self::Import { kind, module, field } => write!(f, "the {kind} for import \"{module}\".\"{field}\""),
            Self::Function => f.write_str("the function"),
        }
    }
}

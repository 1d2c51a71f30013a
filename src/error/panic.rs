//! A Rust panic that ended in a trap.

use serde_json::{Value, json};
use std::fmt;

/// A Rust panic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Panic {
    /// The message, if it was found; `…` stands for values whose form is unknown
    pub message: Option<String>,
    /// The source file, as the compiler was given it
    pub file: String,
    /// Line in the file, from 1
    pub line: u32,
    /// Column in the line, from 1
    pub column: u32,
}

impl Panic {
    /// The panic as the property `panic` of an error.
    pub fn to_json(&self) -> Value {
        let mut json = json!({ "file": self.file, "line": self.line, "column": self.column });
        if let Some(message) = &self.message {
            json["message"] = json!(message);
        }
        json
    }
}

impl fmt::Display for Panic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "panic at {}:{}:{}", self.file, self.line, self.column)?;
        self.message.as_ref().map_or(Ok(()), |message| write!(f, ": {message}"))
    }
}

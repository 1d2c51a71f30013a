//! The custom section `relink`: the records of declared slots.

use serde::{Deserialize, Serialize};

/// The import module of declared slots, and the name of the custom section that describes them.
pub const DECLARED_MODULE: &str = "relink";

/// The export that holds the original of the declared slot `name`.
pub fn original_export(name: &str) -> String {
    format!("{DECLARED_MODULE}:{name}")
}

/// The record of one function, which `#[relinkable]` wrote into the custom section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declaration {
    /// Its kind
    #[serde(default)]
    pub kind: DeclarationKind,
    /// The slot's name, `crate::function` unless the author chose another; of an export or import, its core name
    pub name: String,
    /// The core module of an import
    #[serde(default)]
    pub module: Option<String>,
    /// The Rust signature as the author wrote it; for display
    pub signature: String,
    /// The Rust types, for the check between two declared sides
    pub types: RustSignature,
    /// The types in WIT, for a typed function
    #[serde(default)]
    pub wit: Option<String>,
    /// The documentation comment
    #[serde(default)]
    pub docs: Option<String>,
    /// Whether an implementation may suspend its caller
    #[serde(default)]
    pub suspend: bool,
    /// Version of the record
    #[serde(default = "first_version")]
    pub version: u32,
}

/// The kind of a declared function.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeclarationKind {
    /// A slot
    #[default]
    Slot,
    /// A typed export
    Export,
    /// A typed import
    Import,
}

/// The newest version of records.
const NEWEST: u32 = 2;

fn first_version() -> u32 {
    1
}

/// The Rust types of a declared function.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RustSignature {
    /// Parameter types in order, as `u64` or `*const u8`
    pub parameters: Vec<String>,
    /// Result types: none or one
    pub results: Vec<String>,
}

impl RustSignature {
    /// Whether a parameter or a result is a raw pointer: an address in one memory.
    pub fn has_pointers(&self) -> bool {
        self.parameters.iter().chain(&self.results).any(|ty| ty.starts_with('*'))
    }
}

impl std::fmt::Display for RustSignature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "fn({})", self.parameters.join(", "))?;
        match self.results.as_slice() {
            [] => Ok(()),
            results => write!(f, " -> {}", results.join(", ")),
        }
    }
}

/// Reads the `relink` section: one JSON record per line, concatenated by the linker.
///
/// # Errors
/// A message with the number of the line, counted from 1.
pub fn parse(section: &[u8]) -> Result<Vec<Declaration>, String> {
    let text = std::str::from_utf8(section).map_err(|error| format!("not UTF-8: {error}"))?;
    text.lines()
        .enumerate()
        // An object file may pad the records with NUL to align them.
        .map(|(number, line)| (number + 1, line.trim_matches(['\0', ' ', '\r'])))
        .filter(|(_, line)| !line.is_empty())
        .map(|(number, line)| record(line).map_err(|error| format!("line {number}: {error}")))
        .collect()
}

fn record(line: &str) -> Result<Declaration, String> {
    let record: Declaration = serde_json::from_str(line).map_err(|error| error.to_string())?;
    if record.version > NEWEST {
        let version = record.version;
        return Err(format!("the record has version {version}, and {NEWEST} is the newest that is known"));
    }
    if record.wit.is_none() && (record.version > 1 || record.kind != DeclarationKind::Slot) {
        return Err(format!("the record of \"{}\" has no `wit`", record.name));
    }
    Ok(record)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_follow_each_other() {
        let section = concat!(
            r#"{"name":"a::f","signature":"(x: u64) -> u64","types":{"parameters":["u64"],"results":["u64"]},"version":1}"#,
            "\n\0\0",
            r#"{"name":"a::g","signature":"()","types":{"parameters":[],"results":[]},"docs":"Says \"g\".","version":1}"#,
            "\n"
        );
        let records = parse(section.as_bytes()).unwrap();
        assert_eq!(records.len(), 2);
        assert_eq!(records[0].types.to_string(), "fn(u64) -> u64");
        assert_eq!(records[1].docs.as_deref(), Some("Says \"g\"."));
        assert_eq!(records[1].types.to_string(), "fn()");
    }

    #[test]
    fn a_bad_record_is_named_by_its_line() {
        assert!(parse(b"\n{\"name\":1}\n").unwrap_err().starts_with("line 2: "));
        assert!(parse(&[0xff]).unwrap_err().starts_with("not UTF-8"));
        let record = r#"{"kind":"export","name":"f","signature":"","types":{"parameters":[],"results":[]},"version":"#;
        assert_eq!(parse(format!("{record}2}}").as_bytes()).unwrap_err(), "line 1: the record of \"f\" has no `wit`");
        assert!(parse(format!("{record}3}}").as_bytes()).unwrap_err().contains("has version 3"));
    }
}

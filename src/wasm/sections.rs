//! The sizes of the sections of a module.

use crate::error::Result;
use wasmparser::{Parser, Payload};

/// The sections of a valid module, in order: the name of each, and the size of its contents in bytes.
///
/// # Errors
/// `InvalidWasm` for bytes that `Binary::parse` would not accept.
pub fn section_sizes(bytes: &[u8]) -> Result<Vec<(String, u64)>> {
    const NAMES: [&str; 14] = [
        "custom",
        "type",
        "import",
        "function",
        "table",
        "memory",
        "global",
        "export",
        "start",
        "element",
        "code",
        "data",
        "data count",
        "tag",
    ];
    let mut sections = Vec::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        let Some((id, range)) = payload.as_section() else { continue };
        let name = match &payload {
            Payload::CustomSection(section) => format!("custom \"{}\"", section.name()),
            _ => NAMES.get(usize::from(id)).copied().unwrap_or("unknown").to_owned(),
        };
        sections.push((name, range.end - range.start));
    }
    Ok(sections)
}

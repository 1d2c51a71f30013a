//! Removal of custom sections, of which wasmer would keep a copy in memory and on disk.

use crate::error::Result;
use wasm_encoder::Section;
use wasmparser::{Parser, Payload};

/// The module without the custom sections after its code. Custom sections before the code stay, so that offsets into
/// the code stay the same.
///
/// # Errors
/// `Compile` for bytes that are not a module.
pub fn strip_custom_sections(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut stripped = Vec::with_capacity(bytes.len());
    let (mut end, mut after_code) = (0, false);
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        let range = match &payload {
            Payload::Version { range, .. } => range.clone(),
            Payload::CodeSectionStart { range, .. } => {
                after_code = true;
                range.clone()
            }
            payload => match payload.as_section() {
                Some((_, range)) => range,
                None => continue,
            },
        };
        // Copies each section with its header, as it was encoded.
        let whole = end..range.end;
        end = range.end;
        if !(after_code && matches!(payload, Payload::CustomSection(_))) {
            stripped.extend_from_slice(&bytes[whole.start as usize..whole.end as usize]);
        }
    }
    Ok(stripped)
}

/// The module with only its types, imports, tables and memories.
///
/// # Errors
/// `Compile` for bytes that are not a module.
pub fn without_functions(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut kept = wasm_encoder::Module::HEADER.to_vec();
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload?;
        if matches!(payload, Payload::CodeSectionStart { .. }) {
            break;
        }
        if matches!(
            payload,
            Payload::TypeSection(_) | Payload::ImportSection(_) | Payload::TableSection(_) | Payload::MemorySection(_)
        ) && let Some((id, range)) = payload.as_section()
        {
            let data = &bytes[range.start as usize..range.end as usize];
            wasm_encoder::RawSection { id, data }.append_to(&mut kept);
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ops::Range;

    /// The sections of a module: the id and the contents of each.
    fn sections(bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
        let all = Parser::new(0).parse_all(bytes).map(Result::unwrap);
        let content = |range: Range<u64>| bytes[range.start as usize..range.end as usize].to_vec();
        all.filter_map(|payload| payload.as_section()).map(|(id, range)| (id, content(range))).collect()
    }

    #[test]
    fn custom_sections_after_the_code_are_removed() {
        let text = "(module (@custom \"first\" (before first) \"a\") (func $f (export \"f\")) (memory 1)
            (data (i32.const 0) \"d\") (@custom \"last\" \"b\") (@custom \"more\" (after func) \"c\"))";
        let bytes = wat::parse_str(text).unwrap();
        let stripped = strip_custom_sections(&bytes).unwrap();
        let (old, new) = (sections(&bytes), sections(&stripped));
        let kept: Vec<_> = old.iter().filter(|(id, content)| *id != 0 || !content.ends_with(b"b")).cloned().collect();
        let kept: Vec<_> = kept.into_iter().filter(|(_, content)| !content.starts_with(b"\x04name")).collect();
        assert_eq!(new, kept);
    }

    #[test]
    fn everything_before_the_code_stays_in_place() {
        let bytes =
            wat::parse_str("(module (@custom \"x\" (before first) \"abc\") (func nop) (func unreachable))").unwrap();
        let code = |bytes: &[u8]| {
            let all = Parser::new(0).parse_all(bytes).map(Result::unwrap);
            all.filter_map(|payload| match payload {
                Payload::CodeSectionStart { range, .. } => Some(range),
                _ => None,
            })
            .collect::<Vec<_>>()
        };
        assert_eq!(code(&strip_custom_sections(&bytes).unwrap()), code(&bytes));
    }

    #[test]
    fn types_imports_tables_and_memories_stay_without_the_functions() {
        let text = "(module (type (func)) (import \"m\" \"t\" (table 1 funcref)) (import \"m\" \"f\" (func))
            (table 2 externref) (memory 3) (global i32 (i32.const 4)) (func $g) (export \"g\" (func $g)) (data \"5\"))";
        let bytes = wat::parse_str(text).unwrap();
        let kept: Vec<_> = sections(&bytes).into_iter().filter(|(id, _)| [1, 2, 4, 5].contains(id)).collect();
        assert_eq!(kept.len(), 4);
        assert_eq!(sections(&without_functions(&bytes).unwrap()), kept);
        assert!(without_functions(b"no module").is_err());
    }

    #[test]
    fn other_bytes_are_refused() {
        assert!(strip_custom_sections(b"no module").is_err());
        // A module without code, and an empty one.
        assert_eq!(strip_custom_sections(b"\0asm\x01\0\0\0").unwrap(), b"\0asm\x01\0\0\0");
    }
}

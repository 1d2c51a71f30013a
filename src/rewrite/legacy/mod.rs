//! Exceptions of the legacy proposal (`try`, `catch`, `delegate`, `rethrow`), which compilers write and
//! V8 runs, in the instructions of the one that became part of WebAssembly (`try_table`, `throw_ref`),
//! which the engine has.

mod body;
mod outline;
#[cfg(test)]
mod tests;
mod types;

use crate::error::{ErrorKind, Result};
use crate::wasm::Binary;
use types::Types;
use wasm_encoder::{CodeSection, Module, RawSection, SectionId};
use wasmparser::{BinaryReader, CodeSectionReader, Parser};

/// The module with its legacy exceptions in today's instructions. Nothing else changes, no index
/// neither. `binary` describes the bytes.
///
/// # Errors
/// `Compile` if the bytes are not what `binary` says.
pub fn modernize(bytes: &[u8], binary: &Binary) -> Result<Vec<u8>> {
    translate(bytes, binary)
        .map_err(|error| ErrorKind::Compile { message: format!("the load-time pass failed: {error}") }.into())
}

fn translate(bytes: &[u8], binary: &Binary) -> wasmparser::Result<Vec<u8>> {
    let mut types = Types::new(binary);
    // The bodies first: they say which types are to be added.
    let mut code = CodeSection::new();
    for payload in Parser::new(0).parse_all(bytes) {
        if let wasmparser::Payload::CodeSectionStart { range, .. } = payload? {
            let (start, end) = (range.start as usize, range.end as usize);
            let bodies = CodeSectionReader::new(BinaryReader::new(&bytes[start..end], range.start))?;
            for (function, body) in (binary.imported_functions..).zip(bodies) {
                code.raw(&body::translate(&body?, binary.function_type(function), &mut types)?);
            }
        }
    }
    let mut module = Module::new();
    for payload in Parser::new(0).parse_all(bytes) {
        let Some((id, range)) = payload?.as_section() else { continue };
        let data = &bytes[range.start as usize..range.end as usize];
        if id == SectionId::Code as u8 {
            module.section(&code);
        } else if id == SectionId::Type as u8 {
            module.section(&RawSection { id, data: &types.section(data)? });
        } else {
            module.section(&RawSection { id, data });
        }
    }
    Ok(module.finish())
}

//! Exceptions of the legacy proposal (`try`, `catch`, `delegate`, `rethrow`), which compilers write and
//! V8 runs, in the instructions of the one that became part of WebAssembly (`try_table`, `throw_ref`),
//! which the engine has.

mod body;
mod outline;
#[cfg(test)]
mod tests;
mod types;

use crate::error::{ErrorKind, Result};
use crate::rewrite::transform::code::{change_bodies, with_code};
use crate::wasm::Binary;
use types::Types;
use wasm_encoder::SectionId;

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
    let code = change_bodies(bytes, binary, |function, body| {
        body::translate(body, binary.function_type(function), &mut types)
    })?;
    with_code(bytes, &code, |id, data| (id == SectionId::Type as u8).then(|| types.section(data)).transpose())
}

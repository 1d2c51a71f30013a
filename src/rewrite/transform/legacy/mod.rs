//! Translation of legacy exceptions (`try`, `catch`, `delegate`, `rethrow`), which compilers emit and V8 runs, to
//! exceptions of WebAssembly 3 (`try_table`, `throw_ref`), which the engine has.

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

/// The module with its legacy exceptions translated. Nothing else changes, and no index. `binary` describes the bytes.
///
/// # Errors
/// `Compile` if the bytes are not what `binary` says.
pub fn modernize(bytes: &[u8], binary: &Binary) -> Result<Vec<u8>> {
    translate(bytes, binary).map_err(|error| ErrorKind::pass_failed(error).into())
}

fn translate(bytes: &[u8], binary: &Binary) -> wasmparser::Result<Vec<u8>> {
    let mut types = Types::new(binary);
    // The bodies come first, since they determine the types to add.
    let code = change_bodies(bytes, binary, |function, body| {
        body::translate(body, binary.function_type(function), &mut types)
    })?;
    with_code(bytes, &code, |id, data| (id == SectionId::Type as u8).then(|| types.section(data)).transpose())
}

//! Translation of legacy exceptions (`try`, `catch`, `delegate`, `rethrow`), which compilers emit and V8 runs, to
//! exceptions of WebAssembly 3 (`try_table`, `throw_ref`), which the engine has.

mod body;
mod outline;
#[cfg(test)]
mod tests;
mod types;

use crate::error::{ErrorKind, Result};
use crate::rewrite::Rewritten;
use crate::rewrite::transform::code::{change_bodies, with_code};
use types::Types;
use wasm_encoder::SectionId;

/// The module with its legacy exceptions translated. Nothing else changes, and no index. `binary` describes the bytes.
///
/// # Errors
/// `Compile` if the bytes are not what `binary` says.
pub fn modernize(rewritten: &mut Rewritten<'_>) -> Result<()> {
    translate(rewritten).map_err(|error| ErrorKind::pass_failed(error).into())
}

fn translate(rewritten: &mut Rewritten<'_>) -> wasmparser::Result<()> {
    let (bytes, binary) = (&rewritten.bytes, &rewritten.binary);
    let mut types = Types::new(binary);
    // The bodies come first, since they determine the types to add.
    let (code, offsets) = change_bodies(bytes, binary, |function, body| {
        body::translate(body, binary.function_type(function), &mut types)
    })?;
    let types = |id, data: &_| (id == SectionId::Type as u8).then(|| types.section(data)).transpose();
    rewritten.bytes = with_code(bytes, &code, types)?.into();
    rewritten.offsets.add(offsets);
    Ok(())
}

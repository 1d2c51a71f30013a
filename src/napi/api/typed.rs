//! Typed functions: their records for `lib/` and the command line, the check between two, and adapters.

use crate::abi::{FunctionType, TypedRecord, adapter, differences, records_of, transfer, world};
use crate::error::{Error, ErrorKind, Result};
use crate::napi::api::module::NativeModule;
use crate::napi::env::throw::{NativeError, guarded, refuse};
use crate::wasm::{Binary, Features};
use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;

#[napi]
impl NativeModule {
    /// The typed functions that the module's records describe, as a JSON array; null for none.
    #[napi]
    pub fn typed_functions(&self) -> std::result::Result<Option<String>, NativeError> {
        if self.code.original.declarations.iter().all(|record| record.wit.is_none()) {
            return Ok(None);
        }
        guarded(|| checked(records_of(&self.code.original.declarations), &self.code.original).map(Some))
    }

    /// The typed functions of the world in a WIT text, as a JSON array, for a module without records.
    #[napi]
    pub fn typed_world(&self, wit: String) -> std::result::Result<String, NativeError> {
        guarded(|| checked(world(&wit), &self.code.original))
    }
}

/// The typed functions that the records of a binary describe, as a JSON array.
#[napi]
pub fn typed_functions(bytes: &[u8]) -> std::result::Result<String, NativeError> {
    guarded(|| {
        let binary = Binary::parse(bytes, Features::EVERYTHING)?;
        match &binary.bad_declarations {
            Some(message) => Err(bad(message.clone())),
            None => checked(records_of(&binary.declarations), &binary),
        }
    })
}

/// Throws `ERR_RELINK_ABI` unless two function types, as JSON, have the same structure.
#[napi]
pub fn check_types(slot: String, expected: String, actual: String) -> std::result::Result<(), NativeError> {
    let (expected, actual) = (function(&expected)?, function(&actual)?);
    let differences = differences(&expected, &actual);
    if differences.is_empty() {
        return Ok(());
    }
    let (expected, actual) = (expected.to_string(), actual.to_string());
    Err(refuse(ErrorKind::Types { slot, expected, actual, differences }.into()))
}

/// The module that takes calls of a typed function, whose type is given as JSON, from one memory to another. `has_post` is
/// whether the callee has a function that frees its result; the others are whether each side checks what it receives.
#[napi]
pub fn typed_adapter(
    function_type: String,
    has_post: bool,
    caller_checks: bool,
    callee_checks: bool,
) -> std::result::Result<Uint8Array, NativeError> {
    let ty = function(&function_type)?;
    guarded(|| Ok(adapter(&ty, has_post, [caller_checks, callee_checks]).into()))
}

/// The module that takes calls of a typed function from JavaScript, through a transfer memory of `size` bytes.
#[napi]
pub fn typed_transfer(
    function_type: String,
    has_post: bool,
    size: u32,
) -> std::result::Result<Uint8Array, NativeError> {
    let ty = function(&function_type)?;
    guarded(|| Ok(transfer(&ty, has_post, size).into()))
}

fn checked(records: std::result::Result<Vec<TypedRecord>, String>, binary: &Binary) -> Result<String> {
    let records = records.map_err(bad)?;
    records.iter().try_for_each(|record| record.check(binary)).map_err(bad)?;
    serde_json::to_string(&records).map_err(|error| Error::internal(&error))
}

fn bad(message: String) -> Error {
    ErrorKind::Declaration { message }.into()
}

fn function(json: &str) -> std::result::Result<FunctionType, NativeError> {
    serde_json::from_str(json).map_err(|error| refuse(Error::internal(&error)))
}

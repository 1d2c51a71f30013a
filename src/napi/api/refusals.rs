//! Refusals that `lib/` finds while it converts arguments: they have the codes and messages of `src/error`.

use crate::error::{Error, ErrorKind, RefusedChange, Subject};
use crate::napi::env::throw::{NativeError, refuse};
use napi_derive::napi;

fn refused(kind: ErrorKind) -> Result<(), NativeError> {
    Err(refuse(Error::from(kind)))
}

/// Throws the error for a value that does not fit an import. `expected` and `actual` are texts.
#[napi]
pub fn refuse_import(module: String, field: String, expected: String, actual: String) -> Result<(), NativeError> {
    refused(ErrorKind::Import { module, field, expected, actual })
}

/// Throws the error for an object of another store that is given for an import. `kind` is the import's, like "memory".
#[napi]
pub fn refuse_store_of_import(kind: String, module: String, field: String) -> Result<(), NativeError> {
    refused(ErrorKind::OtherStore(Subject::Import { kind, module, field }))
}

/// Throws the error for a slot of another store than those that are changed with it.
#[napi]
pub fn refuse_store_of_slot(slot: String) -> Result<(), NativeError> {
    refused(ErrorKind::OtherStore(Subject::Slot(slot)))
}

/// Throws the error for a slot whose instance is closed.
#[napi]
pub fn refuse_closed_slot(slot: String) -> Result<(), NativeError> {
    refused(ErrorKind::Closed(Subject::Slot(slot)))
}

/// Throws the error for a value of a type whose values JavaScript cannot have.
#[napi]
pub fn refuse_value(value_type: String) -> Result<(), NativeError> {
    refused(ErrorKind::inconvertible(value_type))
}

/// Throws the error for a module that there is no room to copy. `size` is its size in bytes.
#[napi]
pub fn refuse_copy(size: f64) -> Result<(), NativeError> {
    refused(ErrorKind::no_room_for_copy(size as usize))
}

/// Throws the error for a type whose values no typed array holds.
#[napi]
pub fn refuse_column(value_type: String) -> Result<(), NativeError> {
    refused(ErrorKind::no_column(value_type))
}

/// Throws the error for changes whose arguments cannot be converted, if no store can be asked. `unconverted` is a JSON array of
/// objects with the index of a change and the properties of its error.
#[napi]
pub fn refuse_changes(unconverted: String) -> Result<(), NativeError> {
    let changes = RefusedChange::from_json(&unconverted).map_err(refuse)?;
    refused(ErrorKind::Refused { changes })
}

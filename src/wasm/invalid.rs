//! Errors for bytes that are not a module, or not one that runs here.

use crate::error::{Error, ErrorKind};

impl From<wasmparser::BinaryReaderError> for Error {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        ErrorKind::InvalidWasm { message: error.message().to_owned(), offset: error.offset() }.into()
    }
}

/// The error of a valid module that uses a proposal which Singlepass lacks, or both compilers unless Cranelift has it.
pub(super) fn lacking(error: &wasmparser::BinaryReaderError, cranelift_has_it: bool) -> Error {
    let (says, offset) = (error.message(), error.offset());
    let (who, advice) = if cranelift_has_it {
        ("the compiler singlepass does not support it", "; compile it with 'cranelift'")
    } else {
        ("neither cranelift nor singlepass supports it", "")
    };
    let message = format!("the module is valid, but {who}: {says} (at offset {offset:#x}){advice}");
    ErrorKind::Unsupported { message }.into()
}

/// The error for a feature that no compiler of the engine supports.
pub(super) fn unsupported(what: String) -> Error {
    ErrorKind::Unsupported { message: format!("the engine does not support {what}") }.into()
}

/// The error for bytes that are not a module; it guesses what they are from their beginning.
pub(super) fn not_wasm(bytes: &[u8]) -> Error {
    let what = if bytes.is_empty() {
        "no bytes at all".to_owned()
    } else if let Ok(text) = std::str::from_utf8(&bytes[..bytes.len().min(16)]) {
        format!("text that begins with {text:?}")
    } else {
        let head: Vec<_> = bytes.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
        format!("bytes that begin with {}", head.join(" "))
    };
    ErrorKind::InvalidWasm { message: format!("expected magic word 00 61 73 6d, got {what}"), offset: 0 }.into()
}

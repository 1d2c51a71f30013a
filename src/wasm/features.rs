//! The proposals that each compiler accepts.

use wasmparser::WasmFeatures;

/// The proposals that a compiler accepts, besides the proposals that all compilers accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Features {
    /// SIMD, relaxed SIMD and exceptions: Cranelift has them, Singlepass does not.
    pub simd_and_exceptions: bool,
    /// Imported functions with more than one result: Singlepass panics on them.
    pub multi_value_imports: bool,
    /// Exceptions in tables, and code that reads an exception from a global other than to throw it: Cranelift assumes a
    /// wrong size for them.
    pub stored_exceptions: bool,
    /// Tail calls: no compiler has them, but the load-time pass replaces them.
    pub tail_calls: bool,
}

impl Features {
    /// The proposals that the load-time pass accepts.
    pub const EVERYTHING: Self =
        Self { simd_and_exceptions: true, multi_value_imports: true, stored_exceptions: true, tail_calls: true };

    pub(super) fn parsed(self) -> WasmFeatures {
        let common = WasmFeatures::MUTABLE_GLOBAL
            | WasmFeatures::SATURATING_FLOAT_TO_INT
            | WasmFeatures::SIGN_EXTENSION
            | WasmFeatures::REFERENCE_TYPES
            | WasmFeatures::MULTI_VALUE
            | WasmFeatures::BULK_MEMORY
            | WasmFeatures::FLOATS
            | WasmFeatures::THREADS
            | WasmFeatures::MULTI_MEMORY
            | WasmFeatures::EXTENDED_CONST
            // Reference types need the GC-aware type representation of the validator.
            | WasmFeatures::GC_TYPES;
        let mut features = common;
        features
            .set(WasmFeatures::SIMD | WasmFeatures::RELAXED_SIMD | WasmFeatures::EXCEPTIONS, self.simd_and_exceptions);
        // The load-time pass translates legacy exceptions.
        features.set(WasmFeatures::LEGACY_EXCEPTIONS, self.simd_and_exceptions);
        features.set(WasmFeatures::TAIL_CALL, self.tail_calls);
        features
    }
}

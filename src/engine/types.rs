//! Conversions between this project's types and wasmer's.

use crate::wasm::{FuncType, Limits, MOST_ENTRIES, RefType, TableType, ValType};

/// Converts a value type to wasmer's.
pub fn raw_type(ty: ValType) -> wasmer::Type {
    match ty {
        ValType::I32 => wasmer::Type::I32,
        ValType::I64 => wasmer::Type::I64,
        ValType::F32 => wasmer::Type::F32,
        ValType::F64 => wasmer::Type::F64,
        ValType::V128 => wasmer::Type::V128,
        ValType::Ref(RefType::Func) => wasmer::Type::FuncRef,
        ValType::Ref(RefType::Extern) => wasmer::Type::ExternRef,
        ValType::Ref(RefType::Exn) => wasmer::Type::ExceptionRef,
    }
}

/// Converts a value type from wasmer's.
pub fn value_type(ty: wasmer::Type) -> ValType {
    match ty {
        wasmer::Type::I32 => ValType::I32,
        wasmer::Type::I64 => ValType::I64,
        wasmer::Type::F32 => ValType::F32,
        wasmer::Type::F64 => ValType::F64,
        wasmer::Type::V128 => ValType::V128,
        wasmer::Type::FuncRef => ValType::Ref(RefType::Func),
        wasmer::Type::ExternRef => ValType::Ref(RefType::Extern),
        wasmer::Type::ExceptionRef => ValType::Ref(RefType::Exn),
    }
}

/// Converts a function type to wasmer's.
pub fn function_type(ty: &FuncType) -> wasmer::FunctionType {
    let list = |types: &[ValType]| types.iter().copied().map(raw_type).collect::<Box<[_]>>();
    wasmer::FunctionType::new(list(&ty.parameters), list(&ty.results))
}

/// Converts a table type to wasmer's.
pub fn table_type(ty: &TableType) -> wasmer::TableType {
    let minimum = u32::try_from(ty.limits.minimum).unwrap_or(u32::MAX);
    wasmer::TableType::new(raw_type(ValType::Ref(ty.element)), minimum, table_maximum(&ty.limits))
}

/// The maximum of a table at run time, in entries. wasmer needs one, so this is never none.
pub(in crate::engine) fn table_maximum(limits: &Limits) -> Option<u32> {
    let most = u64::from(MOST_ENTRIES);
    let maximum = limits.maximum.map_or(most, |maximum| maximum.min(most));
    Some(u32::try_from(maximum.max(limits.minimum)).unwrap_or(u32::MAX))
}

/// Converts the type of an unshared memory to wasmer's.
pub fn memory_type(limits: Limits) -> wasmer::MemoryType {
    let pages = |size: u64| u32::try_from(size).unwrap_or(u32::MAX);
    wasmer::MemoryType::new(pages(limits.minimum), limits.maximum.map(pages), false)
}

//! Value types as the JS API has them.

use crate::wasm::{RefType, ValType};

/// Whether values of this type can be converted between WebAssembly and JavaScript.
pub fn is_convertible(ty: ValType) -> bool {
    !matches!(ty, ValType::V128 | ValType::Ref(RefType::Exn))
}

/// The type with this name.
pub fn from_name(name: &str) -> Option<ValType> {
    Some(match name {
        "i32" => ValType::I32,
        "i64" => ValType::I64,
        "f32" => ValType::F32,
        "f64" => ValType::F64,
        "v128" => ValType::V128,
        "anyfunc" | "funcref" => ValType::Ref(RefType::Func),
        "externref" => ValType::Ref(RefType::Extern),
        _ => return None,
    })
}

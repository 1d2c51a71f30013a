//! WebAssembly's types: of values, functions, tables, globals, imports and exports.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A value type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ValType {
    /// 32-bit integer
    I32,
    /// 64-bit integer
    I64,
    /// 32-bit float
    F32,
    /// 64-bit float
    F64,
    /// 128-bit vector
    V128,
    /// A nullable reference
    Ref(RefType),
}

/// A nullable reference type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RefType {
    /// A reference to a function
    Func,
    /// A reference to a host value
    Extern,
    /// A reference to an exception
    Exn,
}

impl ValType {
    /// The type that wasmparser read.
    ///
    /// # Errors
    /// The spelling of a type that is neither in WebAssembly 2.0 nor an exception reference.
    pub fn from_parsed(ty: wasmparser::ValType) -> Result<Self, String> {
        use wasmparser::ValType as P;
        Ok(match ty {
            P::I32 => Self::I32,
            P::I64 => Self::I64,
            P::F32 => Self::F32,
            P::F64 => Self::F64,
            P::V128 => Self::V128,
            P::Ref(reference) => Self::Ref(RefType::from_parsed(reference)?),
        })
    }
}

impl RefType {
    /// # Errors
    /// The spelling of any other reference type.
    pub fn from_parsed(ty: wasmparser::RefType) -> Result<Self, String> {
        if ty == wasmparser::RefType::FUNCREF {
            Ok(Self::Func)
        } else if ty == wasmparser::RefType::EXTERNREF {
            Ok(Self::Extern)
        } else if ty == wasmparser::RefType::EXNREF {
            Ok(Self::Exn)
        } else {
            Err(ty.to_string())
        }
    }
}

impl fmt::Display for ValType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::I32 => "i32",
            Self::I64 => "i64",
            Self::F32 => "f32",
            Self::F64 => "f64",
            Self::V128 => "v128",
            Self::Ref(reference) => return reference.fmt(f),
        })
    }
}

impl fmt::Display for RefType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Func => "funcref",
            Self::Extern => "externref",
            Self::Exn => "exnref",
        })
    }
}

/// A function type.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct FuncType {
    /// Parameter types, in order
    pub parameters: Box<[ValType]>,
    /// Result types, in order
    pub results: Box<[ValType]>,
}

impl FuncType {
    /// # Errors
    /// As `ValType::from_parsed`.
    pub fn from_parsed(ty: &wasmparser::FuncType) -> Result<Self, String> {
        let list = |types: &[wasmparser::ValType]| -> Result<Box<[ValType]>, String> {
            types.iter().copied().map(ValType::from_parsed).collect()
        };
        Ok(Self { parameters: list(ty.params())?, results: list(ty.results())? })
    }
}

impl fmt::Display for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn list(types: &[ValType]) -> String {
            types.iter().map(ValType::to_string).collect::<Vec<_>>().join(", ")
        }
        write!(f, "({})", list(&self.parameters))?;
        match &*self.results {
            [] => Ok(()),
            [one] => write!(f, " -> {one}"),
            many => write!(f, " -> ({})", list(many)),
        }
    }
}

/// Size limits: pages of a memory, elements of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Minimum size
    pub minimum: u64,
    /// Maximum size, if there is one
    pub maximum: Option<u64>,
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..", self.minimum)?;
        self.maximum.map_or(Ok(()), |maximum| write!(f, "{maximum}"))
    }
}

/// A table type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableType {
    /// Type of its entries
    pub element: RefType,
    /// Number of entries
    pub limits: Limits,
}

/// A global type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GlobalType {
    /// Type of its value
    pub value: ValType,
    /// Whether it can be written
    pub mutable: bool,
}

/// The type of an import or export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExternType {
    /// A function
    Function(FuncType),
    /// A table
    Table(TableType),
    /// A memory: its limits in pages of 64 KiB, and whether threads share it
    Memory {
        /// Size in pages
        limits: Limits,
        /// Shared between threads
        shared: bool,
    },
    /// A global
    Global(GlobalType),
    /// An exception tag
    Tag(FuncType),
}

impl fmt::Display for ExternType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function(ty) => write!(f, "func {ty}"),
            Self::Table(ty) => write!(f, "table {} {}", ty.element, ty.limits),
            Self::Memory { limits, shared } => {
                write!(f, "{}memory {limits}", if *shared { "shared " } else { "" })
            }
            Self::Global(ty) => write!(f, "global {}{}", if ty.mutable { "mut " } else { "" }, ty.value),
            Self::Tag(ty) => write!(f, "tag {ty}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_spelled_as_in_messages() {
        let ty = FuncType { parameters: [ValType::I32, ValType::F64].into(), results: [ValType::I64].into() };
        assert_eq!(ty.to_string(), "(i32, f64) -> i64");
        assert_eq!(FuncType::default().to_string(), "()");
        let two = FuncType { results: [ValType::I32, ValType::Ref(RefType::Func)].into(), ..FuncType::default() };
        assert_eq!(two.to_string(), "() -> (i32, funcref)");
        let limits = Limits { minimum: 2, maximum: Some(2) };
        let table = ExternType::Table(TableType { element: RefType::Func, limits });
        assert_eq!(table.to_string(), "table funcref 2..2");
        let memory = ExternType::Memory { limits: Limits { minimum: 1, maximum: None }, shared: true };
        assert_eq!(memory.to_string(), "shared memory 1..");
    }
}

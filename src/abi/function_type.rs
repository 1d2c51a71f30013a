//! The type of a typed function.

use super::layout::{MOST_FLAT, TypeLayout, of_fields};
use super::value_type::ValueType;
use crate::wasm::{FuncType, ValType};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The type of a typed function.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FunctionType {
    /// Its name, in kebab-case
    pub name: String,
    /// Its documentation comment
    #[serde(skip_serializing_if = "Option::is_none")]
    pub docs: Option<String>,
    /// Its parameters
    pub parameters: Vec<Parameter>,
    /// The type of its result
    pub result: Option<ValueType>,
}

/// A parameter.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name, in kebab-case
    pub name: String,
    /// Its type
    #[serde(rename = "type")]
    pub ty: ValueType,
}

impl FunctionType {
    /// The layout of the parameters one after the other, as those that go through memory have.
    pub fn parameter_layout(&self) -> TypeLayout {
        of_fields(self.parameters.iter().map(|parameter| parameter.ty.layout.clone()))
    }

    /// Whether the result goes through memory.
    pub fn has_return_area(&self) -> bool {
        self.result.as_ref().is_some_and(|ty| ty.layout.flat.as_ref().is_none_or(|flat| flat.len() > 1))
    }

    /// The core type of an import, and of a slot: the last parameter is the address of the return area.
    pub fn lowered(&self) -> FuncType {
        let mut parameters = self.core_parameters();
        if self.has_return_area() {
            parameters.push(ValType::I32);
        }
        FuncType { parameters: parameters.into(), results: self.flat_result().into() }
    }

    /// The core type of an export: it returns the address of the return area.
    pub fn lifted(&self) -> FuncType {
        let results = if self.has_return_area() { vec![ValType::I32] } else { self.flat_result() };
        FuncType { parameters: self.core_parameters().into(), results: results.into() }
    }

    /// Whether a caller that implements it in another memory allocates in the memory of the callee.
    pub fn allocates_parameters(&self) -> bool {
        self.parameter_layout().flat.is_none() || self.parameters.iter().any(|parameter| parameter.ty.has_pointers())
    }

    /// Whether a callee in another memory allocates in the memory of the caller.
    pub fn allocates_result(&self) -> bool {
        self.result.as_ref().is_some_and(ValueType::has_pointers)
    }

    /// Whether any value goes through memory.
    pub fn uses_memory(&self) -> bool {
        self.allocates_parameters() || self.has_return_area()
    }

    fn core_parameters(&self) -> Vec<ValType> {
        self.parameter_layout().flat.filter(|flat| flat.len() <= MOST_FLAT).unwrap_or_else(|| vec![ValType::I32])
    }

    fn flat_result(&self) -> Vec<ValType> {
        let result = self.result.as_ref().filter(|_| !self.has_return_area());
        result.and_then(|ty| ty.layout.flat.clone()).unwrap_or_default()
    }
}

/// The structure as text, without the names of the function and its parameters.
impl fmt::Display for FunctionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parameters = self.parameters.iter().map(|parameter| parameter.ty.to_string());
        write!(f, "func({})", parameters.collect::<Vec<_>>().join(", "))?;
        self.result.as_ref().map_or(Ok(()), |ty| write!(f, " -> {ty}"))
    }
}

//! Parsing of WebAssembly binaries: types, imports, exports, tables, names, declared slots. Pure: no engine, no N-API, no
//! `unsafe`.
#![forbid(unsafe_code)]

mod binary;
mod declared;
mod externs;
mod features;
mod invalid;
mod limits;
mod names;
mod rust_panic;
mod sections;
mod shape;
mod stack;
mod stack_pointer;
mod stored_exceptions;
mod symbols;
mod types;
mod uses;
mod validation;

pub use binary::Binary;
pub use declared::{DECLARED_MODULE, Declaration, DeclarationKind, original_export};
pub use externs::{Export, ExternKind, Import};
pub use features::Features;
pub use limits::{MOST_ENTRIES, MOST_PAGES, PAGE_SIZE};
pub use names::of_functions as function_names;
pub use rust_panic::PanickedGuest;
pub use sections::section_sizes;
pub use shape::{Costly, costly_functions};
pub use stack::most_values;
pub use stack_pointer::stack_pointer;
pub use symbols::path;
pub use types::{ExternType, FuncType, GlobalType, Limits, RefType, TableType, ValType};
pub use uses::Uses;

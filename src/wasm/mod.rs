//! What a WebAssembly binary holds, as far as the upper layers need it: types, imports, exports,
//! tables, declared slots. Pure: no engine, no N-API, no `unsafe`.
#![forbid(unsafe_code)]

mod binary;
mod declared;
mod features;
mod names;
mod types;

pub use binary::{Binary, Export, ExternKind};
pub use declared::{DECLARED_MODULE, Declaration, original_export};
pub use features::Features;
pub use types::{ExternType, FuncType, GlobalType, Limits, RefType, TableType, ValType};

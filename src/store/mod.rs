//! The store: wasmer's objects of one thread, and what is done with them. This layer holds the
//! unsafe contract with the engine; see `docs/architecture.md`, "What is unsafe, and why".

mod adapter;
mod arena;
mod batch;
mod call;
mod collector;
mod crossing;
mod exception;
mod extern_value;
mod funcref;
mod global;
mod host;
mod host_stack;
mod id;
mod instance;
mod instantiate;
mod life;
mod mark;
mod memory;
mod objects;
mod reference;
mod rooted;
mod signatures;
mod succession;
mod table;
mod tag;
#[cfg(test)]
mod tests;
mod trap;
mod wasm_stack;

pub use collector::{Remains, Swept};
pub use exception::ExceptionRef;
pub use extern_value::{Callable, Extern};
pub use funcref::FuncRef;
pub use global::GlobalId;
pub use host::HostFunction;
pub use id::free_id;
pub use instance::{Instance, InstanceId};
pub use life::Life;
pub use mark::{Marks, Node, Roots};
pub use memory::MemoryId;
pub use objects::Store;
pub use reference::{ExternRef, Reference};
pub use rooted::Rooted;
pub use table::TableId;
pub use tag::TagId;
pub use trap::{Failure, Thrown};
pub use wasm_stack::DEFAULT_SIZE;
/// A raw value as compiled code passes it.
pub use wasmer_types::RawValue;

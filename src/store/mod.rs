//! The store: wasmer's objects of one thread, and the operations on them. This layer keeps the unsafe contract with the
//! engine; see `docs/internals/safety.md`.

mod abi;
mod call;
mod gc;
mod instance;
mod object;
#[cfg(test)]
mod tests;

pub use call::host::HostFunction;
pub use call::invoke::HAS_FAST_CALLS;
pub use call::trap::{Failure, Thrown};
pub use call::wasm_stack::DEFAULT_SIZE;
pub use gc::collector::{DetachedMemory, Swept};
pub use gc::mark::{Marks, Node, Roots};
pub use gc::rooted::Rooted;
pub use instance::entity::{Instance, InstanceId};
pub use instance::open_flag::OpenFlag;
pub use object::exception::ExceptionRef;
pub use object::extern_value::{Callable, Extern};
pub use object::funcref::FuncRef;
pub use object::global::GlobalId;
pub use object::id::free_id;
pub use object::memory::MemoryId;
pub use object::objects::Store;
pub use object::reference::{ExternRef, Reference};
pub use object::table::TableId;
pub use object::tag::TagId;
/// An untyped value in the form in which compiled code passes it.
pub use wasmer_types::RawValue;

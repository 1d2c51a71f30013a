//! The store: wasmer's objects of one thread, and the operations on them. This layer keeps the unsafe contract with the
//! engine; see `docs/internals/safety.md`.

mod abi;
mod batch;
mod call;
mod gc;
mod instance;
mod object;
mod panic;
mod state;
#[cfg(test)]
pub mod test_support;
mod trap;
#[cfg_attr(
    not(all(target_os = "linux", target_arch = "x86_64")),
    allow(dead_code, reason = "nothing interrupts wasm there")
)]
mod watch;

pub use batch::running_batch::Batch;
pub use call::host::{HostFunction, StaticCode};
pub use call::invoke::{
    Called, HAS_FAST_CALLS, MOST_SHARED, PATIENCE, ParkedCall, Parks, SuspendedScope, free_idle_call_stacks,
    on_host_stack, set_look,
};
pub use call::stack_pointer::StackPointer;
pub use call::static_code::Parameters;
pub use call::suspension::{HAS_SUSPENSION, Progress, PromisingCall};
pub use call::wasm_stack::DEFAULT_SIZE;
pub use gc::mark::{Marks, Roots};
pub use gc::node::Node;
pub use gc::object_counts::ObjectCounts;
pub use gc::rooted::Rooted;
pub use gc::sweep::Swept;
pub use instance::entity::Instance;
pub use instance::extern_value::{Callable, Extern};
pub use instance::open_flag::OpenFlag;
pub use object::detached_memory::DetachedMemory;
pub use object::funcref::FuncRef;
pub use object::id::{GlobalId, InstanceId, MemoryId, TableId, TagId, free_id};
pub use object::importer_memory::ImporterMemory;
pub use object::reference::{ExceptionRef, ExternRef, Reference};
pub use state::Store;
pub use trap::{Failure, Thrown};
/// An untyped value in the form in which compiled code passes it.
pub use wasmer_types::RawValue;
pub use watch::checkpoint::must_stop;
pub use watch::deadline::{Deadline, Timeout};
pub use watch::interrupts::interrupt;
pub use watch::signal::AVAILABLE as HAS_INTERRUPTION;
pub use watch::wait::{wait_slice, wait_until_stopped};

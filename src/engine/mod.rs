//! The engine: compilers, compiled modules, their allocator, and the disk cache.

mod alloc;
mod cache;
mod code;
mod compile;
mod module;
mod trace;
mod types;
pub use alloc::builtins::{
    copy_table, fill_table, grow_table, init_table, install, may_begin, may_grow, replace_builtins, set_own_table,
};
pub use alloc::free_list::{InObjectList, ObjectIndices, put};
pub use alloc::growths::memory_growths;
pub use alloc::quota::{Charge, Exceeded, Quota, Resource, SetAside};
pub use alloc::reserve::Reserve;
pub use alloc::room::{has_headroom, has_headroom_besides, has_room, try_copy};
pub use alloc::shared_memory::{Expected, SharedBytes, Stopped, publish, shared_memory, take_stopped};
#[cfg(test)]
pub use alloc::table_charges::is_charged;
pub use alloc::table_charges::{
    KnownTables, charge_for_table, charge_table_growth, keep_table_charge, release_table, release_table_growth,
    take_table_charge,
};
pub use alloc::table_copies::{TableCopy, forget_imported_tables, note_imported_tables};
pub use alloc::trim::{note_end_of_thread, trim, trim_all};
pub use alloc::tunables::{StoreTunables, no_memory};
pub use alloc::unmapper::drop_elsewhere;
pub use code::ranges::is_code;
pub use compile::cache_target::Cache;
pub use compile::cancellation::Cancellation;
pub use compile::choice::CompilerChoice;
pub use compile::compiler::{Compiler, LARGEST_FRAME};
pub use compile::options::{CacheTarget, CompileLimits, CompileOptions};
pub use compile::pipeline::check;
pub use compile::threads::{has_room_for_thread, hash};
pub use module::compiled::{cancelled_compiles, compile, compile_file, compiled_before, running_compiles};
pub use module::compiled_code::{Allocated, Code};
pub use module::tier_up::{PendingTierUp, TierUp, Tiered, compile_tiered, stay_silent_at_the_end};
pub use trace::frames::{CapturedStack, CodeLocation, function_code, module_code, trace, trap_at};
pub use types::{function_type, memory_type, raw_type, table_type, value_type};

//! From bytes to machine code: the compilers, what they made, and the disk cache.

mod addresses;
mod builtins;
mod cache;
mod code;
mod compiled;
mod compiler;
mod entry;
mod frames;
mod function_names;
mod image;
mod machine;
mod parts;
mod placing;
mod reserve;
mod room;
mod shared_memory;
mod small_memory;
mod tiers;
mod trim;
mod tunables;
mod types;
mod unread;

pub use builtins::{install, may_begin, may_grow};
pub use cache::Cache;
pub use code::Code;
pub use compiled::{How, Kept, compile, compile_file};
pub use compiler::Compiler;
pub use frames::{Place, trace};
pub use placing::{Placed, Places, placing, put};
pub use reserve::Reserve;
pub use room::{has_room, try_copy};
pub use shared_memory::{Expected, SharedBytes, Stopped, prepare, publish, shared_memory, take_stopped};
pub use tiers::{Better, Coming, Tiered, compile_tiered};
pub use trim::{trim, trim_all};
pub use tunables::{StoreTunables, memory_growths, no_memory};
pub use types::{MOST_ENTRIES, function_type, memory_type, raw_type, table_type, value_type};

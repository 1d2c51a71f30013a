//! From bytes to machine code: the compilers, what they made, and the disk cache.

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
mod shared_memory;
mod tiers;
mod trim;
mod tunables;
mod types;
mod unread;

pub use cache::Cache;
pub use code::Code;
pub use compiled::{How, Kept, compile, compile_file};
pub use compiler::{Compiler, LARGEST_FRAME};
pub use frames::{Place, WasmStack, is_code, trace};
pub use placing::{Placed, Places, placing, put};
pub use shared_memory::{Expected, SharedBytes, prepare, publish, shared_memory};
pub use tiers::{Better, Coming, Tiered, compile_tiered};
pub use trim::{trim, trim_all};
pub use tunables::{StoreTunables, memory_growths};
pub use types::{MOST_ENTRIES, function_type, memory_type, raw_type, table_type, value_type};

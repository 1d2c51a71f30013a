//! The canonical ABI: types of typed functions, their layouts in memory and as flat values, and adapters between memories.
//! Pure: no engine, no N-API, no `unsafe`.
#![forbid(unsafe_code)]

mod adapter;
mod difference;
mod function_type;
mod layout;
mod parse;
mod record;
mod value_type;
mod world;

pub use adapter::{adapter, transfer};
pub use difference::{differences, differences_of_texts};
pub use function_type::FunctionType;
pub use record::{TypedRecord, check_records, records_of};
pub use world::world;

//! The canonical ABI. The macros' code uses it, and nobody else should: it may change in any version.

mod area;
mod function;
mod held;
mod place;
pub mod refusal;
mod shape;
mod traits;
mod wit;

pub use area::{Area, ResultArea, Scope, allocate, free};
pub use function::{Abi, CoreType, Numbered, Wire};
pub use held::Held;
pub use place::{Memory, Place, Source, Target, Words};
pub use refusal::What;
pub use shape::{Core, Flat, MAX_FLAT, Position, Shape, flags_size, payload, positions, tag_size};
pub use traits::{Type, Value};
pub use wit::{Definition, Interface, Keyword, Member, Parameter, Wit};

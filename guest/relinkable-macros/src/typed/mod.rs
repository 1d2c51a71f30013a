//! Functions whose types are more than scalars.

mod expand;
mod function;
mod import;
mod record;

pub use expand::{export, slot};
pub use function::TypedFunction;
pub use import::import;

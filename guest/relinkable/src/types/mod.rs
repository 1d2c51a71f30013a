//! The built-in types.

mod choice;
mod fixed;
#[cfg(feature = "json")]
pub mod json;
mod list;
mod scalar;
mod text;
mod tuple;

//! WASI: the system interface of preview 1, and of `wasi_unstable` before it, over wasi-common. Only this room uses that
//! crate, so that another one can replace it.

mod errno;
mod functions;

pub use functions::{Function, Snapshot};

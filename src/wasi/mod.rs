//! WASI: the system interface of preview 1, and of `wasi_unstable` before it, over wasi-common. Only this room uses that
//! crate, so that another one can replace it.
//!
//! wasi-common has the functions; cap-std, below it, keeps every path within its preopen. This room adds what they lack:
//! policies of preopens, waits that end with deadlines and interrupts, streams of the host, rights that a guest gives up. Files
//! are opened, read and written here (`open_system.rs`, `transfers.rs`): wasi-common takes several times as long.

mod descriptors;
mod errno;
mod file;
mod folder;
mod functions;
mod guest_bytes;
mod open_system;
mod policy;
mod rights;
mod scheduler;
mod streams;
mod system;
#[cfg(unix)]
mod transfers;
mod waits;

pub use functions::{Function, Snapshot};
pub use guest_bytes::GuestBytes;
pub use streams::Stream;
pub use system::{OptionRefusal, Preopen, System, SystemOptions, SystemOutcome};

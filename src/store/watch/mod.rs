//! Stopping wasm that runs: deadlines, interrupts, and looks at V8.
//!
//! One thread of the process, the watchdog, looks at the record of each thread that runs wasm. If a deadline has passed or
//! somebody asks for a stop, it sends that thread a signal. Its handler moves the thread from wasm code into `pad`, on the same
//! stack. No check stands in the code of the guest. See `docs/internals/interruption.md`.

pub(in crate::store) mod builtins;
pub(in crate::store) mod bulk;
pub(in crate::store) mod checkpoint;
pub(in crate::store) mod clock;
pub(in crate::store) mod deadline;
pub(in crate::store) mod dropped_segments;
pub(in crate::store) mod interrupts;
#[cfg_attr(not(all(target_os = "linux", target_arch = "x86_64")), path = "no_pad.rs")]
pub(in crate::store) mod pad;
pub(in crate::store) mod record;
#[cfg_attr(not(all(target_os = "linux", target_arch = "x86_64")), path = "no_signal.rs")]
pub(in crate::store) mod signal;
pub(in crate::store) mod wait;
pub(in crate::store) mod watchdog;

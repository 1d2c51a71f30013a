//! WASI in its JavaScript environment: streams, clocks and randomness of the host, and imports of guests.

mod host;
pub(in crate::napi) mod import;
mod native_wasi;

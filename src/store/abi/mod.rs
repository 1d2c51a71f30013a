//! Adapters and bridges: calls between functions of different compilers and of the host.

pub(in crate::store) mod adapter;
pub(in crate::store) mod bridge;
pub(in crate::store) mod bridges;
pub(in crate::store) mod compiler;
pub(in crate::store) mod pending_throw;
pub(in crate::store) mod signatures;

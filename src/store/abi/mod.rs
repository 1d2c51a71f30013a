//! Functions of different compilers and of the host, made callable by each other.

pub(in crate::store) mod adapter;
pub(in crate::store) mod bridge;
pub(in crate::store) mod signatures;

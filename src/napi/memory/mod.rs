//! The buffers over the bytes of memories.

pub(in crate::napi) mod backing;
pub(in crate::napi) mod buffer;
pub(in crate::napi) mod shared;

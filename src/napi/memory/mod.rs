//! Memories as JavaScript sees them: buffers over their bytes, and shared memories.

pub(in crate::napi) mod backing;
pub(in crate::napi) mod buffer;
pub(in crate::napi) mod shared;

//! The errnos of WASI that this room returns itself.

/// Success
pub const SUCCESS: i32 = 0;
/// No such descriptor, or not open for this
pub const BADF: i32 = 8;
/// In use
pub const BUSY: i32 = 10;
/// An address outside the memory
pub const FAULT: i32 = 21;
/// Text that is not UTF-8
pub const ILSEQ: i32 = 25;
/// The wasm must stop
pub const INTR: i32 = 27;
/// The system failed
pub const IO: i32 = 29;
/// An argument that the function does not take
pub const INVAL: i32 = 28;
/// No socket
pub const NOTSOCK: i32 = 57;
/// Not supported
pub const NOTSUP: i32 = 58;
/// A number that is too large
pub const OVERFLOW: i32 = 61;
/// A right that the descriptor has not
pub const NOTCAPABLE: i32 = 76;

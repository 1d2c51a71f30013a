//! A call of a host function that runs.

/// A call of a host function that runs. It lies on wasm's stack, in the frame that has switched to the host's.
pub struct HostCall {
    /// The context of the host function
    pub context: usize,
    /// An address below the frames of the wasm that has called it, above the frames of this library, unless it is elsewhere
    pub from: usize,
    /// The call of a host function that ran when this began; null for none
    pub outer: *const HostCall,
}

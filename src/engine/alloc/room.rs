//! Checks before allocations whose size a guest or user chooses. A failed allocation of Rust or V8 ends the process.

use crate::engine::alloc::limits;
use memmap2::MmapOptions;
use wasmer::sys::vm::MemoryError;

/// Allocations of fewer bytes are not checked: without this much memory, V8 cannot go on either.
const LEAST: usize = 64 << 10;

/// Bytes that must stay free for everything else. V8 ends the process if a collection cannot map its pages: two semi
/// spaces of 16 MiB each, as much again for the objects that it moves, and its work lists.
const HEADROOM: usize = 64 << 20;

/// Whether `bytes` can be allocated with headroom left. A small allocation is not checked.
pub fn has_room(bytes: usize) -> bool {
    bytes < LEAST || has_headroom_besides(bytes)
}

/// Whether `bytes` can be mapped with headroom left.
pub fn has_headroom_besides(bytes: usize) -> bool {
    bytes.checked_add(HEADROOM).is_some_and(limits::allow) && (bytes < LEAST || can_map(bytes))
}

/// Whether the system maps `bytes`. They are mapped, not allocated: the allocator might keep the memory, or split the
/// request.
fn can_map(bytes: usize) -> bool {
    MmapOptions::new().len(bytes).map_anon().is_ok()
}

/// Whether headroom is left after a mapping. If it is not, the caller unmaps.
pub fn has_headroom() -> bool {
    has_headroom_besides(0)
}

/// A copy of a user's bytes; none if there is no room for it.
pub fn try_copy(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut copy = Vec::new();
    (has_room(bytes.len()) && copy.try_reserve_exact(bytes.len()).is_ok()).then(|| {
        copy.extend_from_slice(bytes);
        copy
    })
}

/// The error for a memory or growth that would leave no headroom.
pub(in crate::engine) fn no_headroom() -> MemoryError {
    MemoryError::Region("too little of the process's memory would be left".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_what_fits_into_a_process() {
        assert!(has_headroom() && has_room(0) && has_room(LEAST) && has_room(1 << 20));
        assert!(!has_room(1 << 50) && !has_room(usize::MAX) && !has_room(usize::MAX - HEADROOM));
        assert!(has_headroom_besides(1 << 20) && !has_headroom_besides(1 << 50));
    }

    #[test]
    fn a_copy_is_one() {
        assert_eq!(try_copy(b"bytes").unwrap(), b"bytes");
        assert_eq!(try_copy(b"").unwrap(), b"");
    }
}

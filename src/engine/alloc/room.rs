//! Checks before allocations whose size a guest or user chooses. A failed allocation of Rust or V8 ends the process.

use memmap2::MmapOptions;

/// Bytes below which allocations are not checked: V8 could not go on either without that much.
const LEAST: usize = 64 << 10;

/// Bytes that must stay free for everything else.
const HEADROOM: usize = 4 << 20;

/// Whether `bytes` can be allocated with headroom left.
pub fn has_room(bytes: usize) -> bool {
    // Map the bytes instead of allocating them: the allocator might keep the memory, or split the request.
    bytes < LEAST || bytes.checked_add(HEADROOM).is_some_and(|bytes| MmapOptions::new().len(bytes).map_anon().is_ok())
}

/// A copy of bytes whose number a user chooses; none if there is no room for it.
pub fn try_copy(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut copy = Vec::new();
    (has_room(bytes.len()) && copy.try_reserve_exact(bytes.len()).is_ok()).then(|| {
        copy.extend_from_slice(bytes);
        copy
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_what_fits_into_a_process() {
        assert!(has_room(0) && has_room(LEAST) && has_room(1 << 20));
        assert!(!has_room(1 << 50) && !has_room(usize::MAX) && !has_room(usize::MAX - HEADROOM));
    }

    #[test]
    fn a_copy_is_one() {
        assert_eq!(try_copy(b"bytes").unwrap(), b"bytes");
        assert_eq!(try_copy(b"").unwrap(), b"");
    }
}

//! Whether there is room for what a guest or a user chooses the size of. Allocations of this language end the process
//! where there is none, and so do V8's.

use memmap2::MmapOptions;

/// Allocations below this are not looked at: where there is no room for them, V8 does not go on either.
const LEAST: usize = 64 << 10;

/// What must be left besides, in bytes, for all that goes on.
const HEADROOM: usize = 4 << 20;

/// Whether `bytes` can be allocated, and some are left.
pub fn has_room(bytes: usize) -> bool {
    // The system itself is asked: the allocator would keep, or spread, what it was given.
    bytes < LEAST || bytes.checked_add(HEADROOM).is_some_and(|bytes| MmapOptions::new().len(bytes).map_anon().is_ok())
}

/// A copy of bytes whose number a user chose; none where there is no room for it.
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

//! The addresses of all loaded code, in a table that a signal handler can read: without a lock or an allocation.

use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::{iter, ptr};

/// Unit of the table in bytes: code is mapped in whole pages, and every system's page size is a multiple of this.
const UNIT: usize = 4096;

/// Bits of an entry for the length; the other bits have the start. Together they are enough for 48 bits of address and
/// lengths up to 1 TiB.
const LENGTH_BITS: u32 = 28;

/// Number of entries in a block.
const ENTRIES: usize = 510;

/// A block of entries. Blocks are never freed, so a reader needs no protection.
struct Block {
    /// Start and length in units; 0 for a free entry. In one word, so that a reader never sees half of a change
    entries: [AtomicU64; ENTRIES],
    next: AtomicPtr<Block>,
    /// Number of entries that may be in use
    used: AtomicUsize,
}

static FIRST: Block = Block::new();

/// Taken to change the table.
static CHANGE: Mutex<()> = Mutex::new(());

/// Keeps a range in the table until it drops.
pub(in crate::engine) struct LoadedRange(Option<&'static AtomicU64>);

impl Block {
    const fn new() -> Self {
        Self {
            entries: [const { AtomicU64::new(0) }; ENTRIES],
            next: AtomicPtr::new(ptr::null_mut()),
            used: AtomicUsize::new(0),
        }
    }

    fn all() -> impl Iterator<Item = &'static Self> {
        // SAFETY: `next` is null or came from a box that is never freed.
        iter::successors(Some(&FIRST), |block| unsafe { block.next.load(Ordering::Acquire).as_ref() })
    }
}

impl LoadedRange {
    /// Adds the pages of `length` bytes from `begin` on, which hold nothing but code of modules.
    pub fn new(begin: usize, length: usize) -> Self {
        let (first, end) = (begin / UNIT, (begin + length).div_ceil(UNIT));
        let units = (end - first) as u64;
        if length == 0 || units >> LENGTH_BITS != 0 || (first as u64) >> (u64::BITS - LENGTH_BITS) != 0 {
            return Self(None);
        }
        let word = (first as u64) << LENGTH_BITS | units;
        let _change = CHANGE.lock().unwrap_or_else(PoisonError::into_inner);
        let mut last = &FIRST;
        for block in Block::all() {
            let free = block.entries.iter().position(|entry| entry.load(Ordering::Relaxed) == 0);
            if let Some(index) = free {
                block.entries[index].store(word, Ordering::Release);
                block.used.fetch_max(index + 1, Ordering::Release);
                return Self(Some(&block.entries[index]));
            }
            last = block;
        }
        let block: &'static Block = Box::leak(Box::new(Block::new()));
        block.entries[0].store(word, Ordering::Relaxed);
        block.used.store(1, Ordering::Relaxed);
        last.next.store(ptr::from_ref(block).cast_mut(), Ordering::Release);
        Self(Some(&block.entries[0]))
    }
}

impl Drop for LoadedRange {
    fn drop(&mut self) {
        if let Some(entry) = self.0 {
            entry.store(0, Ordering::Release);
        }
    }
}

/// Whether `address` is in loaded code. Safe to call in a signal handler.
#[cfg_attr(not(unix), allow(dead_code, reason = "only signals ask"))]
pub fn is_code(address: usize) -> bool {
    let unit = (address / UNIT) as u64;
    Block::all().any(|block| {
        let used = block.used.load(Ordering::Acquire).min(ENTRIES);
        block.entries[..used].iter().any(|entry| {
            let word = entry.load(Ordering::Acquire);
            unit.wrapping_sub(word >> LENGTH_BITS) < word & ((1 << LENGTH_BITS) - 1)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // No system maps memory at these addresses.
    const BASE: usize = 0x7123_4567_8000 & !(UNIT - 1);

    #[test]
    fn ranges_are_found_until_they_are_dropped() {
        let range = LoadedRange::new(BASE, UNIT + 1);
        assert_eq!([BASE - 1, BASE, BASE + 2 * UNIT - 1, BASE + 2 * UNIT].map(is_code), [false, true, true, false]);
        drop(range);
        assert!(!is_code(BASE));
    }

    #[test]
    fn the_table_grows_and_reuses_entries() {
        let base = BASE + (1 << 32);
        for _ in 0..3 {
            let ranges: Vec<_> = (0..3 * ENTRIES).map(|index| LoadedRange::new(base + 2 * index * UNIT, 1)).collect();
            assert!((0..3 * ENTRIES).all(|index| is_code(base + 2 * index * UNIT)));
            assert!((0..3 * ENTRIES).all(|index| !is_code(base + (2 * index + 1) * UNIT)));
            drop(ranges);
            assert!((0..3 * ENTRIES).all(|index| !is_code(base + 2 * index * UNIT)));
        }
        assert!(Block::all().count() <= 8);
    }

    #[test]
    fn what_does_not_fit_is_left_out() {
        assert!(LoadedRange::new(BASE, 0).0.is_none());
        assert!(LoadedRange::new(1 << 60, 1).0.is_none());
    }
}

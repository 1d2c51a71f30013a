//! Address ranges for memories that reserve little more than their bytes, and yet never move.

use std::io;

/// The address range of a memory: accessible bytes, then an inaccessible guard.
#[cfg(unix)]
pub(in crate::engine) struct Addresses {
    base: *mut u8,
    /// Length of the range with its guard, in bytes
    length: usize,
    position: Option<usize>,
}

// SAFETY: the range belongs to this value alone, and any thread may map and unmap it.
#[cfg(unix)]
unsafe impl Send for Addresses {}

/// Positions are hints for `mmap`: far enough apart that any memory can grow in place, and far from the addresses that
/// the system chooses.
#[cfg(unix)]
mod positions {
    use std::ptr;
    use std::sync::{Mutex, PoisonError};

    const FIRST: usize = 1 << 44;
    const DISTANCE: usize = 1 << 33;
    const COUNT: usize = 1 << 13;

    /// The first position that was never taken, and the free list
    static FREE: Mutex<(usize, Vec<usize>)> = Mutex::new((0, Vec::new()));

    pub fn take() -> Option<usize> {
        let mut free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        free.1.pop().or_else(|| {
            free.0 += 1;
            (free.0 <= COUNT).then_some(free.0 - 1)
        })
    }

    pub fn give_back(position: usize) {
        FREE.lock().unwrap_or_else(PoisonError::into_inner).1.push(position);
    }

    /// The address of a position; null if there is none, so that the system chooses one.
    pub fn address(position: Option<usize>) -> *mut u8 {
        position.map_or(ptr::null_mut(), |position| ptr::without_provenance_mut(FIRST + position * DISTANCE))
    }
}

/// Maps inaccessible addresses, at `hint` if that is free and the system follows the hint.
#[cfg(unix)]
fn map(hint: *mut u8, length: usize) -> io::Result<*mut u8> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANON;
    // SAFETY: without `MAP_FIXED`, `mmap` does not replace existing mappings.
    let mapped = unsafe { libc::mmap(hint.cast(), length, libc::PROT_NONE, flags, -1, 0) };
    if mapped == libc::MAP_FAILED { Err(io::Error::last_os_error()) } else { Ok(mapped.cast()) }
}

/// # Safety
/// `map` has mapped the addresses, and they are not used any more.
#[cfg(unix)]
unsafe fn unmap(base: *mut u8, length: usize) {
    // SAFETY: the caller promises that the range is mapped by `map` and not used any more.
    let unmapped = unsafe { libc::munmap(base.cast(), length) };
    debug_assert_eq!(unmapped, 0, "{}", io::Error::last_os_error());
}

/// Whether the system can map `length` bytes in one piece.
#[cfg(unix)]
pub(in crate::engine) fn can_reserve(length: usize) -> bool {
    map(std::ptr::null_mut(), length)
        // SAFETY: `map` has just returned this range, and it is not used.
        .map(|base| unsafe { unmap(base, length) })
        .is_ok()
}

#[cfg(unix)]
impl Addresses {
    /// The range of a memory that begins with `bytes` and a guard. Here memories grow in place, so `_most`, the maximum
    /// in bytes, is not reserved.
    ///
    /// # Errors
    /// The errors of the system.
    pub fn new(bytes: usize, guard: usize, _most: usize) -> io::Result<Self> {
        let position = positions::take();
        let length = bytes + guard;
        match map(positions::address(position), length) {
            Ok(base) => {
                let addresses = Self { base, length, position };
                addresses.make_accessible(0, bytes)?;
                Ok(addresses)
            }
            Err(error) => {
                position.into_iter().for_each(positions::give_back);
                Err(error)
            }
        }
    }

    /// The first address.
    pub fn base(&self) -> *mut u8 {
        self.base
    }

    /// Makes the first `to` bytes accessible, before a guard; `from` of them already are. The bytes do not move.
    ///
    /// # Errors
    /// The errors of the system, and `AddrInUse` if the addresses after it are taken; the accessible bytes are unchanged then.
    pub fn grow(&mut self, from: usize, to: usize, guard: usize) -> io::Result<()> {
        if let Some(more) = (to + guard).checked_sub(self.length).filter(|more| *more > 0) {
            let hint = self.base.wrapping_add(self.length);
            let base = map(hint, more)?;
            if base != hint {
                // SAFETY: `map` has just returned this range, and it is not used.
                unsafe { unmap(base, more) };
                return Err(io::ErrorKind::AddrInUse.into());
            }
            self.length += more;
        }
        self.make_accessible(from, to)
    }

    fn make_accessible(&self, from: usize, to: usize) -> io::Result<()> {
        if from == to {
            return Ok(());
        }
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: callers stay within this range, which belongs to this memory.
        let done = unsafe { libc::mprotect(self.base.wrapping_add(from).cast(), to - from, access) };
        if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }
}

#[cfg(unix)]
impl Drop for Addresses {
    fn drop(&mut self) {
        // SAFETY: `map` gave the range to this memory, which is being dropped.
        unsafe { unmap(self.base, self.length) };
        self.position.into_iter().for_each(positions::give_back);
    }
}

#[cfg(not(unix))]
pub(in crate::engine) use reserved::{Addresses, can_reserve};

/// The range of a memory where `mmap` hints do not exist: all that the memory may grow to is reserved at once.
#[cfg(not(unix))]
mod reserved {
    use std::io;
    use wasmer::sys::vm::{Mmap, MmapType};

    pub struct Addresses(Mmap);

    fn reserve(accessible: usize, length: usize) -> io::Result<Mmap> {
        Mmap::accessible_reserved(accessible, length, None, MmapType::Private).map_err(io::Error::other)
    }

    pub fn can_reserve(length: usize) -> bool {
        reserve(0, length).is_ok()
    }

    impl Addresses {
        pub fn new(bytes: usize, guard: usize, most: usize) -> io::Result<Self> {
            // Reserve the maximum; while the system refuses, half as much.
            let sizes = std::iter::successors(Some(most), |size| Some(size / 2)).take_while(|size| *size > bytes);
            let reserved = sizes.chain([bytes]).map(|size| size.next_multiple_of(guard) + guard);
            let mut last = Err(io::ErrorKind::OutOfMemory.into());
            for length in reserved {
                last = reserve(bytes, length);
                if last.is_ok() {
                    break;
                }
            }
            last.map(Self)
        }

        pub fn base(&self) -> *mut u8 {
            self.0.as_ptr().cast_mut()
        }

        pub fn grow(&mut self, from: usize, to: usize, guard: usize) -> io::Result<()> {
            if to + guard > self.0.len() {
                return Err(io::ErrorKind::OutOfMemory.into());
            }
            if from == to {
                return Ok(());
            }
            self.0.make_accessible(from, to - from).map_err(io::Error::other)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use crate::wasm::PAGE_SIZE as PAGE;

    #[test]
    fn they_grow_where_they_are() {
        let mut all: Vec<_> = (0..10).map(|_| Addresses::new(PAGE, PAGE, 64 * PAGE).unwrap()).collect();
        for size in 1..60 {
            for addresses in &mut all {
                let base = addresses.base();
                addresses.grow(size * PAGE, (size + 1) * PAGE, PAGE).unwrap();
                assert_eq!(addresses.base(), base);
                // SAFETY: `grow` has made these bytes accessible, and only this test uses them.
                unsafe {
                    let last = base.add((size + 1) * PAGE - 1);
                    assert_eq!(last.read(), 0);
                    last.write(1);
                }
            }
        }
    }

    #[test]
    fn those_of_nothing_are_a_guard() {
        let mut addresses = Addresses::new(0, PAGE, PAGE).unwrap();
        addresses.grow(0, 0, PAGE).unwrap();
        addresses.grow(0, PAGE, PAGE).unwrap();
        // SAFETY: `grow` has made the first page accessible, and only this test uses it.
        assert_eq!(unsafe { addresses.base().read() }, 0);
    }

    #[cfg(unix)]
    #[test]
    fn what_lies_behind_is_not_taken() {
        let mut addresses = Addresses::new(PAGE, PAGE, 64 * PAGE).unwrap();
        let next = addresses.base().wrapping_add(4 * PAGE);
        let taken = map(next, PAGE).unwrap();
        if taken == next {
            assert!(addresses.grow(PAGE, 4 * PAGE, PAGE).is_err());
            addresses.grow(PAGE, 3 * PAGE, PAGE).unwrap();
        }
        // SAFETY: `map` has just returned this range, and it is not used.
        unsafe { unmap(taken, PAGE) };
        addresses.grow(3 * PAGE, 4 * PAGE, PAGE).unwrap();
    }

    #[test]
    fn no_process_has_so_many() {
        assert!(Addresses::new(1 << 60, PAGE, 1 << 60).is_err() && !can_reserve(1 << 60));
    }
}

//! The memory of a guest while one of its calls runs.

use crate::wasi::errno;
use crate::wasi::rights::Rights;
use std::cell::UnsafeCell;
use wiggle::GuestMemory;

/// Bytes that are filled randomly at once.
const PIECE: usize = 1 << 20;

/// The memory of a guest, as an address and a size. It is borrowed for one operation at a time.
pub struct GuestBytes {
    base: *mut u8,
    size: usize,
    is_shared: bool,
}

impl GuestBytes {
    /// The memory at `base`, of `size` bytes. `is_shared` says that other threads may use it.
    ///
    /// # Safety
    /// The bytes exist while this is used. Nothing else uses them during a call of a method, but other threads if the memory
    /// is shared.
    pub unsafe fn new((base, size): (*mut u8, usize), is_shared: bool) -> Self {
        Self { base, size, is_shared }
    }

    /// Passes the memory to `work`.
    pub fn with<T>(&mut self, work: impl FnOnce(&mut GuestMemory<'_>) -> T) -> T {
        if self.size == 0 {
            return work(&mut GuestMemory::Unshared(&mut []));
        }
        // SAFETY: by the contract of `new`. Cells may be written by other threads; wiggle copies what is in them.
        let mut memory = unsafe {
            match self.is_shared {
                true => GuestMemory::Shared(std::slice::from_raw_parts(self.base.cast::<UnsafeCell<u8>>(), self.size)),
                false => GuestMemory::Unshared(std::slice::from_raw_parts_mut(self.base, self.size)),
            }
        };
        work(&mut memory)
    }

    /// Address of `length` bytes at `at`; none if they are not within the memory.
    fn range(&self, at: u32, length: usize) -> Option<*mut u8> {
        let end = (at as usize).checked_add(length)?;
        // SAFETY: the range is within the memory.
        (end <= self.size).then(|| unsafe { self.base.add(at as usize) })
    }

    /// Whether there are `length` bytes at `at`.
    pub fn has(&self, at: u32, length: u32) -> bool {
        self.range(at, length as usize).is_some()
    }

    /// Writes bytes. Returns an errno.
    pub fn write(&mut self, at: u32, bytes: &[u8]) -> i32 {
        let Some(to) = self.range(at, bytes.len()) else { return errno::FAULT };
        // SAFETY: the range is within the memory; else by the contract of `new`. If the memory is shared, a race is one of
        // the guest with itself, over plain bytes.
        unsafe { to.copy_from(bytes.as_ptr(), bytes.len()) };
        errno::SUCCESS
    }

    /// Reads a number; none if it is not within the memory.
    pub fn read_u32(&self, at: u32) -> Option<u32> {
        let from = self.range(at, 4)?;
        // SAFETY: as for `write`.
        Some(u32::from_le(unsafe { from.cast::<u32>().read_unaligned() }))
    }

    /// Address and length of the bytes of the vector at `at`; none if the vector or the bytes are not within the memory.
    #[cfg(unix)]
    pub fn vector(&self, at: u32) -> Option<(*mut u8, usize)> {
        let (base, length) = (self.read_u32(at)?, self.read_u32(at.checked_add(4)?)? as usize);
        Some((self.range(base, length)?, length))
    }

    /// A copy of the text of `length` bytes at `at`.
    ///
    /// # Errors
    /// `FAULT` outside the memory, `ILSEQ` if it is not UTF-8.
    pub fn text(&self, at: u32, length: u32) -> Result<String, i32> {
        let from = self.range(at, length as usize).ok_or(errno::FAULT)?;
        let mut bytes = Vec::<u8>::with_capacity(length as usize);
        // SAFETY: as for `write`. The bytes have room for them.
        unsafe {
            bytes.as_mut_ptr().copy_from_nonoverlapping(from, length as usize);
            bytes.set_len(length as usize);
        }
        String::from_utf8(bytes).map_err(|_| errno::ILSEQ)
    }

    /// Fills bytes with random ones of the system. Returns an errno.
    pub fn fill_randomly(&mut self, at: u32, length: u32) -> i32 {
        if self.range(at, length as usize).is_none() {
            return errno::FAULT;
        }
        let mut piece = vec![0; PIECE.min(length as usize)];
        let (mut at, mut left) = (at, length as usize);
        while left > 0 {
            let part = &mut piece[..left.min(PIECE)];
            if getrandom::fill(part).is_err() {
                return errno::IO;
            }
            self.write(at, part);
            at += part.len() as u32;
            left -= part.len();
        }
        errno::SUCCESS
    }

    /// Writes the rights of an `fdstat` that has just been written. Returns an errno.
    pub fn write_rights(&mut self, at: u32, rights: Rights) -> i32 {
        let written = self.write(at.saturating_add(8), &rights.base.to_le_bytes());
        if written != errno::SUCCESS {
            return written;
        }
        self.write(at.saturating_add(16), &rights.inheriting.to_le_bytes())
    }
}

//! The rights of descriptors that gave some up by `fd_fdstat_set_rights`. wasi-common does not keep them.

use crate::wasi::functions::FunctionId;
use std::collections::HashMap;

/// Rights of a descriptor: its own, and those that files opened through it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    /// Its own
    pub base: u64,
    /// Those that it passes on
    pub inheriting: u64,
}

/// The descriptors with fewer rights than they were opened with.
#[derive(Default)]
pub struct ReducedRights(HashMap<u32, Rights>);

const PATH_CREATE_FILE: u64 = 1 << 10;
const PATH_FILESTAT_SET_SIZE: u64 = 1 << 19;

/// The rights of every regular file: all but those to read and to write.
pub const OF_FILES: u64 = 0b1000_1110_0000_0000_0001_1011_1101;

/// Flags of `path_open`
const CREATE: u32 = 1;
const TRUNCATE: u32 = 8;

impl Rights {
    /// The rights that are in both.
    pub fn and(self, other: Self) -> Self {
        Self { base: self.base & other.base, inheriting: self.inheriting & other.inheriting }
    }

    /// Whether all of these rights are in `other` too.
    pub fn is_within(self, other: Self) -> bool {
        self.and(other) == self
    }
}

impl ReducedRights {
    /// The rights of a descriptor, if it gave some up.
    pub fn of(&self, fd: u32) -> Option<Rights> {
        self.0.get(&fd).copied()
    }

    /// Sets the rights of a descriptor.
    pub fn set(&mut self, fd: u32, rights: Rights) {
        self.0.insert(fd, rights);
    }

    /// Forgets a descriptor that was closed, or has got another number.
    pub fn take(&mut self, fd: u32) -> Option<Rights> {
        self.0.remove(&fd)
    }

    /// Whether a descriptor has the rights that a function needs. `open` are the flags of `path_open`.
    pub fn allow(&self, function: FunctionId, fd: u32, open: u32) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let mut needed = needed(function);
        if function == FunctionId::path_open {
            for (flag, right) in [(CREATE, PATH_CREATE_FILE), (TRUNCATE, PATH_FILESTAT_SET_SIZE)] {
                if open & flag != 0 {
                    needed |= right;
                }
            }
        }
        self.of(fd).is_none_or(|rights| rights.base & needed == needed)
    }
}

/// The right that a function needs of the descriptor that is its first argument.
fn needed(function: FunctionId) -> u64 {
    use FunctionId as F;
    let bit = match function {
        F::fd_datasync => 0,
        F::fd_read | F::fd_pread | F::sock_recv => 1,
        F::fd_seek => 2,
        F::fd_fdstat_set_flags => 3,
        F::fd_sync => 4,
        F::fd_tell => 5,
        F::fd_write | F::fd_pwrite | F::sock_send => 6,
        F::fd_advise => 7,
        F::fd_allocate => 8,
        F::path_create_directory => 9,
        F::path_link => 11,
        F::path_open => 13,
        F::fd_readdir => 14,
        F::path_readlink => 15,
        F::path_rename => 16,
        F::path_filestat_get => 18,
        F::path_filestat_set_times => 20,
        F::fd_filestat_get => 21,
        F::fd_filestat_set_size => 22,
        F::fd_filestat_set_times => 23,
        F::path_remove_directory => 25,
        F::path_unlink_file => 26,
        F::sock_shutdown => 28,
        _ => return 0,
    };
    1 << bit
}

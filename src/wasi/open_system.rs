//! The functions of a system that work on descriptors, or on what the guest was given: the table of wasi-common, and what
//! this room adds to it.

use crate::store::RawValue;
use crate::wasi::descriptors::{Descriptor, Descriptors};
use crate::wasi::errno;
use crate::wasi::folder::{OpenMode, OpenedPath};
use crate::wasi::functions::{Function, FunctionId, Snapshot};
use crate::wasi::guest_bytes::GuestBytes;
use crate::wasi::rights::{OF_FILES, ReducedRights, Rights};
use wasi_common::WasiCtx;
use wasi_common::file::FileAccessMode;
use wasi_common::snapshots::preview_1::types;
use wiggle::{GuestMemory, anyhow};

/// `whence` of `fd_seek`: from where the file stands
#[cfg(unix)]
const CURRENT: u32 = 1;

/// What a system has until it is closed.
pub struct OpenSystem {
    pub(in crate::wasi) context: WasiCtx,
    pub(in crate::wasi) descriptors: Descriptors,
    pub(in crate::wasi) rights: ReducedRights,
}

impl OpenSystem {
    /// Calls a function that works on descriptors or on what the guest was given. Returns the errno.
    ///
    /// # Errors
    /// A fault that is no errno.
    ///
    /// # Safety
    /// `values` points to arguments of the function's type.
    pub unsafe fn call(
        &mut self,
        function: &Function,
        bytes: &mut GuestBytes,
        values: *const RawValue,
    ) -> anyhow::Result<i32> {
        use FunctionId as F;
        // SAFETY: by the contract of this function, for as many as the function has parameters.
        let argument = |index: usize| unsafe { (*values.add(index)).u32 };
        // SAFETY: as above.
        let wide = |index: usize| unsafe { (*values.add(index)).u64 };
        let flags = if function.id == F::path_open { argument(4) } else { 0 };
        let takes_fd = !function.has_no_parameters();
        if takes_fd && !self.rights.allow(function.id, argument(0), flags) {
            return Ok(errno::NOTCAPABLE);
        }
        match function.id {
            #[cfg(unix)]
            F::fd_read | F::fd_pread | F::fd_write | F::fd_pwrite => {
                use crate::wasi::transfers::{Direction, Transfer};
                if let Some(file) = self.descriptors.file(argument(0)) {
                    let (is_at, reads) = match function.id {
                        F::fd_read => (false, true),
                        F::fd_pread => (true, true),
                        F::fd_write => (false, false),
                        _ => (true, false),
                    };
                    let transfer = Transfer {
                        direction: if reads { Direction::Read } else { Direction::Write },
                        vectors: argument(1),
                        count: argument(2),
                        offset: is_at.then(|| wide(3)),
                        to: argument(3 + usize::from(is_at)),
                    };
                    return Ok(transfer.run(file, bytes));
                }
            }
            #[cfg(unix)]
            F::fd_seek | F::fd_tell => {
                if let Some(file) = self.descriptors.file(argument(0)) {
                    let is_seek = function.id == F::fd_seek;
                    let (offset, whence) = if is_seek { (wide(1).cast_signed(), argument(2)) } else { (0, CURRENT) };
                    let to = argument(if is_seek { 3 } else { 1 });
                    return Ok(file
                        .seek_to(offset, whence)
                        .map_or_else(|errno| errno, |position| bytes.write(to, &position.to_le_bytes())));
                }
            }
            F::path_open => {
                let open = PathOpen {
                    lookup: argument(1),
                    path: (argument(2), argument(3)),
                    open: flags,
                    rights: wide(5),
                    flags: argument(7),
                    to: argument(8),
                };
                return Ok(self.open_path(argument(0), &open, bytes).map_or_else(|errno| errno, |()| errno::SUCCESS));
            }
            F::fd_fdstat_set_rights => {
                return Ok(self.set_rights(argument(0), Rights { base: wide(1), inheriting: wide(2) }));
            }
            // wasi-common has a nameless preopen in its place.
            F::fd_prestat_get | F::fd_prestat_dir_name
                if matches!(self.descriptors.get(argument(0)), Some(Descriptor::Folder(_, false))) =>
            {
                return Ok(errno::NOTSUP);
            }
            _ => {}
        }
        // SAFETY: by the contract of this function.
        let errno = bytes.with(|memory| unsafe { function.call(&mut self.context, memory, values) })?;
        if errno != errno::SUCCESS {
            let is_socket_call = matches!(function.id, F::sock_accept | F::sock_recv | F::sock_send | F::sock_shutdown);
            let is_no_socket = errno == errno::BADF && is_socket_call && self.descriptors.get(argument(0)).is_some();
            return Ok(if is_no_socket { errno::NOTSOCK } else { errno });
        }
        match function.id {
            F::fd_close => {
                self.descriptors.close(argument(0));
                self.rights.take(argument(0));
            }
            F::fd_renumber if argument(0) != argument(1) => {
                self.descriptors.renumber(argument(0), argument(1));
                match self.rights.take(argument(0)) {
                    Some(moved) => self.rights.set(argument(1), moved),
                    None => drop(self.rights.take(argument(1))),
                }
            }
            F::fd_fdstat_get => {
                if let Some(has) = self.rights_of(argument(0)) {
                    return Ok(bytes.write_rights(argument(1), has));
                }
            }
            _ => {}
        }
        Ok(errno)
    }

    /// Closes a descriptor that is open.
    pub fn close(&mut self, fd: u32) {
        let Some(close) = of_preview_1(FunctionId::fd_close) else { return };
        let arguments = [RawValue { i64: fd.into() }, RawValue::default()];
        // SAFETY: these are the arguments of `fd_close`. It cannot fail for a descriptor that is open.
        let _ = unsafe { close.call(&mut self.context, &mut GuestMemory::Unshared(&mut []), arguments.as_ptr()) };
        self.descriptors.close(fd);
        self.rights.take(fd);
    }

    /// `path_open`.
    fn open_path(&mut self, fd: u32, open: &PathOpen, bytes: &mut GuestBytes) -> Result<(), i32> {
        let folder = self.descriptors.folder(fd)?;
        let mode = open.mode()?;
        if !bytes.has(open.to, 4) {
            return Err(errno::FAULT);
        }
        let path = bytes.text(open.path.0, open.path.1)?;
        let made = match folder.open(&path, mode).map_err(errno::of)? {
            OpenedPath::File(file) => self.descriptors.open_file(&self.context, file),
            OpenedPath::Folder(folder) => self.descriptors.open_folder(&self.context, folder),
        };
        if let Some(Rights { inheriting, .. }) = self.rights.of(fd)
            && let Some(all) = self.all_rights_of(made)
        {
            self.rights.set(made, all.and(Rights { base: inheriting, inheriting }));
        }
        match bytes.write(open.to, &made.to_le_bytes()) {
            errno::SUCCESS => Ok(()),
            errno => Err(errno),
        }
    }

    /// The rights that a descriptor has.
    fn rights_of(&mut self, fd: u32) -> Option<Rights> {
        self.rights.of(fd).or_else(|| self.all_rights_of(fd))
    }

    /// The rights that a descriptor is opened with. wasi-common only says whether a file is open for reading and writing.
    fn all_rights_of(&mut self, fd: u32) -> Option<Rights> {
        let get = of_preview_1(FunctionId::fd_fdstat_get)?;
        let mut memory = [0; FDSTAT];
        let values = [RawValue { i64: fd.into() }, RawValue { i64: 0 }];
        // SAFETY: these are the arguments of `fd_fdstat_get`.
        let errno = unsafe { get.call(&mut self.context, &mut GuestMemory::Unshared(&mut memory), values.as_ptr()) };
        let [base, inheriting] = [8, 16].map(|at| memory[at..].first_chunk().map(|bytes| u64::from_le_bytes(*bytes)));
        let others = if memory[0] == REGULAR_FILE { OF_FILES } else { 0 };
        (errno.ok()? == errno::SUCCESS).then_some(Rights { base: base? | others, inheriting: inheriting? })
    }

    /// Sets the rights of a descriptor; it cannot get more than it has. Returns an errno.
    fn set_rights(&mut self, fd: u32, wanted: Rights) -> i32 {
        let Some(has) = self.rights_of(fd) else { return errno::BADF };
        if !wanted.is_within(has) {
            return errno::NOTCAPABLE;
        }
        self.rights.set(fd, wanted);
        errno::SUCCESS
    }
}

/// The arguments of `path_open`.
struct PathOpen {
    lookup: u32,
    path: (u32, u32),
    open: u32,
    rights: u64,
    flags: u32,
    to: u32,
}

impl PathOpen {
    /// How the path is to be opened.
    ///
    /// # Errors
    /// `INVAL` for flags that do not exist.
    fn mode(&self) -> Result<OpenMode, i32> {
        fn known<T>(flags: Option<T>) -> Result<T, i32> {
            flags.ok_or(errno::INVAL)
        }
        let lookup = known(types::Lookupflags::from_bits(self.lookup))?;
        let open = known(u16::try_from(self.open).ok().and_then(types::Oflags::from_bits))?;
        let rights = known(types::Rights::from_bits(self.rights))?;
        let flags = known(u16::try_from(self.flags).ok().and_then(types::Fdflags::from_bits))?;
        let mut access = FileAccessMode::empty();
        for (right, mode) in
            [(types::Rights::FD_READ, FileAccessMode::READ), (types::Rights::FD_WRITE, FileAccessMode::WRITE)]
        {
            access.set(mode, rights.contains(right));
        }
        let follow = lookup.contains(types::Lookupflags::SYMLINK_FOLLOW);
        Ok(OpenMode { follow, open: (&open).into(), access, flags: flags.into() })
    }
}

/// A function of preview 1.
fn of_preview_1(id: FunctionId) -> Option<&'static Function> {
    Snapshot::Preview1.functions().iter().find(|function| function.id == id)
}

/// Size of the `fdstat` of WASI, in bytes.
const FDSTAT: usize = 24;

/// The type of a regular file in an `fdstat`
const REGULAR_FILE: u8 = 4;

//! An open file of a guest: a file of a preopen, or a descriptor of the host as a stream.

use crate::wasi::policy::{Opened, Policy};
use crate::wasi::waits::Waits;
use std::any::Any;
use std::io::SeekFrom;
#[cfg(not(unix))]
use std::io::{IoSlice, IoSliceMut};
use std::ops::Deref;
use std::sync::Arc;
#[cfg(unix)]
use std::sync::atomic::{AtomicBool, Ordering};
use wasi_common::file::{Advice, FdFlags, FileAccessMode, FileType, Filestat};
use wasi_common::{Error, ErrorExt, SystemTimeSpec, WasiFile};

/// Most bytes of one read or write. More would not be interruptible for long.
pub(in crate::wasi) const MOST: usize = 16 << 20;

/// Whether an open file is a stream of the host, which its guest shares with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// It is the guest's own
    Own,
    /// The host has it too: the guest changes neither its flags, its size nor its position
    Stream,
}

/// The state of an open file, which obeys the policy of its preopen and waits in slices.
pub struct OpenFile {
    pub(in crate::wasi) inner: Box<dyn WasiFile>,
    /// The descriptor of `inner`, which owns it
    #[cfg(unix)]
    pub(in crate::wasi) descriptor: std::os::fd::RawFd,
    pub(in crate::wasi) policy: Arc<Policy>,
    pub(in crate::wasi) waits: Arc<Waits>,
    pub(in crate::wasi) access: FileAccessMode,
    pub(in crate::wasi) sharing: Sharing,
    /// Whether a read or write may block
    #[cfg(unix)]
    pub(in crate::wasi) blocks: bool,
    /// Whether the guest wants `AGAIN` instead of a wait
    #[cfg(unix)]
    pub(in crate::wasi) is_nonblocking: AtomicBool,
    /// Whether the system may know how to write without waiting
    #[cfg(target_os = "linux")]
    pub(in crate::wasi) may_try: AtomicBool,
    #[expect(dead_code, reason = "held for its destructor")]
    pub(in crate::wasi) opened: Option<Opened>,
}

/// An open file, in the table of wasi-common and in ours. Only where the system reads and writes guest memory itself does
/// ours use it (`transfers.rs`).
#[derive(Clone)]
pub struct GuestFile(Arc<OpenFile>);

impl Deref for GuestFile {
    type Target = OpenFile;

    fn deref(&self) -> &OpenFile {
        &self.0
    }
}

impl GuestFile {
    /// The file with this state.
    pub fn new(state: OpenFile) -> Self {
        Self(Arc::new(state))
    }

    /// Refuses what would change a stream for the host too.
    fn check_own(&self) -> Result<(), Error> {
        if self.sharing == Sharing::Stream { Err(Error::badf()) } else { Ok(()) }
    }
}

#[cfg(not(unix))]
impl GuestFile {
    /// The part of `slices` that may be written now, and its size, which is taken from the policy.
    fn clip<'a>(&self, slices: &'a [IoSlice<'_>]) -> Result<(Vec<IoSlice<'a>>, u64), Error> {
        self.policy.check_writable()?;
        let wanted = slices.iter().map(|slice| slice.len()).sum::<usize>().min(MOST);
        let size = self.policy.take_bytes(wanted as u64)?;
        let mut left = size as usize;
        let clipped = slices.iter().map_while(|slice| {
            let part = slice.len().min(left);
            left -= part;
            (part > 0 || slice.is_empty()).then(|| IoSlice::new(&slice[..part]))
        });
        Ok((clipped.collect(), size))
    }

    /// Ends a write of `size` bytes, of which some may not have been written.
    fn written(&self, size: u64, result: Result<u64, Error>) -> Result<u64, Error> {
        self.policy.give_back(size - result.as_ref().copied().unwrap_or(0).min(size));
        result
    }
}

/// Sets the flags of an open file.
#[cfg(unix)]
pub(in crate::wasi) fn set_flags(descriptor: std::os::fd::RawFd, flags: FdFlags) -> std::io::Result<()> {
    let mut raw = 0;
    for (flag, system) in [(FdFlags::APPEND, libc::O_APPEND), (FdFlags::NONBLOCK, libc::O_NONBLOCK)] {
        if flags.contains(flag) {
            raw |= system;
        }
    }
    // SAFETY: these flags change nothing in memory.
    if unsafe { libc::fcntl(descriptor, libc::F_SETFL, raw) } < 0 {
        return Err(std::io::Error::last_os_error());
    }
    Ok(())
}

/// Whether reads and writes of a file may block. `device` is the number of the device that it is, else 0.
#[cfg(unix)]
pub(in crate::wasi) fn may_block(is_regular: bool, device: u64) -> bool {
    // `/dev/null`, `/dev/zero` and `/dev/full`
    #[cfg(target_os = "linux")]
    if [3, 5, 7].iter().any(|minor| device == libc::makedev(1, *minor)) {
        return false;
    }
    #[cfg(not(target_os = "linux"))]
    let _ = device;
    !is_regular
}

#[wiggle::async_trait]
impl WasiFile for GuestFile {
    fn as_any(&self) -> &dyn Any {
        self
    }

    async fn get_filetype(&self) -> Result<FileType, Error> {
        self.inner.get_filetype().await
    }

    #[cfg(unix)]
    fn pollable(&self) -> Option<std::os::fd::BorrowedFd<'_>> {
        self.inner.pollable()
    }

    fn isatty(&self) -> bool {
        self.inner.isatty()
    }

    async fn datasync(&self) -> Result<(), Error> {
        self.inner.datasync().await
    }

    async fn sync(&self) -> Result<(), Error> {
        self.inner.sync().await
    }

    async fn get_fdflags(&self) -> Result<FdFlags, Error> {
        let flags = self.inner.get_fdflags().await?;
        // A file is opened without waiting, and may stay so.
        #[cfg(unix)]
        if self.sharing == Sharing::Own && !self.is_nonblocking.load(Ordering::Relaxed) {
            return Ok(flags & !FdFlags::NONBLOCK);
        }
        Ok(flags)
    }

    #[cfg(unix)]
    async fn set_fdflags(&mut self, flags: FdFlags) -> Result<(), Error> {
        self.check_own()?;
        if flags.intersects(FdFlags::DSYNC | FdFlags::SYNC | FdFlags::RSYNC) {
            return Err(Error::invalid_argument());
        }
        set_flags(self.descriptor, flags)?;
        self.is_nonblocking.store(flags.contains(FdFlags::NONBLOCK), Ordering::Relaxed);
        Ok(())
    }

    #[cfg(not(unix))]
    async fn set_fdflags(&mut self, flags: FdFlags) -> Result<(), Error> {
        self.check_own()?;
        Arc::get_mut(&mut self.0).ok_or_else(Error::not_supported)?.inner.set_fdflags(flags).await
    }

    async fn get_filestat(&self) -> Result<Filestat, Error> {
        self.inner.get_filestat().await
    }

    async fn set_filestat_size(&self, size: u64) -> Result<(), Error> {
        self.check_own()?;
        self.policy.check_writable()?;
        let grown = size.saturating_sub(self.inner.get_filestat().await?.size);
        let taken = self.policy.take_bytes(grown)?;
        if taken < grown {
            self.policy.give_back(taken);
            return Err(wasi_common::snapshots::preview_1::types::Errno::Nospc.into());
        }
        self.inner.set_filestat_size(size).await.inspect_err(|_| self.policy.give_back(taken))
    }

    async fn advise(&self, offset: u64, length: u64, advice: Advice) -> Result<(), Error> {
        self.inner.advise(offset, length, advice).await
    }

    async fn set_times(&self, accessed: Option<SystemTimeSpec>, modified: Option<SystemTimeSpec>) -> Result<(), Error> {
        self.check_own()?;
        self.policy.check_writable()?;
        self.inner.set_times(accessed, modified).await
    }

    #[cfg(not(unix))]
    async fn read_vectored<'a>(&self, slices: &mut [IoSliceMut<'a>]) -> Result<u64, Error> {
        match slices {
            [slice] if slice.len() > MOST => self.inner.read_vectored(&mut [IoSliceMut::new(&mut slice[..MOST])]).await,
            slices => self.inner.read_vectored(slices).await,
        }
    }

    #[cfg(not(unix))]
    async fn read_vectored_at<'a>(&self, slices: &mut [IoSliceMut<'a>], offset: u64) -> Result<u64, Error> {
        match slices {
            [slice] if slice.len() > MOST => {
                self.inner.read_vectored_at(&mut [IoSliceMut::new(&mut slice[..MOST])], offset).await
            }
            slices => self.inner.read_vectored_at(slices, offset).await,
        }
    }

    #[cfg(not(unix))]
    async fn write_vectored<'a>(&self, slices: &[IoSlice<'a>]) -> Result<u64, Error> {
        let (slices, size) = self.clip(slices)?;
        self.written(size, self.inner.write_vectored(&slices).await)
    }

    #[cfg(not(unix))]
    async fn write_vectored_at<'a>(&self, slices: &[IoSlice<'a>], offset: u64) -> Result<u64, Error> {
        if self.sharing == Sharing::Stream {
            return Err(Error::seek_pipe());
        }
        let (slices, size) = self.clip(slices)?;
        self.written(size, self.inner.write_vectored_at(&slices, offset).await)
    }

    async fn seek(&self, position: SeekFrom) -> Result<u64, Error> {
        if self.sharing == Sharing::Stream {
            return Err(Error::seek_pipe());
        }
        self.inner.seek(position).await
    }

    async fn peek(&self, buffer: &mut [u8]) -> Result<u64, Error> {
        self.inner.peek(buffer).await
    }

    fn num_ready_bytes(&self) -> Result<u64, Error> {
        self.inner.num_ready_bytes()
    }
}

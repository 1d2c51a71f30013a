//! An open file of a guest: a file of a preopen, or a descriptor of the host as a stream.

use crate::wasi::policy::{Opened, Policy};
use crate::wasi::waits::Waits;
use std::any::Any;
use std::io::{IoSlice, IoSliceMut, SeekFrom};
use std::sync::Arc;
use wasi_common::file::{Advice, FdFlags, FileType, Filestat};
use wasi_common::{Error, ErrorExt, SystemTimeSpec, WasiFile};

/// Most bytes of one read or write. More would not be interruptible for long.
const MOST: usize = 16 << 20;

/// Most bytes that are written at once to what may block: a pipe that is ready takes as many.
const MOST_BLOCKING: usize = 4096;

/// Whether an open file is a stream of the host, which its guest shares with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// It is the guest's own
    Own,
    /// The host has it too: the guest changes neither its flags, its size nor its position
    Stream,
}

/// A file that obeys the policy of its preopen, and that waits in slices.
pub struct GuestFile {
    pub(in crate::wasi) inner: Box<dyn WasiFile>,
    pub(in crate::wasi) policy: Arc<Policy>,
    pub(in crate::wasi) waits: Arc<Waits>,
    pub(in crate::wasi) sharing: Sharing,
    /// Whether a read or write may block
    pub(in crate::wasi) blocks: bool,
    /// Whether the guest wants `AGAIN` instead of a wait
    pub(in crate::wasi) is_nonblocking: bool,
    #[expect(dead_code, reason = "held for its destructor")]
    pub(in crate::wasi) opened: Option<Opened>,
}

impl GuestFile {
    /// Waits until a read (`POLLIN`) or a write (`POLLOUT`) does not block.
    ///
    /// # Errors
    /// "Not yet".
    #[cfg(unix)]
    fn wait(&self, events: i16) -> Result<(), Error> {
        use std::os::fd::AsRawFd;
        let Some(fd) = self.inner.pollable().filter(|_| self.blocks && !self.is_nonblocking) else { return Ok(()) };
        let mut descriptors = [libc::pollfd { fd: fd.as_raw_fd(), events, revents: 0 }];
        crate::wasi::waits::poll(&mut descriptors, None)?;
        if descriptors[0].revents == 0 { Err(self.waits.not_yet()) } else { Ok(()) }
    }

    fn wait_to_read(&self) -> Result<(), Error> {
        #[cfg(unix)]
        self.wait(libc::POLLIN)?;
        Ok(())
    }

    fn wait_to_write(&self) -> Result<(), Error> {
        #[cfg(unix)]
        self.wait(libc::POLLOUT)?;
        Ok(())
    }

    /// The part of `slices` that may be written now, and its size, which is taken from the policy.
    fn clip<'a>(&self, slices: &'a [IoSlice<'_>]) -> Result<(Vec<IoSlice<'a>>, u64), Error> {
        self.policy.check_writable()?;
        let most = if self.blocks { MOST_BLOCKING } else { MOST };
        let wanted = slices.iter().map(|slice| slice.len()).sum::<usize>().min(most);
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

    /// Refuses what would change a stream for the host too.
    fn check_own(&self) -> Result<(), Error> {
        if self.sharing == Sharing::Stream { Err(Error::badf()) } else { Ok(()) }
    }
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
        self.inner.get_fdflags().await
    }

    async fn set_fdflags(&mut self, flags: FdFlags) -> Result<(), Error> {
        self.check_own()?;
        self.inner.set_fdflags(flags).await?;
        self.is_nonblocking = flags.contains(FdFlags::NONBLOCK);
        Ok(())
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

    async fn read_vectored<'a>(&self, slices: &mut [IoSliceMut<'a>]) -> Result<u64, Error> {
        self.wait_to_read()?;
        match slices {
            [slice] if slice.len() > MOST => self.inner.read_vectored(&mut [IoSliceMut::new(&mut slice[..MOST])]).await,
            slices => self.inner.read_vectored(slices).await,
        }
    }

    async fn read_vectored_at<'a>(&self, slices: &mut [IoSliceMut<'a>], offset: u64) -> Result<u64, Error> {
        match slices {
            [slice] if slice.len() > MOST => {
                self.inner.read_vectored_at(&mut [IoSliceMut::new(&mut slice[..MOST])], offset).await
            }
            slices => self.inner.read_vectored_at(slices, offset).await,
        }
    }

    async fn write_vectored<'a>(&self, slices: &[IoSlice<'a>]) -> Result<u64, Error> {
        self.wait_to_write()?;
        let (slices, size) = self.clip(slices)?;
        self.written(size, self.inner.write_vectored(&slices).await)
    }

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

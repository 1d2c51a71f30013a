//! The standard streams of a guest: descriptors of the host, bytes in memory, or chunks for the host.

use crate::wasi::descriptors::Descriptor;
use crate::wasi::file::{GuestFile, OpenFile, Sharing};
use crate::wasi::policy::Policy;
use crate::wasi::waits::Waits;
use std::io::{self, Cursor, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use wasi_common::file::FileAccessMode;
use wasi_common::pipe::{ReadPipe, WritePipe};
use wasi_common::{WasiCtx, WasiFile};

/// Most bytes of one chunk.
const MOST: usize = 16 << 20;

/// A standard stream.
pub enum Stream {
    /// A descriptor of the host
    Descriptor(i32),
    /// Bytes to read
    Bytes(Vec<u8>),
    /// Chunks that the host takes from the outbox
    Chunks,
    /// Nothing: reads end, writes are dropped
    Nothing,
}

/// What the guest has written to streams of chunks, until the host takes it.
#[derive(Default)]
pub struct Outbox {
    is_full: AtomicBool,
    chunks: Mutex<Vec<Chunk>>,
}

/// Bytes that the guest has written to a stream by one call.
pub struct Chunk {
    /// 1 for stdout, 2 for stderr
    pub stream: u32,
    /// The bytes
    pub bytes: Vec<u8>,
}

impl Outbox {
    /// Whether there is anything to take.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.is_full.load(Ordering::Relaxed)
    }

    /// Takes all chunks.
    pub fn take(&self) -> Vec<Chunk> {
        self.is_full.store(false, Ordering::Relaxed);
        std::mem::take(&mut *self.chunks.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Writes to an outbox.
struct StreamWriter {
    stream: u32,
    outbox: Arc<Outbox>,
}

impl Write for StreamWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[io::IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, slices: &[io::IoSlice<'_>]) -> io::Result<usize> {
        let size = slices.iter().map(|slice| slice.len()).sum::<usize>().min(MOST);
        if size == 0 {
            return Ok(0);
        }
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(size)?;
        for slice in slices {
            bytes.extend_from_slice(&slice[..slice.len().min(size - bytes.len())]);
        }
        self.outbox.chunks.lock().unwrap_or_else(PoisonError::into_inner).push(Chunk { stream: self.stream, bytes });
        self.outbox.is_full.store(true, Ordering::Relaxed);
        Ok(size)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Stream {
    /// The file of the guest's descriptor `number`: 0 to read, 1 and 2 to write. `context` gets it.
    ///
    /// # Errors
    /// Those of the system, for a descriptor that is not open.
    pub fn give(
        self,
        number: u32,
        context: &WasiCtx,
        waits: &Arc<Waits>,
        outbox: &Arc<Outbox>,
    ) -> io::Result<Descriptor> {
        let access = if number == 0 { FileAccessMode::READ } else { FileAccessMode::WRITE };
        let in_memory: Box<dyn WasiFile> = match self {
            Self::Descriptor(fd) => {
                let file = GuestFile::new(of_host(fd, access, waits)?);
                context.insert_file(number, Box::new(file.clone()), access);
                return Ok(if cfg!(unix) { Descriptor::File(file) } else { Descriptor::Foreign });
            }
            Self::Bytes(bytes) if number == 0 => Box::new(ReadPipe::new(Cursor::new(bytes))),
            Self::Chunks if number > 0 => {
                Box::new(WritePipe::new(StreamWriter { stream: number, outbox: outbox.clone() }))
            }
            _ if number == 0 => Box::new(ReadPipe::new(io::empty())),
            _ => Box::new(WritePipe::new(io::sink())),
        };
        context.insert_file(number, in_memory, access);
        Ok(Descriptor::Foreign)
    }
}

/// A copy of a descriptor of the host: if the host closes its own, the number may come to mean another file.
#[cfg(unix)]
fn of_host(fd: i32, access: FileAccessMode, waits: &Arc<Waits>) -> io::Result<OpenFile> {
    use crate::wasi::file::may_block;
    use std::os::fd::FromRawFd;
    use std::os::unix::fs::MetadataExt;
    // SAFETY: the call only makes a new descriptor, or fails.
    let copy = unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 3) };
    if copy < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new, and nothing else owns it.
    let file = unsafe { std::fs::File::from_raw_fd(copy) };
    let metadata = file.metadata()?;
    Ok(OpenFile {
        inner: Box::new(wasi_common::sync::file::File::from_cap_std(cap_std::fs::File::from_std(file))),
        descriptor: copy,
        policy: Policy::new(false, None, None),
        waits: waits.clone(),
        access,
        sharing: Sharing::Stream,
        blocks: may_block(metadata.is_file(), metadata.rdev()),
        is_nonblocking: AtomicBool::new(false),
        #[cfg(target_os = "linux")]
        may_try: AtomicBool::new(true),
        opened: None,
    })
}

#[cfg(not(unix))]
fn of_host(fd: i32, access: FileAccessMode, waits: &Arc<Waits>) -> io::Result<OpenFile> {
    use wasi_common::sync::stdio;
    let inner: Box<dyn WasiFile> = match fd {
        0 => Box::new(stdio::stdin()),
        1 => Box::new(stdio::stdout()),
        2 => Box::new(stdio::stderr()),
        _ => return Err(io::Error::from(io::ErrorKind::Unsupported)),
    };
    let (policy, waits) = (Policy::new(false, None, None), waits.clone());
    Ok(OpenFile { inner, policy, waits, access, sharing: Sharing::Stream, opened: None })
}

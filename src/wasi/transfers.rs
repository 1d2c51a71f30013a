//! Reads and writes of open files, between the system and the guest's memory: no bytes are copied on the way.

use crate::wasi::errno;
use crate::wasi::file::{MOST, OpenFile, Sharing};
use crate::wasi::guest_bytes::GuestBytes;
use crate::wasi::waits;
use std::io;
use std::sync::atomic::Ordering;
use wasi_common::file::FileAccessMode;
use wasi_common::{Error, ErrorExt};

/// Most bytes that are written at once to what may block: a pipe that is ready takes as many.
const MOST_BLOCKING: usize = 4096;

/// Size of a vector in guest memory, in bytes.
const VECTOR: u32 = 8;

/// Vectors that need no allocation.
const FEW: usize = 8;

const EMPTY: libc::iovec = libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 };

/// Which way the bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Into guest memory
    Read,
    /// Out of guest memory
    Write,
}

/// A read or write: the arguments of `fd_read` and its like.
pub struct Transfer {
    /// Which way
    pub direction: Direction,
    /// Address of the vectors
    pub vectors: u32,
    /// Number of vectors
    pub count: u32,
    /// Position in the file; none for the file's own, which then moves
    pub offset: Option<u64>,
    /// Address for the number of bytes
    pub to: u32,
}

impl Transfer {
    /// Makes it. Returns an errno.
    pub fn run(&self, file: &OpenFile, bytes: &mut GuestBytes) -> i32 {
        let mut few = [EMPTY; FEW];
        let mut many = Vec::new();
        let vectors = match few.get_mut(..self.count as usize) {
            Some(few) => few,
            None => {
                many.resize(self.count as usize, EMPTY);
                &mut many[..]
            }
        };
        if !bytes.has(self.to, 4) {
            return errno::FAULT;
        }
        for (index, vector) in (0..).zip(vectors.iter_mut()) {
            let found = || bytes.vector(self.vectors.checked_add(index * VECTOR)?);
            let Some((base, length)) = found() else { return errno::FAULT };
            *vector = libc::iovec { iov_base: base.cast(), iov_len: length };
        }
        let moved = match self.direction {
            Direction::Read => file.read(vectors, self.offset),
            Direction::Write => file.write(vectors, self.offset),
        };
        match moved {
            Ok(size) => bytes.write(self.to, &(size as u32).to_le_bytes()),
            Err(error) => errno::of(error),
        }
    }
}

/// Shortens vectors to `most` bytes in total. Returns the ones with bytes, and their total.
fn clip(vectors: &mut [libc::iovec], most: usize) -> (&mut [libc::iovec], usize) {
    let (mut total, mut used) = (0, 0);
    for index in 0..vectors.len() {
        let length = vectors[index].iov_len.min(most - total);
        if length > 0 {
            vectors[used] = libc::iovec { iov_len: length, ..vectors[index] };
            used += 1;
            total += length;
        }
    }
    (&mut vectors[..used], total)
}

/// The result of a call of the system.
fn checked(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

impl OpenFile {
    /// Reads. The vectors are within guest memory.
    fn read(&self, vectors: &mut [libc::iovec], offset: Option<u64>) -> Result<usize, Error> {
        if !self.access.contains(FileAccessMode::READ) {
            return Err(Error::badf());
        }
        let (vectors, total) = clip(vectors, MOST);
        if total == 0 {
            return Ok(0);
        }
        let fd = self.descriptor;
        if let Some(offset) = offset {
            return Ok(at_position(Direction::Read, fd, vectors, offset)?);
        }
        if !self.waits_before() {
            return self.again(fd, libc::POLLIN, now(Direction::Read, fd, vectors));
        }
        self.wait(fd, libc::POLLIN)?;
        // Another reader may have been faster.
        let result = self.try_now(Direction::Read, fd, vectors).unwrap_or_else(|| now(Direction::Read, fd, vectors));
        self.again(fd, libc::POLLIN, result)
    }

    /// Writes. The vectors are within guest memory.
    fn write(&self, vectors: &mut [libc::iovec], offset: Option<u64>) -> Result<usize, Error> {
        if !self.access.contains(FileAccessMode::WRITE) {
            return Err(Error::badf());
        }
        if offset.is_some() && self.sharing == Sharing::Stream {
            return Err(Error::seek_pipe());
        }
        self.policy.check_writable()?;
        let (vectors, wanted) = clip(vectors, MOST);
        if wanted == 0 {
            return Ok(0);
        }
        let size = self.policy.take_bytes(wanted as u64)?;
        let vectors = if size < wanted as u64 { clip(vectors, size as usize).0 } else { vectors };
        let result = match offset {
            Some(offset) => at_position(Direction::Write, self.descriptor, vectors, offset).map_err(Error::from),
            None => self.write_on(self.descriptor, vectors),
        };
        self.policy.give_back(size - result.as_ref().map_or(0, |written| *written as u64));
        result
    }

    /// Writes at the file's own position.
    fn write_on(&self, fd: i32, vectors: &mut [libc::iovec]) -> Result<usize, Error> {
        if !self.waits_before() {
            return self.again(fd, libc::POLLOUT, now(Direction::Write, fd, vectors));
        }
        match self.try_now(Direction::Write, fd, vectors) {
            Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {}
            Some(result) => return self.again(fd, libc::POLLOUT, result),
            None => {}
        }
        self.wait(fd, libc::POLLOUT)?;
        let (vectors, _) = clip(vectors, MOST_BLOCKING);
        self.again(fd, libc::POLLOUT, now(Direction::Write, fd, vectors))
    }

    /// Moves the file's own position; `whence` is 0 from its begin, 1 from where it stands, 2 from its end.
    ///
    /// # Errors
    /// An errno.
    pub fn seek_to(&self, offset: i64, whence: u32) -> Result<u64, i32> {
        let whence = *[libc::SEEK_SET, libc::SEEK_CUR, libc::SEEK_END].get(whence as usize).ok_or(errno::INVAL)?;
        if self.sharing == Sharing::Stream {
            return Err(errno::of(Error::seek_pipe()));
        }
        // SAFETY: the call changes nothing in memory.
        let position = unsafe { libc::lseek(self.descriptor, offset as libc::off_t, whence) };
        u64::try_from(position).map_err(|_| errno::of(io::Error::last_os_error().into()))
    }

    /// Whether a read or write must not be made before it is known not to wait.
    fn waits_before(&self) -> bool {
        self.blocks && !self.is_nonblocking.load(Ordering::Relaxed)
    }

    /// Waits until a read (`POLLIN`) or a write (`POLLOUT`) does not block.
    ///
    /// # Errors
    /// "Not yet".
    fn wait(&self, fd: i32, events: i16) -> Result<(), Error> {
        let mut descriptors = [libc::pollfd { fd, events, revents: 0 }];
        waits::poll(&mut descriptors, None)?;
        if descriptors[0].revents == 0 { Err(self.waits.not_yet()) } else { Ok(()) }
    }

    /// The result of a read or write. One that a signal has ended, or that had to wait after all, is made again.
    fn again(&self, fd: i32, events: i16, result: io::Result<usize>) -> Result<usize, Error> {
        match result {
            Ok(size) => Ok(size),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Err(self.waits.not_yet()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && !self.is_nonblocking.load(Ordering::Relaxed) => {
                self.wait(fd, events)?;
                // `poll` says that it is ready: it may say so for ever.
                std::thread::sleep(std::time::Duration::from_millis(1).min(crate::store::wait_slice()));
                Err(self.waits.not_yet())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A read or write that does not wait; none where the system cannot do that.
    #[cfg(target_os = "linux")]
    fn try_now(&self, direction: Direction, fd: i32, vectors: &[libc::iovec]) -> Option<io::Result<usize>> {
        if !self.may_try.load(Ordering::Relaxed) {
            return None;
        }
        let call = match direction {
            Direction::Read => libc::SYS_preadv2,
            Direction::Write => libc::SYS_pwritev2,
        };
        // SAFETY: the vectors are within guest memory. A position of -1 is the file's own.
        let result =
            unsafe { libc::syscall(call, fd, vectors.as_ptr(), vectors.len(), -1_i64, -1_i64, libc::RWF_NOWAIT) };
        let result = checked(result as isize);
        match result.as_ref().map_err(io::Error::raw_os_error) {
            // The system, or this kind of file, cannot.
            Err(Some(libc::EOPNOTSUPP | libc::ENOSYS | libc::EINVAL | libc::ESPIPE | libc::EPERM)) => {
                self.may_try.store(false, Ordering::Relaxed);
                None
            }
            _ => Some(result),
        }
    }

    #[cfg(not(target_os = "linux"))]
    #[expect(clippy::unused_self, reason = "Linux uses it")]
    fn try_now(&self, _direction: Direction, _fd: i32, _vectors: &[libc::iovec]) -> Option<io::Result<usize>> {
        None
    }
}

/// Reads or writes at the file's own position.
fn now(direction: Direction, fd: i32, vectors: &[libc::iovec]) -> io::Result<usize> {
    let count = vectors.len() as i32;
    // SAFETY: the vectors are within guest memory. If another thread of the guest uses the same bytes, that is a race of the
    // guest with itself.
    checked(unsafe {
        match (direction, vectors) {
            (Direction::Read, [one]) => libc::read(fd, one.iov_base, one.iov_len),
            (Direction::Read, _) => libc::readv(fd, vectors.as_ptr(), count),
            (Direction::Write, [one]) => libc::write(fd, one.iov_base, one.iov_len),
            (Direction::Write, _) => libc::writev(fd, vectors.as_ptr(), count),
        }
    })
}

/// Reads or writes at a position. There is at least one vector.
fn at_position(direction: Direction, fd: i32, vectors: &[libc::iovec], offset: u64) -> io::Result<usize> {
    let offset = libc::off_t::try_from(offset).map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    // SAFETY: as in `now`.
    checked(unsafe {
        match (direction, vectors) {
            #[cfg(target_os = "linux")]
            (Direction::Read, [_, _, ..]) => libc::preadv(fd, vectors.as_ptr(), vectors.len() as i32, offset),
            #[cfg(target_os = "linux")]
            (Direction::Write, [_, _, ..]) => libc::pwritev(fd, vectors.as_ptr(), vectors.len() as i32, offset),
            (Direction::Read, _) => libc::pread(fd, vectors[0].iov_base, vectors[0].iov_len, offset),
            (Direction::Write, _) => libc::pwrite(fd, vectors[0].iov_base, vectors[0].iov_len, offset),
        }
    })
}

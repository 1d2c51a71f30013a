//! The errnos of WASI that this room returns itself, and the errno of each error.

use std::io;
use wasi_common::Error;
use wasi_common::snapshots::preview_1::types::Errno;
use wiggle::{GuestError, anyhow};

/// Success
pub const SUCCESS: i32 = 0;
/// No such descriptor, or not open for this
pub const BADF: i32 = 8;
/// In use
pub const BUSY: i32 = 10;
/// An address outside the memory
pub const FAULT: i32 = 21;
/// Text that is not UTF-8
pub const ILSEQ: i32 = 25;
/// The wasm must stop
pub const INTR: i32 = 27;
/// The system failed
pub const IO: i32 = 29;
/// An argument that the function does not take
pub const INVAL: i32 = 28;
/// No folder
pub const NOTDIR: i32 = 54;
/// No socket
pub const NOTSOCK: i32 = 57;
/// Not supported
pub const NOTSUP: i32 = 58;
/// A number that is too large
pub const OVERFLOW: i32 = 61;
/// A right that the descriptor has not
pub const NOTCAPABLE: i32 = 76;

/// The errno of an error of wasi-common.
#[cold]
pub fn of(error: Error) -> i32 {
    error.downcast().map_or_else(|fault| of_fault(&fault).unwrap_or(IO), number)
}

/// The number of an errno.
pub fn number(errno: Errno) -> i32 {
    u16::from(errno).into()
}

/// The errno of what wasi-common takes for a fault: an argument that wiggle refuses, or an error of the system that it does
/// not know. None for others.
#[cold]
pub fn of_fault(fault: &anyhow::Error) -> Option<i32> {
    if let Some(refused) = fault.downcast_ref() {
        return Some(of_refused_argument(refused));
    }
    let unknown = fault.chain().find_map(|cause| cause.downcast_ref::<io::Error>())?;
    Some(unknown.raw_os_error().map_or(IO, of_raw))
}

/// The errno for an argument that wiggle refuses.
fn of_refused_argument(error: &GuestError) -> i32 {
    match error {
        GuestError::InFunc { err, .. } => of_refused_argument(err),
        GuestError::PtrOverflow | GuestError::PtrOutOfBounds(_) | GuestError::SliceLengthsDiffer => FAULT,
        GuestError::InvalidUtf8(_) => ILSEQ,
        GuestError::TryFromIntError(_) => OVERFLOW,
        GuestError::InvalidFlagValue(_) | GuestError::InvalidEnumValue(_) | GuestError::PtrNotAligned(..) => INVAL,
    }
}

/// The errno of a number of the system that wasi-common does not translate.
#[cfg(unix)]
fn of_raw(raw: i32) -> i32 {
    let errno = match raw {
        libc::EBADMSG => Errno::Badmsg,
        libc::ECHILD => Errno::Child,
        libc::EDEADLK => Errno::Deadlk,
        libc::EDOM => Errno::Dom,
        libc::EMULTIHOP => Errno::Multihop,
        libc::ENODEV => Errno::Nodev,
        libc::ENOEXEC => Errno::Noexec,
        libc::ENOLCK => Errno::Nolck,
        libc::ENOLINK => Errno::Nolink,
        libc::ENOMSG => Errno::Nomsg,
        libc::ENOSYS => Errno::Nosys,
        libc::ENOTTY => Errno::Notty,
        libc::ENXIO => Errno::Nxio,
        libc::EPROTO => Errno::Proto,
        libc::ERANGE => Errno::Range,
        libc::EROFS => Errno::Rofs,
        libc::ESRCH => Errno::Srch,
        libc::ETXTBSY => Errno::Txtbsy,
        libc::EXDEV => Errno::Xdev,
        _ => Errno::Io,
    };
    number(errno)
}

#[cfg(not(unix))]
fn of_raw(_raw: i32) -> i32 {
    IO
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn every_number_of_the_system_is_an_errno() {
        for raw in 1..200 {
            let errno = of(io::Error::from_raw_os_error(raw).into());
            assert!((1..=76).contains(&errno), "{raw} is {errno}");
        }
        let known = [(libc::ENXIO, 60), (libc::EXDEV, 75), (libc::EROFS, 69), (libc::ENOENT, 44), (libc::EAGAIN, 6)];
        for (raw, errno) in known {
            assert_eq!(of(io::Error::from_raw_os_error(raw).into()), errno);
        }
    }
}

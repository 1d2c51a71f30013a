//! The limits of this process for address space and data, and what it has taken of them.

#[cfg(target_os = "linux")]
use std::fs::File;
#[cfg(target_os = "linux")]
use std::os::unix::fs::FileExt;
#[cfg(target_os = "linux")]
use std::sync::OnceLock;

/// Address space of today's processors in bytes. A limit from here on limits nothing.
#[cfg(unix)]
const ALL: u64 = 1 << 47;

/// Whether the address space of this process is limited (`RLIMIT_AS`).
#[cfg(unix)]
pub(in crate::engine) fn is_limited() -> bool {
    limit(libc::RLIMIT_AS) < ALL
}

#[cfg(not(unix))]
pub(in crate::engine) fn is_limited() -> bool {
    false
}

/// Whether `bytes` more would stay within the limits. Nothing is mapped to find out: other threads could find no room
/// meanwhile.
#[cfg(target_os = "linux")]
pub(in crate::engine) fn allow(bytes: usize) -> bool {
    let (addresses, data) = (limit(libc::RLIMIT_AS), limit(libc::RLIMIT_DATA));
    if addresses >= ALL && data >= ALL {
        return true;
    }
    share_arenas(addresses);
    let Some((mapped, written)) = taken() else { return true };
    let fits = |taken: u64, limit: u64| taken.saturating_add(bytes as u64) <= limit;
    fits(mapped, addresses) && fits(written, data)
}

#[cfg(not(target_os = "linux"))]
pub(in crate::engine) fn allow(_bytes: usize) -> bool {
    true
}

/// A limit in bytes.
#[cfg(unix)]
fn limit(resource: RlimitResource) -> u64 {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is valid for the write.
    let known = unsafe { libc::getrlimit(resource, &raw mut limit) } == 0;
    if known { limit.rlim_cur } else { u64::MAX }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
type RlimitResource = libc::__rlimit_resource_t;
#[cfg(all(unix, not(all(target_os = "linux", target_env = "gnu"))))]
type RlimitResource = libc::c_int;

/// Address space and data of this process, in bytes, as the system counts them against the limits; the data includes
/// the main thread's stack.
#[cfg(target_os = "linux")]
fn taken() -> Option<(u64, u64)> {
    static STATM: OnceLock<Option<File>> = OnceLock::new();
    let file = STATM.get_or_init(|| File::open("/proc/self/statm").ok()).as_ref()?;
    let mut bytes = [0; 128];
    let length = file.read_at(&mut bytes, 0).ok()?;
    let mut fields = bytes[..length].split(|byte| *byte == b' ').map(|field| {
        let digits = field.iter().take_while(|byte| byte.is_ascii_digit());
        digits.fold(0_u64, |number, digit| number * 10 + u64::from(digit - b'0'))
    });
    // SAFETY: the call has no preconditions.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as u64;
    let (mapped, written) = (fields.next()?, fields.nth(4)?);
    Some((mapped * page, written * page))
}

/// With less address space than this, in bytes, threads share the allocator's arenas. glibc otherwise reserves 64 MiB
/// for each thread that allocates, V8's threads too, which would leave no addresses for memories.
#[cfg(target_os = "linux")]
const NARROW: u64 = 16 << 30;

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn share_arenas(addresses: u64) {
    static ONCE: std::sync::Once = std::sync::Once::new();
    if addresses < NARROW {
        // SAFETY: `mallopt` has no preconditions. Threads keep the arenas that they have.
        ONCE.call_once(|| _ = unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) });
    }
}

#[cfg(all(target_os = "linux", not(target_env = "gnu")))]
fn share_arenas(_addresses: u64) {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use memmap2::MmapOptions;

    #[test]
    fn what_is_mapped_counts() {
        let before = taken().unwrap();
        let mapped = MmapOptions::new().len(1 << 30).map_anon().unwrap();
        let after = taken().unwrap();
        drop(mapped);
        // Other tests map and unmap meanwhile.
        let grown = |before: u64, after: u64| after.saturating_sub(before) > 1 << 29;
        assert!(grown(before.0, after.0) && grown(before.1, after.1), "{before:?} {after:?}");
    }
}

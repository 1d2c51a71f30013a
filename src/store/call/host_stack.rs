//! The host's stack, and how deep bridges may nest on it.

use crate::error::{Error, ErrorKind};
use crate::store::watch::record::{OUTSIDE, ThreadRecord};
use std::cell::OnceCell;
use std::rc::Rc;

/// Maximum bytes of the host's stack for nested calls through bridges, from JavaScript's last call into wasm.
const MOST: usize = 7 << 18;

/// Bytes of the stack that must be left for the functions that these call. Node leaves as much of a worker's stack when
/// it sets V8's stack limit.
const LEFT: usize = 192 << 10;

/// The host's stack of a thread: the position at which JavaScript last called into a store, and the end of the stack.
///
/// V8 checks the stack only in JavaScript, not in calls that bypass it. A store holds this, since a look-up of a
/// thread-local variable is a function call in a library that is loaded at run time.
#[derive(Clone)]
pub(in crate::store) struct HostStack {
    /// It has the position: the innermost call
    pub record: &'static ThreadRecord,
    /// Lowest address of the thread's stack, found on first use; 0 where the system does not tell it
    end: Rc<OnceCell<usize>>,
}

/// A call into wasm from JavaScript, until it is dropped.
pub(in crate::store) struct HostStackScope {
    record: &'static ThreadRecord,
    outer: usize,
}

thread_local! {
    static OF_THREAD: HostStack = HostStack { record: ThreadRecord::of_thread(), end: Rc::default() };
}

impl Default for HostStack {
    fn default() -> Self {
        OF_THREAD.with(Clone::clone)
    }
}

impl HostStack {
    /// Notes that JavaScript calls into wasm.
    #[inline]
    pub fn enter(&self) -> HostStackScope {
        HostStackScope { record: self.record, outer: self.record.set_entered_at(here()) }
    }

    /// Notes that JavaScript resumes a call into wasm.
    #[inline]
    pub fn enter_again(&self) {
        self.record.set_entered_at(here());
    }

    /// Ends a suspended scope.
    #[inline]
    pub fn end(&self, scope: OpenScope) {
        self.record.set_entered_at(scope.0);
    }

    /// Checks that enough stack is left for another call through a bridge.
    ///
    /// # Errors
    /// `Trap`, the same as at the end of a wasm stack.
    pub fn check(&self) -> Result<(), Error> {
        let here = here();
        let end = *self.end.get_or_init(|| end_of_stack().unwrap_or(0));
        if self.record.entered_at().saturating_sub(here) < MOST && here.saturating_sub(end) > LEFT {
            return Ok(());
        }
        let message = "call stack exhausted".to_owned();
        Err(ErrorKind::trap("stack-overflow", message, None).into())
    }
}

/// A suspended scope: it stays open, until `HostStack::end`.
pub struct OpenScope(usize);

impl HostStackScope {
    /// Keeps the scope open.
    #[inline]
    pub fn suspend(self) -> OpenScope {
        OpenScope(std::mem::ManuallyDrop::new(self).outer)
    }

    /// Whether no wasm of this thread was on the stack before this call.
    pub fn is_outermost(&self) -> bool {
        self.outer == OUTSIDE
    }
}

impl Drop for HostStackScope {
    #[inline]
    fn drop(&mut self) {
        self.record.set_entered_at(self.outer);
    }
}

/// An address on the stack.
#[inline]
fn here() -> usize {
    let marker = 0_u8;
    &raw const marker as usize
}

/// The lowest address of this thread's stack.
#[cfg(target_os = "linux")]
fn end_of_stack() -> Option<usize> {
    use std::{mem, ptr};
    let mut attributes = mem::MaybeUninit::uninit();
    let (mut low, mut size) = (ptr::null_mut(), 0);
    // SAFETY: `attributes` is written by the first call, read by the second and freed by the third.
    let is_known = unsafe {
        if libc::pthread_getattr_np(libc::pthread_self(), attributes.as_mut_ptr()) != 0 {
            return None;
        }
        let is_known = libc::pthread_attr_getstack(attributes.as_ptr(), &mut low, &mut size) == 0;
        libc::pthread_attr_destroy(attributes.as_mut_ptr());
        is_known
    };
    let low = is_known.then(|| low.expose_provenance())?;
    // SAFETY: both calls have no preconditions.
    let is_main = unsafe { libc::gettid() == libc::getpid() };
    if !(is_main && cfg!(target_env = "musl")) {
        return Some(low);
    }
    // For the main thread, musl returns the current extent of the stack, which may still grow.
    // SAFETY: `getrlimit` only writes to `limit`, and zero is a valid `rlimit`.
    let limit = unsafe {
        let mut limit = mem::zeroed::<libc::rlimit>();
        (libc::getrlimit(libc::RLIMIT_STACK, &mut limit) == 0).then_some(limit.rlim_cur)
    };
    let limit = usize::try_from(limit?).ok()?;
    (low + size).checked_sub(limit)
}

/// The lowest address of this thread's stack.
#[cfg(target_os = "macos")]
fn end_of_stack() -> Option<usize> {
    // SAFETY: the thread is the running one; the calls have no other preconditions.
    let (high, size) = unsafe {
        let thread = libc::pthread_self();
        (libc::pthread_get_stackaddr_np(thread), libc::pthread_get_stacksize_np(thread))
    };
    high.expose_provenance().checked_sub(size)
}

/// The lowest address of this thread's stack.
#[cfg(windows)]
fn end_of_stack() -> Option<usize> {
    #[link(name = "kernel32")]
    unsafe extern "system" {
        fn GetCurrentThreadStackLimits(low: *mut usize, high: *mut usize);
    }
    let (mut low, mut high) = (0, 0);
    // SAFETY: the call only writes to the two variables.
    unsafe { GetCurrentThreadStackLimits(&mut low, &mut high) };
    Some(low)
}

/// The lowest address of this thread's stack.
#[cfg(not(any(target_os = "linux", target_os = "macos", windows)))]
fn end_of_stack() -> Option<usize> {
    None
}

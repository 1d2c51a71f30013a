//! The guard of a wasm stack: setting it, and lending it to host code.

use crate::engine::LARGEST_FRAME;
use std::cell::Cell;
use std::ffi::c_void;
#[cfg(unix)]
use std::ptr;
use wasmer::sys::vm::TrapHandlerFn;

/// Stack sizes are multiples of this, in bytes; it is a multiple of every system's page size.
pub const UNIT: usize = 64 << 10;

/// Bytes of the guard that are lent to host code on the wasm stack. Host code must not end in a trap, since it may hold
/// locks. wasmer's library calls need little stack, but unwinding needs more.
pub const LENT: usize = 128 << 10;

/// Size of the guard in bytes. It must be larger than any step that code can make past the limit, or code would step
/// over it: a frame, plus the arguments of a call with a thousand parameters and results (at most a `UNIT`).
pub const GUARD: usize = LENT + LARGEST_FRAME + UNIT;

/// Value of a head while its guard is lent or being set; no size is equal to it.
#[cfg(unix)]
const UNSET: usize = 1;

/// A stack whose guard is set.
#[derive(Default)]
pub struct Guarded {
    /// Size for which the guard is set; 0 if it is not set, or no longer
    pub size: Cell<usize>,
    /// Length of the stack, in bytes
    pub mapped: Cell<usize>,
    pub head: Cell<usize>,
    /// Address at which the stack of the store ends
    pub limit: Cell<usize>,
    /// Who handles faults on another stack, on which the code of this one goes on meanwhile
    pub other: Cell<Option<OtherStack>>,
}

/// A stack that is no stack of wasmer's, and its handler of faults. A handler gets a signal's information and its context, and
/// returns whether it has handled the signal.
#[derive(Clone, Copy)]
pub struct OtherStack {
    pub data: *const c_void,
    #[cfg(unix)]
    pub handle: unsafe fn(*const c_void, *const libc::siginfo_t, *const c_void) -> bool,
}

impl Guarded {
    /// Whether the guard is set. It is not after a call that lent it to host code, until the stack is entered again.
    pub fn is_set(&self) -> bool {
        self.size.get() != 0
    }
}

#[cfg(unix)]
mod system {
    use super::*;
    use crate::engine::is_code;
    use crate::store::call::stack_bases::note_stack;

    /// Page size of the system, in bytes.
    pub fn page() -> usize {
        // SAFETY: the call has no preconditions.
        unsafe { libc::sysconf(libc::_SC_PAGESIZE) as usize }
    }

    /// Makes sure that the guard of a stack begins `size` bytes below `base`. Returns whether the system did it.
    ///
    /// # Safety
    /// This runs on the stack between `head` and `base`, and less of it is in use than the smallest stack that a store
    /// may ask for. The stack is long enough for `size` bytes and the guard.
    #[inline]
    pub unsafe fn ensure_guard(head: usize, base: usize, size: usize, page: usize) -> bool {
        let head = ptr::with_exposed_provenance_mut(head);
        // SAFETY: by the contract of this function. The head is below the guard, so no frame overlaps it.
        unsafe { *head == size || set_guard(head, base, size, page) }
    }

    /// Makes part of a stack inaccessible, or accessible again. Returns whether the system did it.
    ///
    /// # Safety
    /// `length` bytes from `begin` on are part of a stack; if they become inaccessible, they are not in use.
    pub unsafe fn protect(begin: usize, length: usize, is_guard: bool) -> bool {
        let protection = if is_guard { libc::PROT_NONE } else { libc::PROT_READ | libc::PROT_WRITE };
        // SAFETY: by the contract of this function.
        unsafe { libc::mprotect(ptr::with_exposed_provenance_mut(begin), length, protection) == 0 }
    }

    #[cold]
    unsafe fn set_guard(head: *mut usize, base: usize, size: usize, page: usize) -> bool {
        let bottom = head.addr() + page;
        // SAFETY: by the contract of `ensure_guard`: the part in use stays accessible.
        unsafe {
            let is_new = *head == 0;
            *head = UNSET;
            if !is_new && !protect(bottom, base - bottom, false) {
                return false;
            }
            if !protect(base - size - GUARD, GUARD, true) {
                return false;
            }
            *head = size;
        }
        note_stack(bottom, base);
        true
    }

    /// Runs `run` with a trap handler that lends the guard of `stack` to host code that reaches it.
    #[inline]
    pub fn lend_on_faults<T>(stack: &Guarded, run: impl FnOnce(Option<*const TrapHandlerFn<'static>>) -> T) -> T {
        let stack = ptr::from_ref(stack).expose_provenance();
        let handler = move |_: libc::c_int, info: *const libc::siginfo_t, context: *const libc::c_void| {
            // SAFETY: wasmer calls this for a signal during `run`, on its thread, so `stack` is alive. The system has
            // made the other pointers.
            unsafe { lend(&*ptr::with_exposed_provenance(stack), info, context) }
        };
        let handler: &TrapHandlerFn<'_> = &handler;
        // SAFETY: wasmer uses the handler only until `run` returns.
        let handler =
            unsafe { std::mem::transmute::<*const TrapHandlerFn<'_>, *const TrapHandlerFn<'static>>(handler) };
        run(Some(handler))
    }

    /// Lends the upper part of the guard to host code that has touched it. Returns whether it did: then the code goes
    /// on.
    ///
    /// # Safety
    /// The pointers are those of a signal during a call on `stack`.
    unsafe fn lend(stack: &Guarded, info: *const libc::siginfo_t, context: *const libc::c_void) -> bool {
        if let Some(OtherStack { data, handle }) = stack.other.get() {
            // SAFETY: who has set it keeps the data alive until the other stack gives control back or is unwound.
            if unsafe { handle(data, info, context) } {
                return true;
            }
        }
        let lent = stack.limit.get() - LENT.min(stack.limit.get())..stack.limit.get();
        // SAFETY: by the contract of this function. Both signals have an address in `siginfo_t`.
        let touched = unsafe {
            matches!((*info).si_signo, libc::SIGSEGV | libc::SIGBUS) && lent.contains(&((*info).si_addr() as usize))
        };
        // SAFETY: by the contract of this function.
        if !touched || stack.size.get() == 0 || unsafe { pc(context) }.is_none_or(is_code) {
            return false;
        }
        // The next call sets the guard again.
        stack.size.set(0);
        let head = ptr::with_exposed_provenance_mut::<usize>(stack.head.get());
        // SAFETY: the guard is set, so `head` is the address of the stack's head, and the pages are part of its guard.
        unsafe {
            *head = UNSET;
            protect(lent.start, LENT, false)
        }
    }

    /// Program counter at which the signal interrupted the code; none on systems where this is not implemented.
    #[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
    unsafe fn pc(context: *const libc::c_void) -> Option<usize> {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the system passes a `ucontext_t` to signal handlers.
        let pc = unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs[libc::REG_RIP as usize] as usize };
        #[cfg(target_arch = "aarch64")]
        // SAFETY: as above.
        let pc = unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.pc as usize };
        Some(pc)
    }

    #[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
    unsafe fn pc(_: *const libc::c_void) -> Option<usize> {
        None
    }
}

#[cfg(not(unix))]
mod system {
    use super::*;

    pub fn page() -> usize {
        4096
    }

    /// The system guards its stacks itself.
    pub unsafe fn ensure_guard(_head: usize, _base: usize, _size: usize, _page: usize) -> bool {
        true
    }

    /// The system guards its stacks itself.
    pub unsafe fn protect(_begin: usize, _length: usize, _is_guard: bool) -> bool {
        true
    }

    pub fn lend_on_faults<T>(_: &Guarded, run: impl FnOnce(Option<*const TrapHandlerFn<'static>>) -> T) -> T {
        run(None)
    }
}

pub use system::{ensure_guard, lend_on_faults, page, protect};

//! The stacks that wasm runs on: how deep a recursion may go on each, and what stops it there.
//!
//! wasmer maps a stack with one inaccessible page at its end, which a function with a larger frame steps over. So every
//! stack is mapped larger than a store asks for, and pages of it are made inaccessible here:
//!
//! ```text
//! base         +--------------------+
//!              | stack of the store |  `size` bytes
//! limit        +--------------------+
//!              | guard              |  inaccessible; its upper part is lent to host code
//!              +--------------------+
//!              | (unused)           |  where another store of the process asks for a larger stack
//! base - mapped+ head: `size` ------+  what the guard of this very stack is set for; 0 in a new one
//!              | page of wasmer's   |
//!              +--------------------+
//! ```
//!
//! Stacks are reused by all threads and stores. Which size the guard of a stack is set for is noted in the stack itself,
//! below the guard, where no wasm comes. All stacks have one length, so the head is found from the base alone.

use crate::engine::LARGEST_FRAME;
use crate::error::{Error, ErrorKind};
use crate::store::FuncRef;
use crate::store::call::trap::Failure;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, resume_unwind, set_hook, take_hook};
use std::ptr;
use std::rc::Rc;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use wasmer::sys::vm::{
    Trap, TrapHandlerFn, VMConfig, VMContext, VMFunctionBody, VMFunctionContext, VMTrampoline, wasmer_call_trampoline,
};
use wasmer_types::RawValue;

/// Sizes of stacks are multiples of this, as of the pages of all systems.
const UNIT: usize = 64 << 10;

/// What a store asks for without saying.
pub const DEFAULT_SIZE: usize = 1 << 20;

/// The smallest and the largest stack that a store may ask for (`stackSizes` in lib/api/store.js).
const SIZES: std::ops::RangeInclusive<usize> = UNIT..=64 << 20;

/// How much of the guard is lent to host code that runs on the stack of wasm: it must not end in a trap, since it may
/// hold locks. wasmer's library calls do not take much, but unwinding does.
const LENT: usize = 128 << 10;

/// The guard is larger than any step that code may make past the limit: a frame, and what calling with a thousand
/// parameters and results takes (the least unit of it); or else it would be stepped over.
const GUARD: usize = LENT + LARGEST_FRAME + UNIT;

/// What is mapped besides the stack of a store: the guard, and the page with the head.
const REST: usize = if cfg!(unix) { GUARD + UNIT } else { 0 };

/// Lengths of stacks are multiples of this.
const MAPPED_UNIT: usize = 1 << 20;

/// The length of the stacks that are mapped from now on, without wasmer's page. It only grows: with the largest stack that
/// a store has asked for.
static MAPPED: AtomicUsize = AtomicUsize::new(DEFAULT_SIZE + REST);

/// What a head says while its guard is lent, or is being set: no size.
#[cfg(unix)]
const UNSET: usize = 1;

/// The stacks that the calls of a store run on.
#[derive(Clone)]
pub(in crate::store) struct WasmStack {
    size: usize,
    page: usize,
    /// The stack that wasmer keeps for this thread: that of the last call from outside of all wasm, and of the next
    kept: Rc<Guarded>,
}

/// A stack whose guard is set.
#[derive(Default)]
struct Guarded {
    /// What for; 0 for none, or where it is set for nothing any more
    size: Cell<usize>,
    /// The length of the stack
    mapped: Cell<usize>,
    head: Cell<usize>,
    /// Where the stack of the store ends
    limit: Cell<usize>,
}

thread_local! {
    static KEPT: Rc<Guarded> = Rc::default();
}

/// A call on its way to the stack of wasm.
struct Entry {
    size: usize,
    page: usize,
    state: State,
    call: Option<Call>,
    /// The stack, once it is known; its length is that which is asked for
    stack: Guarded,
}

/// A function, and where its values are.
type Call = (FuncRef, *mut RawValue);

/// How far an entry has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// There is no stack yet
    Outside,
    /// The length of stacks has changed meanwhile
    Outdated,
    /// The system refuses a guard
    Unguarded,
    /// The guard is set
    HostStackScope,
}

impl WasmStack {
    /// Stacks of so many bytes, or as near to that as there can be.
    pub fn new(size: usize) -> Self {
        stay_silent_without_room();
        let size = size.clamp(*SIZES.start(), *SIZES.end()).next_multiple_of(UNIT);
        MAPPED.fetch_max(size.next_multiple_of(MAPPED_UNIT) + REST, Ordering::AcqRel);
        Self { size, page: page(), kept: KEPT.with(Rc::clone) }
    }

    /// Calls a function from outside of all wasm of this thread.
    ///
    /// # Errors
    /// Those of `call_within`.
    ///
    /// # Safety
    /// As for `call_within`.
    #[inline]
    pub unsafe fn call(&self, function: FuncRef, values: *mut RawValue) -> Result<(), Failure> {
        let mapped = MAPPED.load(Ordering::Acquire);
        if self.kept.size.get() != self.size || self.kept.mapped.get() != mapped {
            // SAFETY: by the contract of this function.
            return unsafe { self.call_and_keep(function, values) };
        }
        let callee = function.callee();
        let config = VMConfig { wasm_stack_size: Some(mapped) };
        let result = lend_on_faults(&self.kept, |handler| {
            // SAFETY: by the contract of this function.
            unsafe {
                let (trampoline, body) = (callee.call_trampoline, callee.func_ptr);
                wasmer_call_trampoline(handler, &config, callee.vmctx, trampoline, body, values.cast())
            }
        });
        result.map_err(Failure::from)
    }

    #[cold]
    unsafe fn call_and_keep(&self, function: FuncRef, values: *mut RawValue) -> Result<(), Failure> {
        self.kept.size.set(0);
        let mut entry = self.entry(Some((function, values)));
        // SAFETY: by the contract of `call`.
        let result = unsafe { entry.run() };
        if entry.state == State::HostStackScope {
            self.kept.mapped.set(entry.stack.mapped.get());
            self.kept.head.set(entry.stack.head.get());
            self.kept.limit.set(entry.stack.limit.get());
            self.kept.size.set(entry.stack.size.get());
        }
        result
    }

    /// Calls a function while wasm may be on the stack.
    ///
    /// # Errors
    /// The trap, what a host function threw, or `Memory` where there is no room for a stack.
    ///
    /// # Safety
    /// As for `Store::call`.
    pub unsafe fn call_within(&self, function: FuncRef, values: *mut RawValue) -> Result<(), Failure> {
        // SAFETY: by the contract of this function.
        unsafe { self.entry(Some((function, values))).run() }
    }

    /// Runs what calls a function by itself, once, with what it is to give wasmer for it.
    ///
    /// # Errors
    /// The trap, what a host function threw, or `Memory` where there is no room for a stack.
    pub fn start(
        &self,
        run: impl FnOnce(&VMConfig, Option<*const TrapHandlerFn<'static>>) -> Result<(), Trap>,
    ) -> Result<(), Failure> {
        // wasmer keeps the stack that a thread has used last, and takes it for the next call.
        self.kept.size.set(0);
        let mut entry = self.entry(None);
        // SAFETY: nothing is called.
        unsafe { entry.run() }?;
        let config = VMConfig { wasm_stack_size: Some(entry.stack.mapped.get()) };
        lend_on_faults(&entry.stack, |handler| run(&config, handler)).map_err(Failure::from)
    }

    fn entry(&self, call: Option<Call>) -> Entry {
        Entry { size: self.size, page: self.page, state: State::Outside, call, stack: Guarded::default() }
    }
}

impl Entry {
    /// # Safety
    /// As for `WasmStack::call`.
    unsafe fn run(&mut self) -> Result<(), Failure> {
        loop {
            self.state = State::Outside;
            // SAFETY: by the contract of this function.
            let result = unsafe { self.try_to_run() };
            match self.state {
                State::Outdated => {}
                State::Unguarded => return Err(no_room()),
                // Outside, wasmer has refused.
                State::Outside | State::HostStackScope => return result,
            }
        }
    }

    /// # Safety
    /// As for `WasmStack::call`.
    unsafe fn try_to_run(&mut self) -> Result<(), Failure> {
        let mapped = MAPPED.load(Ordering::Acquire);
        self.stack.mapped.set(mapped);
        let config = VMConfig { wasm_stack_size: Some(mapped) };
        // SAFETY: `enter` has the type of a trampoline, but that it may be unwound, which takes no destructors from it.
        let enter: VMTrampoline = unsafe {
            std::mem::transmute::<
                unsafe extern "C-unwind" fn(*mut VMContext, *const VMFunctionBody, *mut RawValue),
                VMTrampoline,
            >(enter)
        };
        let entry: *mut Self = self;
        let run = || {
            // SAFETY: the entry outlives the call, and nothing else writes to it meanwhile but what runs in the call.
            let stack = unsafe { &(*entry).stack };
            lend_on_faults(stack, |handler| {
                // SAFETY: `enter` is given the entry, which outlives the call, as does the handler.
                unsafe {
                    let context = VMFunctionContext { host_env: entry.cast() };
                    wasmer_call_trampoline(handler, &config, context, enter, ptr::null(), ptr::null_mut())
                }
            })
        };
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(result) => result.map_err(Failure::from),
            // Before anything was entered, wasmer panics where it cannot map a stack.
            Err(_) if self.state == State::Outside => Err(no_room()),
            Err(panic) => resume_unwind(panic),
        }
    }
}

/// Lets wasmer not complain on standard error where there is no room for a stack: an error says so. The hook is that of this
/// library alone.
fn stay_silent_without_room() {
    static ONCE: Once = Once::new();
    let is_of_stack =
        |panic: &PanicHookInfo<'_>| panic.location().is_some_and(|at| at.file().ends_with("traphandlers.rs"));
    ONCE.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            if !is_of_stack(panic) {
                before(panic);
            }
        }));
    });
}

#[cold]
fn no_room() -> Failure {
    let message = "there is no room for a call stack: the system refuses to map one".to_owned();
    Error::from(ErrorKind::Memory { message }).into()
}

/// Sets the guard of the stack that it runs on, and calls the function of the entry.
///
/// # Safety
/// `entry` is an `Entry` that nothing else uses; this runs on a stack of wasmer's of the length it says, or of a greater
/// one if `MAPPED` is that by now.
unsafe extern "C-unwind" fn enter(entry: *mut VMContext, _: *const VMFunctionBody, _: *mut RawValue) {
    let entry: *mut Entry = entry.cast();
    let marker = 0_u8;
    // SAFETY: by the contract of this function.
    let (size, page, mapped) = unsafe { ((*entry).size, (*entry).page, (*entry).stack.mapped.get()) };
    // What wasmer puts above this frame takes less than a page.
    let base = ((&raw const marker as usize) | (page - 1)) + 1;
    // Whoever maps a stack of another length has seen another `MAPPED` before, and so does whoever gets it then. So this stack
    // has the length that was asked for, unless this says otherwise.
    if MAPPED.load(Ordering::Acquire) != mapped {
        // SAFETY: as above.
        unsafe { (*entry).state = State::Outdated };
        return;
    }
    let head = base - mapped;
    // SAFETY: the stack is that on which this runs. The rest is as above.
    unsafe {
        if !ensure_guard(head, base, size, page) {
            (*entry).state = State::Unguarded;
            return;
        }
        (*entry).stack.head.set(head);
        (*entry).stack.limit.set(base - size);
        (*entry).stack.size.set(size);
        (*entry).state = State::HostStackScope;
        if let Some((function, values)) = (*entry).call {
            let callee = function.callee();
            // The context is a union of pointers, which is passed as one.
            (callee.call_trampoline)(callee.vmctx.vmctx, callee.func_ptr, values);
        }
    }
}

#[cfg(unix)]
mod system {
    use super::*;
    use crate::engine::is_code;

    /// The size of the system's pages.
    pub fn page() -> usize {
        // SAFETY: a plain call of the system's.
        unsafe { libc::sysconf(libc::_SC_PAGESIZE) as usize }
    }

    /// Makes sure that the guard of a stack begins below `size` bytes. Says whether the system did that.
    ///
    /// # Safety
    /// The stack between `head` and `base` is that on which this runs, of which less than the least size is in use. It is so
    /// long that there is room for the guard.
    #[inline]
    pub unsafe fn ensure_guard(head: usize, base: usize, size: usize, page: usize) -> bool {
        let head = ptr::with_exposed_provenance_mut(head);
        // SAFETY: by the contract of this function. No frame comes to the head, which is below the guard.
        unsafe { *head == size || set_guard(head, base, size, page) }
    }

    #[cold]
    unsafe fn set_guard(head: *mut usize, base: usize, size: usize, page: usize) -> bool {
        let bottom = head.addr() + page;
        let protect = |begin: usize, length, protection| {
            // SAFETY: all of it is this stack's own, and what is in use stays as it is.
            unsafe { libc::mprotect(ptr::with_exposed_provenance_mut(begin), length, protection) == 0 }
        };
        // SAFETY: by the contract of `ensure_guard`.
        unsafe {
            let is_new = *head == 0;
            *head = UNSET;
            if !is_new && !protect(bottom, base - bottom, libc::PROT_READ | libc::PROT_WRITE) {
                return false;
            }
            if !protect(base - size - GUARD, GUARD, libc::PROT_NONE) {
                return false;
            }
            *head = size;
        }
        true
    }

    /// Runs `run` with what lends the guard of a stack to host code that has come to its end.
    #[inline]
    pub fn lend_on_faults<T>(stack: &Guarded, run: impl FnOnce(Option<*const TrapHandlerFn<'static>>) -> T) -> T {
        let stack = ptr::from_ref(stack).expose_provenance();
        let handler = move |_: libc::c_int, info: *const libc::siginfo_t, context: *const libc::c_void| {
            // SAFETY: wasmer calls this for a signal during `run`, on its thread. The pointers are the system's.
            unsafe { lend(&*ptr::with_exposed_provenance(stack), info, context) }
        };
        let handler: &TrapHandlerFn<'_> = &handler;
        // SAFETY: wasmer uses it until `run` returns.
        let handler =
            unsafe { std::mem::transmute::<*const TrapHandlerFn<'_>, *const TrapHandlerFn<'static>>(handler) };
        run(Some(handler))
    }

    /// Lends the upper part of the guard to host code that has touched it. Says whether it did: then the code goes on.
    ///
    /// # Safety
    /// The pointers are those of a signal during a call on the stack.
    unsafe fn lend(stack: &Guarded, info: *const libc::siginfo_t, context: *const libc::c_void) -> bool {
        let lent = stack.limit.get() - LENT.min(stack.limit.get())..stack.limit.get();
        // SAFETY: by the contract of this function. Only these two signals have an address.
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
        let begin = ptr::with_exposed_provenance_mut::<libc::c_void>(lent.start);
        // SAFETY: a stack whose guard is set has its head there, and these pages are part of it.
        unsafe {
            *head = UNSET;
            libc::mprotect(begin, LENT, libc::PROT_READ | libc::PROT_WRITE) == 0
        }
    }

    /// Where the code was that the signal has interrupted; none where that is not known of the system.
    #[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
    unsafe fn pc(context: *const libc::c_void) -> Option<usize> {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: by the contract of this function.
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

    /// The system looks after its stacks itself.
    pub unsafe fn ensure_guard(_head: usize, _base: usize, _size: usize, _page: usize) -> bool {
        true
    }

    pub fn lend_on_faults<T>(_: &Guarded, run: impl FnOnce(Option<*const TrapHandlerFn<'static>>) -> T) -> T {
        run(None)
    }
}

use system::{ensure_guard, lend_on_faults, page};

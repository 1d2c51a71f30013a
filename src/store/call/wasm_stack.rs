//! The stacks that wasm runs on, and the guards that stop recursion.
//!
//! wasmer maps a stack with one inaccessible page at its end, which a function with a larger frame steps over. So every
//! stack is mapped larger than a store asks for, and this module makes pages of it inaccessible:
//!
//! ```text
//! base         +--------------------+
//!              | stack of the store |  `size` bytes
//! limit        +--------------------+
//!              | guard              |  inaccessible; its upper part can be lent to host code
//!              +--------------------+
//!              | (unused)           |  if another store of the process has asked for a larger stack
//! base - mapped+ head: `size` ------+  the size for which the guard of this stack is set; 0 in a new one
//!              | page of wasmer's   |
//!              +--------------------+
//! ```
//!
//! All threads and stores reuse the same stacks. The head of a stack records the size for which its guard is set. It
//! lies below the guard, where no wasm writes. All stacks have one length, so the base alone gives the address of the
//! head.

use crate::engine::has_headroom_besides;
use crate::error::{Error, ErrorKind, Result as OrError};
use crate::store::FuncRef;
use crate::store::call::stack_guard::{GUARD, Guarded, UNIT, ensure_guard, lend_on_faults, page};
use crate::store::trap::Failure;
use std::cell::Cell;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, resume_unwind, set_hook, take_hook};
use std::ptr;
use std::rc::Rc;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use wasmer::sys::vm::{
    Trap, TrapHandlerFn, VMConfig, VMContext, VMFunctionBody, VMFunctionContext, VMTrampoline, wasmer_call_trampoline,
};
use wasmer_types::RawValue;

/// Default stack size of a store, in bytes.
pub const DEFAULT_SIZE: usize = 1 << 20;

/// The smallest and the largest stack that a store may ask for, in bytes (`stackSizes` in lib/api/store.js).
const SIZES: std::ops::RangeInclusive<usize> = UNIT..=64 << 20;

/// Bytes mapped besides the stack of a store: the guard, and the page with the head.
const REST: usize = if cfg!(unix) { GUARD + UNIT } else { 0 };

/// Lengths of mapped stacks are multiples of this, in bytes.
const MAPPED_UNIT: usize = 1 << 20;

/// Length of newly mapped stacks, in bytes, without wasmer's page. It grows with the largest stack that a store has
/// asked for, and never shrinks.
static MAPPED: AtomicUsize = AtomicUsize::new(DEFAULT_SIZE + REST);

/// The stacks that the calls of a store run on.
#[derive(Clone)]
pub(in crate::store) struct WasmStack {
    size: usize,
    page: usize,
    thread: Rc<ThreadStacks>,
}

/// The stacks of a thread.
#[derive(Default)]
struct ThreadStacks {
    /// The stack that wasmer caches for this thread: the last outermost call ran on it, and the next one will
    kept: Guarded,
    /// Number of entries on the stack
    depth: Cell<usize>,
    /// Number of stacks of `length` bytes for which there was room: wasmer maps no more until more are in use
    proven: Cell<usize>,
    /// Length of those stacks, in bytes
    length: Cell<usize>,
}

thread_local! {
    static STACKS: Rc<ThreadStacks> = Rc::default();
}

/// A call that switches to a wasm stack.
struct Entry<'a> {
    thread: &'a ThreadStacks,
    size: usize,
    page: usize,
    /// Number of stacks that may be in use by calls that are no entries: 1 for an entry that may be nested in `call`
    outside: usize,
    state: State,
    call: Option<Call>,
    /// The stack, once it is known; its length is the requested one
    stack: Guarded,
}

/// A function of this library that runs on a wasm stack: its data, and the guard of the stack.
pub(in crate::store) type OnWasmStack = unsafe extern "C-unwind" fn(*mut c_void, &Guarded);

/// The code that an entry runs on the wasm stack.
#[derive(Clone, Copy)]
enum Call {
    /// A wasm function, and the address of its values
    Function(FuncRef, *mut RawValue),
    /// A function of this library, and its argument
    Host(OnWasmStack, *mut c_void),
}

/// Progress of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Not on a wasm stack yet
    Outside,
    /// `MAPPED` has changed meanwhile
    Outdated,
    /// The system refused the guard
    Unguarded,
    /// The guard is set
    Entered,
}

impl WasmStack {
    /// Stacks of `size` bytes, clamped to `SIZES` and rounded up to a multiple of `UNIT`.
    ///
    /// # Errors
    /// `Memory` where there is no room for such a stack. Then other stores go on with stacks of the length that they
    /// have.
    pub fn new(size: usize) -> OrError<Self> {
        stay_silent_without_room();
        let size = size.clamp(*SIZES.start(), *SIZES.end()).next_multiple_of(UNIT);
        let mapped = size.next_multiple_of(MAPPED_UNIT) + REST;
        if !has_headroom_besides(mapped) {
            return Err(no_room());
        }
        MAPPED.fetch_max(mapped, Ordering::AcqRel);
        Ok(Self { size, page: page(), thread: STACKS.with(Rc::clone) })
    }

    /// Calls a function while no wasm of this thread is on the stack.
    ///
    /// # Errors
    /// The errors of `call_within`.
    ///
    /// # Safety
    /// As for `call_within`.
    #[inline]
    pub unsafe fn call(&self, function: FuncRef, values: *mut RawValue) -> Result<(), Failure> {
        let mapped = MAPPED.load(Ordering::Acquire);
        let kept = &self.thread.kept;
        if kept.size.get() != self.size || kept.mapped.get() != mapped {
            // SAFETY: by the contract of this function.
            return unsafe { self.call_and_keep(function, values) };
        }
        let callee = function.callee();
        let config = VMConfig { wasm_stack_size: Some(mapped) };
        let result = lend_on_faults(kept, |handler| {
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
        let kept = &self.thread.kept;
        kept.size.set(0);
        let mut entry = self.entry(Some(Call::Function(function, values)), 0);
        // SAFETY: by the contract of `call`.
        let result = unsafe { entry.run() };
        if entry.state == State::Entered {
            kept.mapped.set(entry.stack.mapped.get());
            kept.head.set(entry.stack.head.get());
            kept.limit.set(entry.stack.limit.get());
            kept.size.set(entry.stack.size.get());
        }
        result
    }

    /// Calls a function while wasm may be on the stack.
    ///
    /// # Errors
    /// The trap, what a host function threw, or `Memory` where there is no room for a stack.
    ///
    /// # Safety
    /// As for `FuncRef::call`.
    pub unsafe fn call_within(&self, function: FuncRef, values: *mut RawValue) -> Result<(), Failure> {
        // SAFETY: by the contract of this function.
        unsafe { self.entry(Some(Call::Function(function, values)), 1).run() }
    }

    /// Runs `run`, which calls wasm itself, with the configuration and trap handler that it must pass to wasmer.
    ///
    /// # Errors
    /// The trap, what a host function threw, or `Memory` where there is no room for a stack.
    pub fn start(
        &self,
        run: impl FnOnce(&VMConfig, Option<*const TrapHandlerFn<'static>>) -> Result<(), Trap>,
    ) -> Result<(), Failure> {
        // wasmer caches the stack that a thread has used last, and uses it for the next call: this entry's, then
        // `run`'s.
        self.thread.kept.size.set(0);
        let mut entry = self.entry(None, 1);
        // SAFETY: the entry has no call, so no function runs.
        unsafe { entry.run() }?;
        let config = VMConfig { wasm_stack_size: Some(entry.stack.mapped.get()) };
        lend_on_faults(&entry.stack, |handler| run(&config, handler)).map_err(Failure::from)
    }

    /// Size in bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Runs `run(data, guard)` on a wasm stack.
    ///
    /// # Errors
    /// The errors of `call_within`.
    ///
    /// # Safety
    /// Wasm that `run` calls may unwind its frames, which have nothing to drop.
    pub unsafe fn run(&self, run: OnWasmStack, data: *mut c_void) -> Result<(), Failure> {
        // wasmer caches the stack that a thread has used last.
        self.thread.kept.size.set(0);
        // SAFETY: by the contract of this function.
        unsafe { self.entry(Some(Call::Host(run, data)), 1).run() }
    }

    fn entry(&self, call: Option<Call>, outside: usize) -> Entry<'_> {
        let (size, page, stack) = (self.size, self.page, Guarded::default());
        Entry { thread: &self.thread, size, page, outside, state: State::Outside, call, stack }
    }
}

impl ThreadStacks {
    /// Makes sure that there is room for one more stack of `length` bytes, beside `outside` that are no entries.
    ///
    /// # Errors
    /// `Memory`.
    #[inline]
    fn prove(&self, length: usize, outside: usize) -> OrError<()> {
        let needed = self.depth.get() + outside + 1;
        if self.length.get() == length && needed <= self.proven.get() {
            return Ok(());
        }
        self.prove_more(length, needed)
    }

    #[cold]
    fn prove_more(&self, length: usize, needed: usize) -> OrError<()> {
        if self.length.replace(length) != length {
            self.proven.set(0);
        }
        // wasmer maps a page more, and whole pages.
        if !has_headroom_besides((needed - self.proven.get()) * (length + UNIT)) {
            return Err(no_room());
        }
        self.proven.set(needed);
        Ok(())
    }
}

impl Entry<'_> {
    /// # Safety
    /// As for `WasmStack::call`.
    unsafe fn run(&mut self) -> Result<(), Failure> {
        loop {
            self.state = State::Outside;
            // SAFETY: by the contract of this function.
            let result = unsafe { self.try_to_run() };
            match self.state {
                State::Outdated => {}
                State::Unguarded => return Err(no_room().into()),
                // Still outside: wasmer has refused.
                State::Outside | State::Entered => return result,
            }
        }
    }

    /// # Safety
    /// As for `WasmStack::call`.
    unsafe fn try_to_run(&mut self) -> Result<(), Failure> {
        let mapped = MAPPED.load(Ordering::Acquire);
        self.stack.mapped.set(mapped);
        self.thread.prove(mapped, self.outside)?;
        let config = VMConfig { wasm_stack_size: Some(mapped) };
        // SAFETY: `enter` differs from a trampoline only in its ABI, which allows unwinding; its frame has no
        // destructors.
        let enter: VMTrampoline = unsafe {
            std::mem::transmute::<
                unsafe extern "C-unwind" fn(*mut VMContext, *const VMFunctionBody, *mut RawValue),
                VMTrampoline,
            >(enter)
        };
        let entry: *mut Self = self;
        let run = || {
            // SAFETY: the entry outlives the call, and only code in this call writes to it meanwhile.
            let stack = unsafe { &(*entry).stack };
            lend_on_faults(stack, |handler| {
                // SAFETY: `enter` gets the entry as its context. The entry and the handler outlive the call.
                unsafe {
                    let context = VMFunctionContext { host_env: entry.cast() };
                    wasmer_call_trampoline(handler, &config, context, enter, ptr::null(), ptr::null_mut())
                }
            })
        };
        let depth = &self.thread.depth;
        depth.set(depth.get() + 1);
        let result = catch_unwind(AssertUnwindSafe(run));
        depth.set(depth.get() - 1);
        match result {
            Ok(result) => result.map_err(Failure::from),
            // wasmer panics if it cannot map a stack. `enter` has not run then.
            Err(_) if self.state == State::Outside => {
                self.thread.proven.set(0);
                Err(no_room().into())
            }
            Err(panic) => resume_unwind(panic),
        }
    }
}

/// Keeps wasmer's panic for lack of stack memory off standard error, since the caller gets an error. The panic hook
/// belongs to this library alone.
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
fn no_room() -> Error {
    let message = "there is no room for a call stack".to_owned();
    ErrorKind::Memory { message }.into()
}

/// Sets the guard of the stack on which it runs, and calls the function of the entry.
///
/// # Safety
/// `entry` points to an `Entry` that nothing else uses. This runs on a stack of wasmer's whose length is that of the
/// entry or, if `MAPPED` has grown meanwhile, may be greater.
unsafe extern "C-unwind" fn enter(entry: *mut VMContext, _: *const VMFunctionBody, _: *mut RawValue) {
    let entry: *mut Entry = entry.cast();
    let marker = 0_u8;
    // SAFETY: by the contract of this function.
    let (size, page, mapped) = unsafe { ((*entry).size, (*entry).page, (*entry).stack.mapped.get()) };
    // The frames of wasmer above this one take less than a page.
    let base = ((&raw const marker as usize) | (page - 1)) + 1;
    // A thread maps a stack of another length only after it has read another value of `MAPPED`. A thread that reuses
    // that stack then reads that value too. So if `MAPPED` is unchanged here, this stack has the requested length.
    if MAPPED.load(Ordering::Acquire) != mapped {
        // SAFETY: as above.
        unsafe { (*entry).state = State::Outdated };
        return;
    }
    let head = base - mapped;
    // SAFETY: `head` and `base` are those of the stack on which this runs. The entry is used as above.
    unsafe {
        if !ensure_guard(head, base, size, page) {
            (*entry).state = State::Unguarded;
            return;
        }
        (*entry).stack.head.set(head);
        (*entry).stack.limit.set(base - size);
        (*entry).stack.size.set(size);
        (*entry).state = State::Entered;
        match (*entry).call {
            Some(Call::Function(function, values)) => {
                let callee = function.callee();
                // The context is a union of pointers, which the trampoline takes as one pointer.
                (callee.call_trampoline)(callee.vmctx.vmctx, callee.func_ptr, values);
            }
            Some(Call::Host(run, data)) => run(data, &(*entry).stack),
            None => {}
        }
    }
}

//! A suspendable call: wasm on a stack of its own, which can wait while other calls begin and end.
//!
//! A parked call (`call_stack.rs`) stays inside wasmer, so parked calls go on in the reverse order of their beginnings. A
//! suspended call is not inside wasmer: each time that it goes on, another function enters wasmer and gives control to its
//! stack, which gives it back when the call suspends or returns. So suspended calls go on in any order. If the wasm traps,
//! wasmer unwinds the function that has entered it.

use crate::store::call::stack_guard::{Guarded, OtherStack};
use crate::store::call::stack_switch::{prepare, switch};
use crate::store::call::suspendable_stack::SuspendableStack;
use crate::store::trap::Thrown;
#[cfg(unix)]
use crate::store::watch::fault;
use crate::store::watch::record::ThreadRecord;
use crate::store::{FuncRef, RawValue};
use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::ptr;

/// A suspendable call. It never moves, since what runs on its stack points to it.
pub(in crate::store) struct SuspendableCall {
    /// The stack that wasmer has entered, while this call runs
    entered: Cell<usize>,
    /// This stack, while the call waits
    own: Cell<usize>,
    /// An address below the frames of wasm, above those of this library, while the call waits
    from: Cell<usize>,
    state: Cell<CallState>,
    function: FuncRef,
    /// Its arguments, then its results
    values: RefCell<Box<[RawValue]>>,
    /// The import for which it is suspended, and where that puts its results
    import: Cell<usize>,
    results: Cell<*mut RawValue>,
    /// What the import throws when the call goes on
    thrown: Cell<Option<Box<Thrown>>>,
    record: &'static ThreadRecord,
    stack: SuspendableStack,
}

/// How far a suspendable call has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum CallState {
    /// It has not begun.
    New,
    /// It runs, or was unwound.
    Running,
    /// An import has not returned yet.
    Suspended,
    /// It must not go on.
    Ended,
    /// It has returned.
    Returned,
}

impl SuspendableCall {
    /// A call of `function`; `values` has its arguments, and room for its results.
    ///
    /// # Safety
    /// The values are those of `FuncRef::call`. The record is that of this thread.
    pub unsafe fn new(
        function: FuncRef,
        values: Box<[RawValue]>,
        stack: SuspendableStack,
        record: &'static ThreadRecord,
    ) -> Box<Self> {
        let call = Box::new(Self {
            entered: Cell::new(0),
            own: Cell::new(0),
            from: Cell::new(0),
            state: Cell::new(CallState::New),
            function,
            values: RefCell::new(values),
            import: Cell::new(0),
            results: Cell::new(ptr::null_mut()),
            thrown: Cell::new(None),
            record,
            stack,
        });
        // SAFETY: `body` differs from that type only in its ABI, which allows unwinding; its frame has nothing to drop.
        let body = unsafe {
            std::mem::transmute::<unsafe extern "C-unwind" fn(usize) -> !, unsafe extern "C" fn(usize) -> !>(body)
        };
        // SAFETY: nothing uses the stack yet, and its base is aligned.
        call.own.set(unsafe { prepare(call.stack.base(), body, ptr::from_ref(&*call).expose_provenance()) });
        call
    }

    /// The state.
    pub fn state(&self) -> CallState {
        self.state.get()
    }

    /// Ends a suspended call: nothing gives control to it any more.
    pub fn end(&self) {
        self.state.set(CallState::Ended);
    }

    /// The arguments or results.
    pub fn values(&self) -> &RefCell<Box<[RawValue]>> {
        &self.values
    }

    /// The import for which it is suspended, by the number that the host gave, and where that puts its results.
    pub fn import(&self) -> (usize, *mut RawValue) {
        (self.import.get(), self.results.get())
    }

    /// Sets what the import throws when the call goes on; none if it returns.
    pub fn set_thrown(&self, thrown: Option<Box<Thrown>>) {
        self.thrown.set(thrown);
    }

    /// Whether `address` is on its stack.
    pub fn has(&self, address: usize) -> bool {
        self.stack.range().contains(&address)
    }

    /// The words in use on the stack of a suspended call.
    pub fn words(&self) -> &[usize] {
        self.words_from(self.own.get())
    }

    /// The words of the frames of wasm on the stack of a suspended call.
    pub fn wasm_words(&self) -> &[usize] {
        let (own, from, end) = (self.own.get(), self.from.get(), self.stack.base());
        self.words_from(if (own..end).contains(&from) { from.next_multiple_of(size_of::<usize>()) } else { own })
    }

    /// The words from an address in use on, if the call is suspended.
    fn words_from(&self, begin: usize) -> &[usize] {
        if self.state.get() != CallState::Suspended {
            return &[];
        }
        let end = self.stack.base();
        // SAFETY: the switch has saved the stack pointer, which is aligned to words. The stack does not change until the call
        // goes on, for which the call may not be borrowed.
        unsafe { std::slice::from_raw_parts(ptr::with_exposed_provenance(begin), (end - begin) / size_of::<usize>()) }
    }

    /// The stack of a call that does not go on.
    pub fn into_stack(self) -> SuspendableStack {
        self.stack
    }

    /// Suspends the call: gives control back, and waits until it goes on. `results` is where the import will put its results, `from` an
    /// address below the frames of wasm. Returns what the import has thrown.
    ///
    /// # Safety
    /// This runs on the stack of the call, and what runs there has nothing to drop.
    pub unsafe fn suspend(&self, import: usize, results: *mut RawValue, from: usize) -> Option<Box<Thrown>> {
        self.import.set(import);
        self.from.set(from);
        self.results.set(results);
        self.state.set(CallState::Suspended);
        // SAFETY: `give_control` has saved the other stack, and waits for this.
        unsafe { switch(self.own.as_ptr(), self.entered.as_ptr()) };
        self.thrown.take()
    }
}

/// Gives control to the stack of a call, until it gives it back: a function for `WasmStack::run`.
///
/// # Safety
/// `call` is a `SuspendableCall` that has not begun or is suspended.
pub(in crate::store) unsafe extern "C-unwind" fn give_control(call: *mut c_void, guard: &Guarded) {
    // SAFETY: by the contract of this function.
    let call: &SuspendableCall = unsafe { &*call.cast_const().cast() };
    call.state.set(CallState::Running);
    guard.other.set(Some(OtherStack {
        data: ptr::from_ref(call).cast(),
        #[cfg(unix)]
        handle: on_fault,
    }));
    // SAFETY: `own` was saved by `suspend` or made by `prepare`.
    unsafe { switch(call.entered.as_ptr(), call.own.as_ptr()) };
    guard.other.set(None);
}

/// The code of the stack.
///
/// # Safety
/// `call` is the address of a `SuspendableCall`, which outlives what runs on its stack.
unsafe extern "C-unwind" fn body(call: usize) -> ! {
    // SAFETY: by the contract of this function.
    let call: &SuspendableCall = unsafe { &*ptr::with_exposed_provenance(call) };
    let callee = call.function.callee();
    // SAFETY: by the contract of `new`. This frame has nothing to drop.
    unsafe { (callee.call_trampoline)(callee.vmctx.vmctx, callee.func_ptr, (*call.values.as_ptr()).as_mut_ptr()) };
    call.state.set(CallState::Returned);
    loop {
        // SAFETY: `give_control` has saved the other stack, and waits for this. Nothing gives control back to a call that has
        // returned.
        unsafe { switch(call.own.as_ptr(), call.entered.as_ptr()) };
    }
}

/// Handles a fault while a call has control.
#[cfg(unix)]
unsafe fn on_fault(call: *const c_void, info: *const libc::siginfo_t, context: *const c_void) -> bool {
    // SAFETY: `give_control` passes its call.
    let call: &SuspendableCall = unsafe { &*call.cast() };
    let lend = |address| call.stack.lend(address);
    // SAFETY: the signal handler has passed the arguments. `entered` was saved by the switch to this stack, and nothing runs on
    // the other one.
    unsafe { fault::handle(&call.stack.range(), call.entered.get(), call.record, lend, info, context) }
}

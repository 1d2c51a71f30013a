//! A call stack: it enters wasmer once, and then runs calls on wasm's stack.
//!
//! A call ends in one of two ways: it returns, and the call stack waits in `drive` for the next one; or it leaves wasmer, as
//! by a trap. Before that it may park any number of times: see `park`.

use crate::engine::has_headroom_besides;
use crate::error::Error;
use crate::store::call::return_stack::Switched;
use crate::store::call::stack_guard::Guarded;
use crate::store::call::stack_switch::{call_on, prepare, switch};
use crate::store::call::wasm_stack::WasmStack;
use crate::store::trap::{Failure, Thrown};
use crate::store::{FuncRef, RawValue};
use corosensei::stack::{DefaultStack, Stack};
use std::cell::Cell;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use wasmer::sys::vm::on_host_stack;

/// Size of a call stack in bytes. wasmer and its library calls run on it.
const SIZE: usize = 256 << 10;

/// Bytes of wasm's stack that parking needs at the most. A fault after it has begun would be taken for one of wasm.
pub const ROOM: usize = 8 << 10;

/// A call stack. It never moves, since what runs on it points to it.
pub struct CallStack {
    /// The host's stack, and wasm's or this one
    switched: Switched,
    /// The stack that wasm runs on: taken when it enters wasmer
    wasm_stack: Cell<Option<WasmStack>>,
    /// Size of the stack that wasm runs on, in bytes
    size: Cell<usize>,
    /// Its state
    pub state: Cell<CallStackState>,
    /// The next call; none to leave wasmer
    call: Cell<Option<(FuncRef, *mut RawValue)>>,
    /// The values of the running call, through which its imports get arguments and give results
    shared: Cell<*mut RawValue>,
    /// Number of imports with which the running call had better not park if wasm has many frames; the greatest one if it must not
    /// park
    patience: Cell<u32>,
    /// The next step of a parked import when the call stack runs, and the value that it throws
    order: Cell<Order>,
    thrown: Cell<Option<Box<Thrown>>>,
    /// Why it has given control back, the import for which it has parked, and the failure with which it has left wasmer
    outcome: Cell<Outcome>,
    import: Cell<*const c_void>,
    failure: Cell<Option<Box<Failure>>>,
    /// wasm's stack, while the call is covered
    pub covered_at: Cell<usize>,
    /// The number of its last parking
    pub number: Cell<u32>,
    /// The next outer one
    pub below: Cell<*const CallStack>,
    stack: DefaultStack,
}

/// Where a call stack is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallStackState {
    /// The host waits for it
    Running,
    /// It waits in `drive` for a call
    Idle,
    /// It waits in `park`. wasmer's thread-local variables are those of this call stack
    Parked,
    /// It waits in `park`, and wasmer's thread-local variables are those of the host: others may enter wasmer
    Covered,
}

/// Why a call stack has given control back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The function has returned.
    Returned,
    /// Wasm has called an import, and waits for its result. The arguments are in the values of the call.
    Parked,
    /// It is covered.
    Covered,
    /// It has left wasmer.
    Left,
}

/// The next step of a parked import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    /// Goes on waiting, with wasmer's thread-local variables as the host needs them
    Cover,
    /// Returns to wasm, or throws
    GoOn,
}

impl CallStack {
    /// A new one; none where the system refuses to map it.
    pub fn new() -> Option<Box<Self>> {
        let stack = Box::new(Self {
            switched: Switched::default(),
            wasm_stack: Cell::new(None),
            size: Cell::new(0),
            state: Cell::new(CallStackState::Running),
            call: Cell::new(None),
            shared: Cell::new(ptr::null_mut()),
            patience: Cell::new(0),
            order: Cell::new(Order::Cover),
            thrown: Cell::new(None),
            outcome: Cell::new(Outcome::Left),
            import: Cell::new(ptr::null()),
            failure: Cell::new(None),
            covered_at: Cell::new(0),
            number: Cell::new(0),
            below: Cell::new(ptr::null()),
            stack: has_headroom_besides(SIZE).then(|| DefaultStack::new(SIZE).ok()).flatten()?,
        });
        let address = ptr::from_ref(&*stack).expose_provenance();
        // SAFETY: the stack was just mapped, and its base is aligned.
        stack.switched.own.set(unsafe { prepare(stack.stack.base().get(), body, address) });
        Some(stack)
    }

    /// Whether it is idle, with wasm stacks of this size in bytes.
    #[inline]
    pub fn is_idle_with(&self, size: usize) -> bool {
        self.state.get() == CallStackState::Idle && self.size.get() == size
    }

    /// Sets the stack that wasm runs on, for the next time that it enters wasmer.
    pub fn set_wasm_stack(&self, wasm_stack: &WasmStack) {
        self.size.set(wasm_stack.size());
        self.wasm_stack.set(Some(wasm_stack.clone()));
    }

    /// Sets the next call, whose imports do not park before it has made this number of them. There is room for `MOST_SHARED`
    /// values.
    #[inline]
    pub fn set_call(&self, function: FuncRef, values: *mut RawValue, patience: u32) {
        self.patience.set(patience);
        self.call.set(Some((function, values)));
        self.shared.set(values);
    }

    /// Runs it until it gives control back.
    ///
    /// # Safety
    /// It belongs to this thread, and is the innermost one. Nothing else of it runs.
    #[inline]
    pub unsafe fn run(&self) -> Outcome {
        self.state.set(CallStackState::Running);
        // SAFETY: `own` was saved by the call stack itself or by `prepare`. It belongs to this thread, and lives on the
        // heap.
        unsafe { switch(self.switched.host.as_ptr(), self.switched.own.as_ptr()) };
        self.outcome.get()
    }

    /// wasm's stack, saved when the running call parked; none if it has not.
    pub fn parked_at(&self) -> Option<usize> {
        match self.state.get() {
            CallStackState::Parked => Some(self.switched.own.get()),
            CallStackState::Covered => Some(self.covered_at.get()),
            CallStackState::Running | CallStackState::Idle => None,
        }
    }

    /// Why it has given control back.
    pub fn outcome(&self) -> Outcome {
        self.outcome.get()
    }

    /// The import for which it has parked: the address that `HostFunction::parkable` gave.
    #[inline]
    pub fn import(&self) -> *const c_void {
        self.import.get()
    }

    /// The failure with which it has left wasmer; none if it has left without one.
    pub fn take_failure(&self) -> Option<Box<Failure>> {
        self.failure.take()
    }

    /// The host's stack, saved while this runs.
    pub fn host(&self) -> usize {
        self.switched.host.get()
    }

    /// Gives control back to the host.
    #[inline(always)]
    fn give_back(&self, outcome: Outcome) {
        self.outcome.set(outcome);
        // SAFETY: `run` has saved the host's stack, and waits for this.
        unsafe { switch(self.switched.own.as_ptr(), self.switched.host.as_ptr()) }
    }

    /// Whether an import that is called now is to park. Without the stub, which knows how to keep the processor's stack right.
    #[inline]
    pub fn parks(&self) -> bool {
        let patience = self.patience.get();
        self.lose_patience();
        patience == 0
    }

    /// Whether an import that the stub calls now is to park. `frame` is the address of the stub's frame pointer.
    ///
    /// # Safety
    /// As for `ReturnStack::park`.
    #[inline]
    pub unsafe fn stub_parks(&self, frame: *const usize) -> bool {
        let patience = self.patience.get();
        // SAFETY: by the contract of this function; `drive` has begun.
        let parks = patience != u32::MAX
            && unsafe { self.switched.returns.park(frame, (drive as *const ()).addr(), patience > 0) };
        if !parks {
            self.lose_patience();
        }
        parks
    }

    /// The number of addresses that the stub puts on the processor's stack before wasm goes on.
    #[inline]
    pub fn lost_returns(&self) -> u32 {
        let put = self.switched.returns.resume(self.patience.get() > 0);
        self.lose_patience();
        put
    }

    #[inline]
    fn lose_patience(&self) {
        let patience = self.patience.get();
        if patience != u32::MAX {
            self.patience.set(patience.saturating_sub(1));
        }
    }

    /// The values of the running call, through which its imports get arguments and give results.
    #[inline]
    pub fn shared(&self) -> *mut RawValue {
        self.shared.get()
    }

    /// Parks: gives control back to the host, which calls the import, and waits for `resume`. Returns what the import has
    /// thrown. Runs on wasm's stack.
    #[inline(always)]
    pub fn park(&self, import: *const c_void) -> Option<Box<Thrown>> {
        let marker = 0_u8;
        // SAFETY: a guard follows the stack, which is larger than this. Without room, wasm is unwound here: there is nothing to
        // drop.
        unsafe { (&raw const marker).wrapping_sub(ROOM).read_volatile() };
        self.import.set(import);
        self.order.set(Order::Cover);
        self.give_back(Outcome::Parked);
        self.finish_parking()
    }

    /// The first half of `park`, for the stub, which switches itself.
    #[inline]
    pub fn begin_to_park(&self, import: *const c_void) -> *const Switched {
        self.import.set(import);
        self.order.set(Order::Cover);
        self.outcome.set(Outcome::Parked);
        &raw const self.switched
    }

    /// The second half of `park`, when the call stack runs again.
    #[inline]
    pub fn finish_parking(&self) -> Option<Box<Thrown>> {
        while self.order.get() == Order::Cover {
            // Leaving wasmer's function puts its variables right again.
            on_host_stack(|| self.give_back(Outcome::Covered));
        }
        self.thrown.take()
    }

    /// Sets what the parked import throws when the call stack runs again; none if it returns.
    #[inline]
    pub fn set_result(&self, thrown: Option<Box<Thrown>>) {
        self.order.set(Order::GoOn);
        if thrown.is_some() {
            self.thrown.set(thrown);
        }
    }
}

/// The code of a call stack: it enters wasmer again and again.
unsafe extern "C" fn body(stack: usize) -> ! {
    let stack: *const CallStack = ptr::with_exposed_provenance(stack);
    // SAFETY: `new` passes the address of the call stack, which outlives what runs on it.
    let stack = unsafe { &*stack };
    loop {
        stack.failure.set(enter_wasmer(stack).err().map(Box::new));
        // This frame has no value to drop: the stack may be unmapped while it waits here.
        stack.give_back(Outcome::Left);
    }
}

fn enter_wasmer(stack: &CallStack) -> Result<(), Failure> {
    let wasm_stack = stack.wasm_stack.take();
    let data = ptr::from_ref(stack).cast_mut().cast();
    // SAFETY: `drive` has nothing to drop when wasm unwinds it.
    let run = || wasm_stack.as_ref().map(|wasm_stack| unsafe { wasm_stack.run(drive, data) });
    let panicked = || Error::internal(&"a call stack panicked").into();
    catch_unwind(AssertUnwindSafe(run)).ok().flatten().unwrap_or_else(|| Err(panicked()))
}

/// Runs calls on wasm's stack, until there is none or the guard of the stack has to be set again.
unsafe extern "C-unwind" fn drive(stack: *mut c_void, guard: &Guarded) {
    // SAFETY: `enter_wasmer` passes its call stack.
    let stack: &CallStack = unsafe { &*stack.cast() };
    stack.switched.returns.begin((&raw const stack).addr());
    while let Some((function, values)) = stack.call.take() {
        let callee = function.callee();
        // SAFETY: `CallStacks::call` promises that the function may be called so. This frame has nothing to drop.
        unsafe { (callee.call_trampoline)(callee.vmctx.vmctx, callee.func_ptr, values) };
        stack.switched.returns.end();
        if !guard.is_set() {
            return;
        }
        stack.give_back(Outcome::Returned);
    }
}

/// Host code that runs on the host's stack, and its result.
pub struct Job<T, F> {
    host: Option<F>,
    result: Option<std::thread::Result<T>>,
}

impl<T, F: FnOnce() -> T> Job<T, F> {
    /// Runs `host` on the stack that `switch` saved.
    ///
    /// # Safety
    /// As for `call_on`.
    pub unsafe fn run_on(stack: usize, host: F) -> std::thread::Result<T> {
        let mut job = Self { host: Some(host), result: None };
        // SAFETY: by the contract of this function; `job` outlives the call, and no panic leaves `run`.
        unsafe { call_on(stack, Self::run, (&raw mut job).cast()) };
        job.result.expect("the job has run")
    }

    unsafe extern "C" fn run(job: *mut c_void) {
        // SAFETY: `run_on` passes its job.
        let job = unsafe { &mut *job.cast::<Self>() };
        job.result = job.host.take().map(|host| catch_unwind(AssertUnwindSafe(host)));
    }
}

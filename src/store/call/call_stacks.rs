//! Call stacks that stay inside wasmer between calls.
//!
//! To enter wasmer takes longer than most calls: it prepares a stack, a trap handler and a way out. A call stack enters once,
//! and then waits on wasm's stack for calls, so that each of them takes two switches and nothing else.
//!
//! ```text
//! host's stack   call ──┐          ┌──► returns      f ◄──┐ ┌──► (returns)
//!                switch │          │ switch        call   │ │
//! wasm's stack          └► function ┘       function ► call_host
//! ```
//!
//! wasmer keeps two thread-local variables for the innermost entry: its trap handler, and the stack to leave. They are
//! right while entries are left in the reverse order of their beginnings. So an idle call stack is left before anything
//! else enters wasmer, and before wasm below it goes on.

use crate::engine::has_headroom_besides;
use crate::error::{Error, ErrorKind};
use crate::store::call::stack_guard::Guarded;
use crate::store::call::stack_switch::{call_on, prepare, switch};
use crate::store::call::wasm_stack::WasmStack;
use crate::store::trap::Failure;
use crate::store::{FuncRef, RawValue};
use corosensei::stack::{DefaultStack, Stack};
use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::ptr;
use std::rc::Rc;

pub use crate::store::call::stack_switch::AVAILABLE;

/// Size of a call stack in bytes. wasmer and its library calls run on it.
const SIZE: usize = 256 << 10;

/// Number of call stacks that a thread keeps for later calls.
const SPARE: usize = 8;

/// The call stacks of a thread.
#[derive(Clone, Default)]
pub(in crate::store) struct CallStacks(Rc<Stacks>);

thread_local! {
    static OF_THREAD: CallStacks = CallStacks::default();
}

struct Stacks {
    /// The innermost one that is inside wasmer; null for none
    top: Cell<*const CallStack>,
    /// Number of those inside wasmer
    count: Cell<usize>,
    /// The one whose wasm runs now; null while the host runs
    running: Cell<*const CallStack>,
    #[expect(clippy::vec_box, reason = "a call stack never moves")]
    spare: RefCell<Vec<Box<CallStack>>>,
}

impl Default for Stacks {
    fn default() -> Self {
        let none = ptr::null();
        Self { top: Cell::new(none), count: Cell::new(0), running: Cell::new(none), spare: RefCell::default() }
    }
}

/// A call stack. It never moves, since what runs on it points to it.
struct CallStack {
    /// The host's stack while wasm runs
    host: Cell<usize>,
    /// wasm's stack, or this one, while the host runs
    own: Cell<usize>,
    /// The stack that wasm runs on: taken when it enters wasmer
    wasm_stack: Cell<Option<WasmStack>>,
    /// Size of the stack that wasm runs on, in bytes
    size: Cell<usize>,
    is_idle: Cell<bool>,
    /// The next call; none to leave wasmer
    call: Cell<Option<(FuncRef, *mut RawValue)>>,
    outcome: Cell<Option<Outcome>>,
    /// The next outer one
    below: Cell<*const CallStack>,
    stack: DefaultStack,
}

/// Why a call stack has given control back.
enum Outcome {
    Returned,
    /// It has left wasmer
    Left(Result<(), Failure>),
}

impl CallStacks {
    /// The call stacks of this thread.
    pub fn of_thread() -> Self {
        OF_THREAD.with(Clone::clone)
    }

    /// Calls `function`.
    ///
    /// # Errors
    /// The trap, what a host function threw, or `Memory` where there is no room for a stack.
    ///
    /// # Safety
    /// As for `Store::call`. The host runs, not wasm. This platform has switches.
    #[inline]
    pub unsafe fn call(&self, wasm_stack: &WasmStack, function: FuncRef, values: *mut RawValue) -> Result<(), Failure> {
        // SAFETY: `top` is null or points to a call stack that is alive.
        let idle =
            unsafe { self.0.top.get().as_ref() }.filter(|top| top.is_idle.get() && top.size.get() == wasm_stack.size());
        let stack = match idle {
            Some(stack) => stack,
            None => self.enter(wasm_stack)?,
        };
        stack.call.set(Some((function, values)));
        match self.run(stack) {
            Outcome::Returned => {
                stack.is_idle.set(true);
                Ok(())
            }
            Outcome::Left(result) => {
                self.pop();
                result
            }
        }
    }

    /// A new top, which enters wasmer when it runs.
    #[cold]
    fn enter(&self, wasm_stack: &WasmStack) -> Result<&CallStack, Failure> {
        self.leave_idle();
        let spare = self.0.spare.borrow_mut().pop();
        let stack = spare.or_else(CallStack::new).ok_or_else(|| {
            let message = "there is no room for a call stack: the system refuses to map one".to_owned();
            Error::from(ErrorKind::Memory { message })
        })?;
        stack.size.set(wasm_stack.size());
        stack.wasm_stack.set(Some(wasm_stack.clone()));
        stack.below.set(self.0.top.get());
        let stack: *const CallStack = Box::into_raw(stack);
        self.0.top.set(stack);
        self.0.count.set(self.0.count.get() + 1);
        // SAFETY: only `pop` frees it.
        Ok(unsafe { &*stack })
    }

    /// Takes the top, which has left wasmer, away.
    fn pop(&self) {
        // SAFETY: `enter` has made the top of a box, and nothing refers to it any more.
        let stack = unsafe { Box::from_raw(self.0.top.get().cast_mut()) };
        self.0.top.set(stack.below.get());
        self.0.count.set(self.0.count.get() - 1);
        stack.is_idle.set(false);
        let mut spare = self.0.spare.borrow_mut();
        if spare.len() < SPARE {
            spare.push(stack);
        }
    }

    #[inline]
    fn run(&self, stack: &CallStack) -> Outcome {
        stack.is_idle.set(false);
        self.0.running.set(stack);
        // SAFETY: `own` was saved by the call stack itself or by `prepare`. It belongs to this thread, and lives on the
        // heap.
        unsafe { switch(stack.host.as_ptr(), stack.own.as_ptr()) };
        self.0.running.set(ptr::null());
        stack.outcome.take().expect("a call stack has an outcome before it gives control back")
    }

    /// Runs host code that wasm calls on the host's stack.
    ///
    /// # Panics
    /// If `host` panics.
    #[inline]
    pub fn on_host_stack<T>(&self, host: impl FnOnce() -> T) -> T {
        let (running, count) = (self.0.running.replace(ptr::null()), self.0.count.get());
        // SAFETY: `running` is null or points to a call stack that is alive.
        let result = match unsafe { running.as_ref() } {
            // Wasm was entered in another way, or the host runs already.
            None => Ok(host()),
            // SAFETY: the host's stack was left in `run`, which waits for this.
            Some(stack) => unsafe { Job::run_on(stack.host.get(), host) },
        };
        while self.0.count.get() > count {
            self.leave_top();
        }
        self.0.running.set(running);
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// Leaves the top, if it is idle. To be called before anything else enters wasmer.
    #[inline]
    pub fn leave_idle(&self) {
        // SAFETY: `top` is null or points to a call stack that is alive.
        if unsafe { self.0.top.get().as_ref() }.is_some_and(|top| top.is_idle.get()) {
            self.leave_top();
        }
    }

    /// Leaves and frees what is not in use. To be called before the thread ends.
    pub fn free_idle(&self) {
        self.leave_idle();
        self.0.spare.borrow_mut().clear();
    }

    #[cold]
    fn leave_top(&self) {
        // SAFETY: the callers have looked that there is a top.
        let stack = unsafe { &*self.0.top.get() };
        assert!(stack.is_idle.get(), "a call above has ended before wasm goes on");
        match self.run(stack) {
            Outcome::Left(_) => self.pop(),
            Outcome::Returned => unreachable!("there was no call"),
        }
    }
}

struct Job<T, F> {
    host: Option<F>,
    result: Option<std::thread::Result<T>>,
}

impl<T, F: FnOnce() -> T> Job<T, F> {
    /// Runs `host` on the stack that `switch` saved.
    ///
    /// # Safety
    /// As for `call_on`.
    unsafe fn run_on(stack: usize, host: F) -> std::thread::Result<T> {
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

impl CallStack {
    /// A new one; none where the system refuses to map it.
    fn new() -> Option<Box<Self>> {
        let stack = Box::new(Self {
            host: Cell::new(0),
            own: Cell::new(0),
            wasm_stack: Cell::new(None),
            size: Cell::new(0),
            is_idle: Cell::new(false),
            call: Cell::new(None),
            outcome: Cell::new(None),
            below: Cell::new(ptr::null()),
            stack: has_headroom_besides(SIZE).then(|| DefaultStack::new(SIZE).ok()).flatten()?,
        });
        let address = ptr::from_ref(&*stack).expose_provenance();
        // SAFETY: the stack was just mapped, and its base is aligned.
        stack.own.set(unsafe { prepare(stack.stack.base().get(), body, address) });
        Some(stack)
    }

    /// Gives control back to the host.
    #[inline(always)]
    fn give_back(&self, outcome: Outcome) {
        self.outcome.set(Some(outcome));
        // SAFETY: `run` has saved the host's stack, and waits for this.
        unsafe { switch(self.own.as_ptr(), self.host.as_ptr()) }
    }
}

/// The code of a call stack: it enters wasmer again and again.
unsafe extern "C" fn body(stack: usize) -> ! {
    let stack: *const CallStack = ptr::with_exposed_provenance(stack);
    // SAFETY: `new` passes the address of the call stack, which outlives what runs on it.
    let stack = unsafe { &*stack };
    loop {
        let result = enter_wasmer(stack);
        // This frame has no value to drop: the stack may be unmapped while it waits here.
        stack.give_back(Outcome::Left(result));
    }
}

fn enter_wasmer(stack: &CallStack) -> Result<(), Failure> {
    let wasm_stack = stack.wasm_stack.take();
    let data = ptr::from_ref(stack).cast_mut().cast();
    // SAFETY: `drive` has nothing to drop when wasm unwinds it.
    let run = || wasm_stack.as_ref().map(|wasm_stack| unsafe { wasm_stack.run(drive, data) });
    let panicked =
        || Error::from(ErrorKind::Internal { message: "internal error: a call stack panicked".into() }).into();
    catch_unwind(AssertUnwindSafe(run)).ok().flatten().unwrap_or_else(|| Err(panicked()))
}

/// Runs calls on wasm's stack, until there is none or the guard of the stack has to be set again.
unsafe extern "C-unwind" fn drive(stack: *mut c_void, guard: &Guarded) {
    // SAFETY: `enter_wasmer` passes its call stack.
    let stack: &CallStack = unsafe { &*stack.cast() };
    while let Some((function, values)) = stack.call.take() {
        let callee = function.callee();
        // SAFETY: `CallStacks::call` promises that the function may be called so. This frame has nothing to drop.
        unsafe { (callee.call_trampoline)(callee.vmctx.vmctx, callee.func_ptr, values) };
        if !guard.is_set() {
            return;
        }
        stack.give_back(Outcome::Returned);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Compiler, Quota};
    use crate::store::test_support::{COMPILERS, call, compile, function, instantiate, new_store};
    use crate::store::{Callable, Extern, HostFunction, Store, Thrown};

    /// A host function that runs a closure.
    struct Host(Box<HostClosure>);

    type HostClosure = dyn Fn(&mut RawValue) -> Result<(), Thrown>;

    impl HostFunction for Host {
        unsafe fn call(&self, values: *mut RawValue) -> Result<(), Thrown> {
            // SAFETY: the functions of these tests have one result.
            (self.0)(unsafe { &mut *values })
        }
    }

    const TEXT: &str = r#"(module
        (import "a" "f" (func $f (result i32)))
        (memory 1)
        (func (export "seven") (result i32) i32.const 7)
        (func (export "import") (result i32) call $f i32.const 1 i32.add)
        (func (export "trap") (result i32) unreachable)
        (func (export "import then trap") (result i32) call $f drop i32.const -1 i32.load)
        (func $deep (export "deep") (result i32) call $deep i32.const 1 i32.add))"#;

    /// A call by the call stacks of the thread.
    fn fast(store: &Store, function: FuncRef) -> Result<i32, Failure> {
        let mut value = RawValue::default();
        // SAFETY: the functions of these tests are of type () -> i32, and each test keeps its store alive.
        unsafe { function.call_fast(store, function.stack_pointer(store), &mut value).map(|()| value.i32) }
    }

    fn with(
        store: &Rc<Store>,
        compiler: Compiler,
        host: impl Fn(&mut RawValue) -> Result<(), Thrown> + 'static,
    ) -> Functions {
        let host = Callable::Host(Box::new(Host(Box::new(host))));
        let instance = instantiate(store, &compile(TEXT, compiler), vec![Extern::Function(host)]).unwrap();
        let [seven, import, trap, import_then_trap, deep] =
            ["seven", "import", "trap", "import then trap", "deep"].map(|name| function(store, &instance, name));
        Functions { seven, import, trap, import_then_trap, deep }
    }

    #[derive(Clone, Copy)]
    struct Functions {
        seven: FuncRef,
        import: FuncRef,
        trap: FuncRef,
        import_then_trap: FuncRef,
        deep: FuncRef,
    }

    fn trap_of(result: Result<i32, Failure>) -> String {
        match result {
            Err(Failure::Error(error)) => error.to_string(),
            other => panic!("expected a trap, got {other:?}"),
        }
    }

    fn entered() -> usize {
        CallStacks::of_thread().0.count.get()
    }

    #[test]
    fn one_call_stack_serves_many_calls_and_traps() {
        for compiler in COMPILERS {
            let store = Rc::new(new_store());
            let functions = with(&store, compiler, |_| Ok(()));
            for _ in 0..100 {
                assert_eq!(fast(&store, functions.seven).unwrap(), 7);
                assert_eq!(entered(), 1);
            }
            for _ in 0..10 {
                assert_eq!(trap_of(fast(&store, functions.trap)), "unreachable");
                assert_eq!(entered(), 0);
                assert_eq!(trap_of(fast(&store, functions.deep)), "call stack exhausted");
                assert_eq!(fast(&store, functions.seven).unwrap(), 7);
            }
            // Another way of calling leaves the idle one.
            assert_eq!((call(&store, functions.seven).unwrap(), entered()), (7, 0));
            fast(&store, functions.seven).unwrap();
            CallStacks::of_thread().free_idle();
            assert_eq!(entered(), 0);
        }
    }

    #[test]
    fn host_functions_run_on_the_stack_of_the_caller() {
        for compiler in COMPILERS {
            let store = Rc::new(new_store());
            let marker = 0_u8;
            let here = (&raw const marker).addr();
            let functions = with(&store, compiler, move |value| {
                let marker = 0_u8;
                let there = (&raw const marker).addr();
                *value = RawValue { i32: i32::from(there < here && here - there < 64 << 10) };
                Ok(())
            });
            assert_eq!(fast(&store, functions.import).unwrap(), 2);
            assert_eq!(call(&store, functions.import).unwrap(), 2);
        }
    }

    /// Calls nest in all ways and end in all ways, and the outer call ends as it would have without them.
    #[test]
    fn calls_nest() {
        for compiler in COMPILERS {
            for depth in 0..6 {
                for ways in 0..1 << depth {
                    let store = Rc::new(new_store());
                    let shared: Rc<Cell<Option<Functions>>> = Rc::default();
                    let (inside, weak, level) = (shared.clone(), Rc::downgrade(&store), Cell::new(0));
                    let functions = with(&store, compiler, move |value| {
                        let (store, functions) = (weak.upgrade().unwrap(), inside.get().unwrap());
                        let at = level.get();
                        let way = if ways >> at & 1 == 1 { fast } else { call };
                        assert_eq!(trap_of(way(&store, functions.trap)), "unreachable");
                        if at < depth {
                            level.set(at + 1);
                            assert_eq!(way(&store, functions.import).unwrap(), depth - at);
                            level.set(at + 1);
                            assert_eq!(trap_of(way(&store, functions.import_then_trap)), "memory access out of bounds");
                            level.set(at);
                        }
                        assert_eq!(fast(&store, functions.seven).unwrap(), 7);
                        *value = RawValue { i32: depth - at };
                        Ok(())
                    });
                    shared.set(Some(functions));
                    for way in [fast, call] {
                        assert_eq!(way(&store, functions.import).unwrap(), depth + 1);
                        assert_eq!(trap_of(way(&store, functions.import_then_trap)), "memory access out of bounds");
                    }
                }
            }
        }
    }

    #[test]
    fn a_panic_of_the_host_passes_the_switch() {
        let store = Rc::new(new_store());
        let functions = with(&store, Compiler::Cranelift, |_| panic!("on purpose"));
        assert!(matches!(fast(&store, functions.import), Err(Failure::Thrown(_))));
        assert_eq!(fast(&store, functions.seven).unwrap(), 7);
    }

    #[test]
    fn stores_with_other_stacks_take_turns() {
        let stores = [64 << 10, 1 << 20, 64 << 10].map(|size| Rc::new(Store::new(size, Quota::unlimited()).unwrap()));
        let functions = stores.each_ref().map(|store| with(store, Compiler::Cranelift, |_| Ok(())));
        for _ in 0..20 {
            for (store, functions) in stores.iter().zip(&functions) {
                assert_eq!(fast(store, functions.seven).unwrap(), 7);
                assert_eq!(trap_of(fast(store, functions.deep)), "call stack exhausted");
                assert_eq!(fast(store, functions.seven).unwrap(), 7);
                assert_eq!(entered(), 1);
            }
        }
    }
}

//! Call stacks that stay inside wasmer between calls.
//!
//! To enter wasmer takes longer than most calls: it prepares a stack, a trap handler and a way out. A call stack enters once,
//! and then waits on wasm's stack for calls, so that each of them takes two switches and nothing else.
//!
//! ```text
//! host's stack   call ──┐          ┌──► returns      f ◄──┐ ┌──► (returns)        ┌──► Parked … resume ──┐
//!                switch │          │ switch        call   │ │              switch │                      │ switch
//! wasm's stack          └► function ┘       function ► call_host        function ► park                  └► …
//! ```
//!
//! wasmer keeps two thread-local variables for the innermost entry: its trap handler, and the stack to leave. They are
//! right while entries are left in the reverse order of their beginnings. So an idle call stack is left before anything
//! else enters wasmer, and before wasm below it goes on. A parked one is covered before anything else enters wasmer.

use crate::error::{Error, ErrorKind};
use crate::store::call::call_stack::{CallStack, CallStackState, Job, Outcome};
use crate::store::call::host_call::HostCall;
use crate::store::call::wasm_stack::WasmStack;
use crate::store::trap::{Failure, Thrown};
use crate::store::{FuncRef, RawValue};
use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::panic::resume_unwind;
use std::ptr;
use std::rc::Rc;

pub use crate::store::call::stack_switch::AVAILABLE;

/// Number of call stacks that a thread keeps for later calls.
const SPARE: usize = 8;

/// Number of imports for which an outer call keeps the processor's stack of returns right, or does not park.
pub const PATIENCE: u32 = 2;

/// Number of call stacks inside wasmer up to which calls do not park at once.
const MOST_PATIENT: usize = 4;

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
    /// The innermost call of a host function that runs; null for none
    host_call: Cell<*const HostCall>,
    /// The number of the last parking, from 1 on
    parked: Cell<u32>,
    /// The failure of a call that has just failed
    failure: Cell<Option<Box<Failure>>>,
    #[expect(clippy::vec_box, reason = "a call stack never moves")]
    spare: RefCell<Vec<Box<CallStack>>>,
}

impl Default for Stacks {
    fn default() -> Self {
        let none = ptr::null();
        Self {
            top: Cell::new(none),
            count: Cell::new(0),
            running: Cell::new(none),
            host_call: Cell::new(ptr::null()),
            parked: Cell::new(0),
            failure: Cell::new(None),
            spare: RefCell::default(),
        }
    }
}

/// When the imports of a call park.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parks {
    Never,
    /// From the third one on, or from the first one if wasm has few frames or the call is nested deep enough
    Later,
    /// From the first one on
    AtOnce,
}

/// How far a call has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Called {
    /// It has returned.
    Returned,
    /// It has failed: `take_failure` says why.
    Failed,
    /// It has parked: the import is to be called, and then the call to be resumed.
    Parked,
}

impl CallStacks {
    /// The call stacks of this thread.
    pub fn of_thread() -> Self {
        OF_THREAD.with(Clone::clone)
    }

    /// Calls `function`.
    ///
    /// With many frames of wasm, it takes longer to park for one or two imports than to call JavaScript from the host: the
    /// processor predicts the returns from the frames that are left for the first time wrongly (`ReturnStack`). Nested calls
    /// park all the same, since frames of the host take more stack.
    ///
    /// # Safety
    /// As for `FuncRef::call_fast`. The host runs, not wasm. This platform has switches.
    #[inline(always)]
    pub unsafe fn call(
        &self,
        wasm_stack: &WasmStack,
        function: FuncRef,
        values: *mut RawValue,
        parks: Parks,
    ) -> Called {
        // SAFETY: `top` is null or points to a call stack that is alive.
        let idle = unsafe { self.0.top.get().as_ref() }.filter(|top| top.is_idle_with(wasm_stack.size()));
        let stack = match idle {
            Some(stack) => stack,
            None => match self.enter(wasm_stack) {
                Ok(stack) => stack,
                Err(failure) => return self.fail(failure),
            },
        };
        let patience = match parks {
            Parks::Never => u32::MAX,
            Parks::Later if self.0.count.get() <= MOST_PATIENT => PATIENCE,
            Parks::Later | Parks::AtOnce => 0,
        };
        stack.set_call(function, values, patience);
        self.go_on(stack)
    }

    /// Goes on with the innermost call, which is parked with this number: the import throws, or returns to wasm.
    #[inline(always)]
    pub fn resume(&self, number: u32, thrown: Option<Box<Thrown>>) -> Called {
        let Some(stack) = self.parked_top(number) else {
            let message = "internal error: a parked call was lost".to_owned();
            return self.fail(Error::from(ErrorKind::Internal { message }).into());
        };
        stack.set_result(thrown);
        self.go_on(stack)
    }

    /// Leaves the failure of a call.
    #[cold]
    pub fn fail(&self, failure: Failure) -> Called {
        self.0.failure.set(Some(Box::new(failure)));
        Called::Failed
    }

    /// The failure of a call that has just failed.
    pub fn take_failure(&self) -> Failure {
        *self.0.failure.take().expect("a failed call has left a failure")
    }

    /// The number of the innermost call, which has parked, and the import for which it has.
    #[inline]
    pub fn parked(&self) -> (u32, *const c_void) {
        // SAFETY: `top` points to a call stack that is alive, since one has parked.
        let top = unsafe { &*self.0.top.get() };
        (top.number.get(), top.import())
    }

    /// The import for which the innermost call is parked, if it has this number.
    #[inline(always)]
    pub fn parked_import(&self, number: u32) -> Option<*const c_void> {
        self.parked_top(number).map(CallStack::import)
    }

    /// Ends a parked call that nothing will resume. Does nothing if it has ended already.
    #[cold]
    pub fn abandon(&self, number: u32) {
        if self.parked_top(number).is_some() {
            self.leave_top();
        }
    }

    /// The innermost call stack, if it is parked with this number.
    #[inline(always)]
    fn parked_top(&self, number: u32) -> Option<&CallStack> {
        // SAFETY: `top` is null or points to a call stack that is alive.
        let top = unsafe { self.0.top.get().as_ref() }?;
        if top.number.get() == number && matches!(top.state.get(), CallStackState::Parked | CallStackState::Covered) {
            return Some(top);
        }
        self.parked_below(number)
    }

    #[cold]
    fn parked_below(&self, number: u32) -> Option<&CallStack> {
        // SAFETY: `top` is null or points to a call stack that is alive.
        let is_idle = unsafe { self.0.top.get().as_ref() }.is_some_and(|top| top.state.get() == CallStackState::Idle);
        is_idle.then(|| self.leave_top())?;
        self.parked_top(number)
    }

    #[inline(always)]
    fn go_on(&self, stack: &CallStack) -> Called {
        // No `match`: that would be a jump through a table.
        let outcome = self.run(stack);
        if outcome == Outcome::Returned {
            stack.state.set(CallStackState::Idle);
            Called::Returned
        } else if outcome == Outcome::Parked {
            let number = self.0.parked.get().wrapping_add(1).max(1);
            self.0.parked.set(number);
            stack.number.set(number);
            stack.state.set(CallStackState::Parked);
            Called::Parked
        } else {
            self.left(stack)
        }
    }

    #[cold]
    fn left(&self, stack: &CallStack) -> Called {
        assert_ne!(stack.outcome(), Outcome::Covered, "only `before_entry` covers");
        let failure = stack.take_failure();
        self.pop();
        failure.map_or(Called::Returned, |failure| self.fail(*failure))
    }

    /// A new top, which enters wasmer when it runs.
    #[cold]
    fn enter(&self, wasm_stack: &WasmStack) -> Result<&CallStack, Failure> {
        self.before_entry();
        let spare = self.0.spare.borrow_mut().pop();
        let stack = spare.or_else(CallStack::new).ok_or_else(|| {
            let message = "there is no room for a call stack: the system refuses to map one".to_owned();
            Error::from(ErrorKind::Memory { message })
        })?;
        stack.set_wasm_stack(wasm_stack);
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
        let mut spare = self.0.spare.borrow_mut();
        if spare.len() < SPARE {
            spare.push(stack);
        }
    }

    #[inline(always)]
    fn run(&self, stack: &CallStack) -> Outcome {
        self.0.running.set(stack);
        // SAFETY: it is the top, and waits.
        let outcome = unsafe { stack.run() };
        self.0.running.set(ptr::null());
        outcome
    }

    /// The call stack whose wasm runs now: its imports may park. None if the host runs, or wasm that was entered otherwise.
    #[inline]
    pub fn parkable(&self) -> Option<&CallStack> {
        // SAFETY: `running` is null or points to a call stack that is alive.
        unsafe { self.0.running.get().as_ref() }
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
            Some(stack) => unsafe { Job::run_on(stack.host(), host) },
        };
        while self.0.count.get() > count {
            self.leave_top();
        }
        self.0.running.set(running);
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// Leaves the top if it is idle, or covers it if it is parked. To be called before anything else enters wasmer.
    #[inline]
    pub fn before_entry(&self) {
        // SAFETY: `top` is null or points to a call stack that is alive.
        let Some(top) = (unsafe { self.0.top.get().as_ref() }) else { return };
        match top.state.get() {
            CallStackState::Idle => self.leave_top(),
            CallStackState::Parked => self.cover(top),
            CallStackState::Covered | CallStackState::Running => {}
        }
    }

    #[cold]
    fn cover(&self, stack: &CallStack) {
        stack.covered_at.set(stack.parked_at().unwrap_or_default());
        match self.run(stack) {
            Outcome::Covered => stack.state.set(CallStackState::Covered),
            _ => unreachable!("a parked import waits for its result"),
        }
    }

    /// The innermost call of a host function that runs; null for none.
    #[inline]
    pub fn host_call(&self) -> &Cell<*const HostCall> {
        &self.0.host_call
    }

    /// The calls that are parked: where wasm's stack was saved, and the import for which each waits.
    pub fn parked_calls(&self) -> impl Iterator<Item = (usize, *const c_void)> {
        let mut next: *const CallStack = self.0.top.get();
        // SAFETY: `top` is null or points to a call stack that is alive, and so does `below`.
        let stacks = std::iter::from_fn(move || unsafe { next.as_ref() }.inspect(|stack| next = stack.below.get()));
        stacks.filter_map(|stack| Some((stack.parked_at()?, stack.import())))
    }

    /// Leaves and frees what is not in use. To be called before the thread ends.
    pub fn free_idle(&self) {
        // SAFETY: `top` is null or points to a call stack that is alive.
        if unsafe { self.0.top.get().as_ref() }.is_some_and(|top| top.state.get() == CallStackState::Idle) {
            self.leave_top();
        }
        self.0.spare.borrow_mut().clear();
    }

    /// Leaves the top, which is idle or was abandoned.
    #[cold]
    fn leave_top(&self) {
        // SAFETY: the callers have looked that there is a top.
        let stack = unsafe { &*self.0.top.get() };
        match stack.state.get() {
            CallStackState::Idle => {}
            CallStackState::Parked | CallStackState::Covered => {
                let message = "a call was abandoned".to_owned();
                stack.set_result(Some(Box::new(Thrown::error(ErrorKind::Internal { message }.into()))));
            }
            CallStackState::Running => unreachable!("a call above has ended before wasm goes on"),
        }
        match self.run(stack) {
            Outcome::Left => {
                drop(stack.take_failure());
                self.pop();
            }
            _ => unreachable!("there was no call"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Compiler, Quota};
    use crate::store::test_support::{COMPILERS, call, compile, function, instantiate, new_store};
    use crate::store::{Callable, Extern, HostFunction, Store};

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
        match unsafe { function.call_fast(store, function.stack_pointer(store), &mut value, Parks::Never, &mut None) } {
            // SAFETY: the result is an i32.
            Called::Returned => Ok(unsafe { value.i32 }),
            Called::Failed => Err(store.take_failure()),
            Called::Parked => panic!("these host functions are not parkable"),
        }
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
        let failure = fast(&store, functions.import).unwrap_err();
        assert!(matches!(&failure, Failure::Error(error) if error.code().0 == "ERR_RELINK_INTERNAL"), "{failure:?}");
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

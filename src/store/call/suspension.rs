//! Calls whose imports may suspend them.

use crate::error::{Error, ErrorKind};
use crate::store::call::own_stacks::OwnStacks;
use crate::store::call::stack_pointer::StackPointer;
use crate::store::call::suspendable_call::{CallState, SuspendableCall, give_control};
use crate::store::call::suspendable_calls::SuspendableCalls;
use crate::store::gc::rooted::Rooted;
use crate::store::trap::{Failure, Thrown};
use crate::store::watch::{checkpoint, interrupts};
use crate::store::{FuncRef, Node, RawValue, Store};
use std::cell::RefCell;
use std::error::Error as StdError;
use std::fmt;
use std::ptr;

pub use crate::store::call::suspendable_calls::AVAILABLE as HAS_SUSPENSION;

/// A call of a function whose imports may suspend it.
pub struct PromisingCall {
    call: Box<SuspendableCall>,
    shadow_stacks: OwnStacks,
    /// What the stack of the suspended call may refer to
    roots: RefCell<Vec<Rooted<Node>>>,
    /// How often the store had been interrupted before the call
    interrupts: u64,
}

/// How far a call has come.
#[derive(Debug, Clone, Copy)]
pub enum Progress {
    /// It has returned; its results are in its values.
    Returned,
    /// An import has not returned yet: the call is to go on with its results, which go to this address.
    Suspended { import: usize, results: *mut RawValue },
}

/// What an import throws to suspend the call, with a number by which its host knows the import.
#[derive(Debug)]
pub(in crate::store) struct Suspension {
    pub import: usize,
}

impl fmt::Display for Suspension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an import has not returned yet")
    }
}

impl StdError for Suspension {}

impl Thrown {
    /// What `HostFunction::call` returns to suspend the call. `import` is a number for `Progress::Suspended`.
    pub fn suspension(import: usize) -> Self {
        Self(Box::new(Suspension { import }))
    }
}

impl PromisingCall {
    /// A call of `function` with these values: its arguments, and room for its results.
    ///
    /// # Errors
    /// `Memory`, `Limit` where there is no room for its stacks.
    ///
    /// # Safety
    /// As for `FuncRef::call`.
    pub unsafe fn new(
        store: &Store,
        function: FuncRef,
        pointer: StackPointer,
        values: Box<[RawValue]>,
    ) -> Result<Self, Failure> {
        let stack = SuspendableCalls::of_thread().take_stack(store.wasm_stack.size())?;
        let shadow_stacks = OwnStacks::new(store, function, pointer)?;
        // SAFETY: by the contract of this function. The record is that of the store's thread.
        let call = unsafe { SuspendableCall::new(function, values, stack, store.host_stack.record) };
        let interrupts = store.interrupt_token.get().map_or(0, |token| interrupts::count(*token));
        Ok(Self { call, shadow_stacks, roots: RefCell::default(), interrupts })
    }

    /// Begins the call, or goes on with it after `Suspended`: then the import has returned, or throws.
    ///
    /// # Errors
    /// As for `FuncRef::call`; and `Suspension` if the call cannot be suspended there. The call does not go on afterwards.
    ///
    /// # Safety
    /// As for `FuncRef::call`. The results of the import are written.
    pub unsafe fn go_on(&self, store: &Store, thrown: Option<Thrown>) -> Result<Progress, Failure> {
        let call = &*self.call;
        // The exception of the import may be pending already.
        let refused = |error: Error| store.after_failure(error.into());
        if self.has_ended() {
            store.suspended.borrow_mut().remove(&ptr::from_ref(call));
            let message = "the call cannot go on: an instance that it uses was recycled meanwhile".to_owned();
            return Err(refused(ErrorKind::Suspend { message }.into()));
        }
        if !matches!(call.state(), CallState::New | CallState::Suspended) {
            let message = "internal error: a call was resumed that has ended".to_owned();
            return Err(refused(ErrorKind::Internal { message }.into()));
        }
        store.suspended.borrow_mut().remove(&ptr::from_ref(call));
        checkpoint::enter(store.host_stack.record).map_err(refused)?;
        store.call_stacks.before_entry();
        let _entered = store.host_stack.enter();
        // An interrupt since the call began ends it at the checkpoint after the import, whatever that has thrown.
        let is_interrupted = call.state() == CallState::Suspended
            && store.interrupt_token.get().is_some_and(|token| interrupts::repeat(*token, self.interrupts));
        call.set_thrown(thrown.filter(|_| !is_interrupted).map(Box::new));
        let data = ptr::from_ref(call).cast_mut().cast();
        // SAFETY: the call is new or suspended, and `give_control` has nothing to drop.
        let run = || unsafe { store.wasm_stack.run(give_control, data) };
        let run = || SuspendableCalls::of_thread().run(call, run);
        // SAFETY: no collection runs while wasm is on the stack.
        let result = unsafe { self.shadow_stacks.run(store, run, || call.state() == CallState::Suspended) };
        self.roots.borrow_mut().clear();
        result.map_err(|failure| store.after_failure(failure))?;
        if call.state() == CallState::Returned {
            return Ok(Progress::Returned);
        }
        let (import, results) = call.import();
        let nodes = store.nodes_in(call.words().iter().copied());
        self.roots.borrow_mut().extend(nodes.iter().map(|node| Rooted::of(*node, Some(*node), &store.roots)));
        store.suspended.borrow_mut().insert(ptr::from_ref(call), nodes);
        Ok(Progress::Suspended { import, results })
    }

    /// Whether an instance that it uses was recycled while it was suspended: it cannot go on.
    pub fn has_ended(&self) -> bool {
        self.call.state() == CallState::Ended
    }

    /// Its arguments or results.
    pub fn values(&self) -> &RefCell<Box<[RawValue]>> {
        self.call.values()
    }

    /// The import, if the call was to be suspended for it.
    pub fn import(&self) -> Option<usize> {
        (self.call.state() == CallState::Suspended).then(|| self.call.import().0)
    }

    /// What the stack of the suspended call may refer to.
    pub fn nodes(&self) -> Vec<Node> {
        self.roots.borrow().iter().map(|root| **root).collect()
    }

    /// Frees the stacks of a call that has ended or will not go on.
    pub fn free(self, store: &Store) {
        store.suspended.borrow_mut().remove(&ptr::from_ref(&*self.call));
        SuspendableCalls::of_thread().give_back(self.call.into_stack());
        self.shadow_stacks.free(store);
    }
}

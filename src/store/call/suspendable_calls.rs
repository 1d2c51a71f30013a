//! The suspendable calls of a thread.

use crate::error::{Error, ErrorKind};
use crate::store::call::suspendable_call::{CallState, SuspendableCall};
use crate::store::call::suspendable_stack::SuspendableStack;
use std::cell::{Cell, RefCell};
use std::ptr;
use std::rc::Rc;

pub use crate::store::watch::signal::AVAILABLE;

/// Number of stacks that a thread keeps for later calls.
const SPARE: usize = 8;

/// The suspendable calls of a thread.
#[derive(Clone, Default)]
pub(in crate::store) struct SuspendableCalls(Rc<ThreadCalls>);

#[derive(Default)]
struct ThreadCalls {
    /// The call that has control; null for none
    running: Cell<*const SuspendableCall>,
    spare: RefCell<Vec<SuspendableStack>>,
}

thread_local! {
    static OF_THREAD: SuspendableCalls = SuspendableCalls::default();
}

impl SuspendableCalls {
    /// The suspendable calls of this thread.
    pub fn of_thread() -> Self {
        OF_THREAD.with(Clone::clone)
    }

    /// A stack of `size` bytes.
    ///
    /// # Errors
    /// `Memory` where there is no room.
    pub fn take_stack(&self, size: usize) -> Result<SuspendableStack, Error> {
        let mut spare = self.0.spare.borrow_mut();
        if let Some(index) = spare.iter().position(|stack| stack.size() == size) {
            return Ok(spare.swap_remove(index));
        }
        SuspendableStack::new(size).ok_or_else(|| {
            let message = "there is no room for the stack of a call that may be suspended".to_owned();
            ErrorKind::Memory { message }.into()
        })
    }

    /// Takes back the stack of a call that has ended or will not go on.
    pub fn give_back(&self, stack: SuspendableStack) {
        let mut spare = self.0.spare.borrow_mut();
        if spare.len() < SPARE && stack.take_back() {
            spare.push(stack);
        }
    }

    /// Frees the stacks that are kept for later.
    pub fn free_spare(&self) {
        self.0.spare.borrow_mut().clear();
    }

    /// The call whose wasm, on its own stack, calls this function. None if other wasm does.
    pub fn here(&self) -> Option<&SuspendableCall> {
        let marker = 0_u8;
        // SAFETY: `run` has set the call, which is alive until `run` returns.
        let call = unsafe { self.0.running.get().as_ref() }?;
        call.has((&raw const marker).addr()).then_some(call)
    }

    /// Runs `run`, in which `call` has control.
    pub fn run<T>(&self, call: &SuspendableCall, run: impl FnOnce() -> T) -> T {
        debug_assert!(matches!(call.state(), CallState::New | CallState::Suspended));
        let outer = self.0.running.replace(ptr::from_ref(call));
        let result = run();
        self.0.running.set(outer);
        result
    }
}

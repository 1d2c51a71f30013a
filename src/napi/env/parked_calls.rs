//! The list of parked calls of a thread.

use crate::napi::env::running::Running;
use crate::store::SuspendedScope;
use std::cell::RefCell;
use std::ffi::c_void;
use std::rc::Rc;

/// The calls of a thread that have parked and not ended, innermost last. JavaScript is in an import of each, or it has
/// resumed the call, whose wasm runs.
#[derive(Default)]
pub struct ParkedCalls(RefCell<Vec<Parked>>);

/// A call that has parked.
pub struct Parked {
    /// The number of the call; 0 while its wasm runs
    pub number: u32,
    /// The data of the called function, which this owns
    pub function: *const c_void,
    /// The running function of the enclosing call
    pub enclosing: Running,
    /// The store's scope of the call
    pub scope: SuspendedScope,
    /// Number of times that it has parked
    pub parkings: u32,
    /// The address of the `info` of the callback that has returned to JavaScript, on the host's stack
    pub position: usize,
}

/// Most parked calls that JavaScript can be in within one frame: more than V8 inlines into one function.
const MOST_INLINED: usize = 32;

/// Bytes of the host's stack that two JavaScript frames take at least.
const TWO_FRAMES: usize = 128;

/// Most bytes by which the frame of a JavaScript function shrinks when V8 replaces its code. Node's frames between a call of
/// `vm` and the code that it runs are larger.
const MOST_SHRINKAGE: usize = 2 << 10;

thread_local! {
    static OF_THREAD: Rc<ParkedCalls> = Rc::default();
}

impl ParkedCalls {
    /// The list of this thread.
    pub fn of_thread() -> Rc<Self> {
        OF_THREAD.with(Rc::clone)
    }

    /// Number of calls.
    #[inline]
    pub fn len(&self) -> usize {
        self.0.borrow().len()
    }

    /// Adds a call.
    #[inline]
    pub fn push(&self, parked: Parked) {
        self.0.borrow_mut().push(parked);
    }

    /// Takes the innermost call.
    pub fn pop(&self) -> Option<Parked> {
        self.0.borrow_mut().pop()
    }

    /// The data of the function of the innermost call, if that has this number. It is taken for running until `park_again`.
    #[inline]
    pub fn run_numbered(&self, number: u32) -> Option<*const c_void> {
        let mut calls = self.0.borrow_mut();
        let last = calls.last_mut().filter(|parked| parked.number == number)?;
        last.number = 0;
        Some(last.function)
    }

    /// Notes that the innermost call, which was running, has parked again.
    #[inline]
    pub fn park_again(&self, number: u32, position: usize) {
        if let Some(last) = self.0.borrow_mut().last_mut() {
            last.number = number;
            last.position = position;
            last.parkings = last.parkings.saturating_add(1);
        }
    }

    /// Takes the innermost call above the one with this number; none if there is no such call.
    pub fn pop_above(&self, number: u32) -> Option<Parked> {
        let mut calls = self.0.borrow_mut();
        let at = calls.iter().position(|parked| parked.number == number)?;
        if at + 1 < calls.len() { calls.pop() } else { None }
    }

    /// Takes the innermost call, if no JavaScript is left that could resume it: the position of a callback that runs now is
    /// below that of each call that JavaScript is still in. A call at about the same position may have been left, or V8 has
    /// inlined the caller into its frame: if there are more of them than V8 inlines, it was left.
    #[inline]
    pub fn pop_abandoned(&self, here: usize) -> Option<Parked> {
        let mut calls = self.0.borrow_mut();
        let is_left = |parked: &Parked| parked.number != 0 && parked.position + MOST_SHRINKAGE < here;
        if calls.len() <= MOST_INLINED || calls.last().is_some_and(is_left) {
            return calls.pop_if(|parked| is_left(parked));
        }
        let is_here = |parked: &Parked| parked.number != 0 && parked.position < here + TWO_FRAMES;
        let are_here = calls.iter().rev().take(MOST_INLINED + 1).all(is_here);
        if are_here { calls.pop() } else { None }
    }
}

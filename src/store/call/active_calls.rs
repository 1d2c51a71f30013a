//! The calls in progress inside a function, found on the wasm stacks when somebody asks.
//!
//! Calls note nothing for this but where a host function was called. Return addresses on the stacks say which functions are
//! running: see `docs/internals/active-calls.md`.

use crate::engine::function_code;
use crate::store::call::host::HostContext;
use crate::store::call::host_call::HostCall;
use crate::store::call::stack_bases::stack_base;
use crate::store::call::suspendable_call::CallState;
use crate::store::{FuncRef, Store};
use std::iter;
use std::ops::Range;
use std::ptr;

/// The code of functions, in each form that may run.
#[derive(Default)]
struct Searched {
    codes: Vec<Range<usize>>,
    /// The code of those that are adapters of host functions
    adapters: Vec<Range<usize>>,
    /// The contexts of the host functions among them, and of those that adapters call
    hosts: Vec<usize>,
}

impl Store {
    /// Number of calls in progress in which one of some functions is on the stack: a stack of wasm counts once. Calls that an import has
    /// parked or suspended count too. Functions of instances with the same code count as one. At most too great, never too
    /// small.
    pub fn active_calls(&self, functions: &[FuncRef]) -> u32 {
        let mut searched = Searched::default();
        functions.iter().for_each(|function| searched.add(self, *function));
        let mut count = 0;
        for call in self.host_calls() {
            count += u32::from(searched.is_below(call));
        }
        for (at, parked) in self.call_stacks.parked_calls() {
            // SAFETY: the functions are alive.
            let is_it = |host: &usize| unsafe { HostContext::parkable_at(*host) } == Some(parked);
            count += u32::from(searched.hosts.iter().any(is_it) || searched.is_from(at, at));
        }
        for call in self.suspended.borrow().keys() {
            // SAFETY: a call is taken out of the map before it goes on or is freed.
            let words = unsafe { (**call).wasm_words() };
            count += u32::from(has_return(words, &searched.codes) || has_return(words, &searched.adapters));
        }
        count
    }

    /// Number of calls that are suspended, and will go on.
    pub fn suspended_calls(&self) -> u32 {
        // SAFETY: as above.
        let states = self.suspended.borrow().keys().map(|call| unsafe { (**call).state() }).collect::<Vec<_>>();
        states.iter().filter(|state| **state == CallState::Suspended).count() as u32
    }

    /// The calls of host functions that run on this thread.
    fn host_calls(&self) -> impl Iterator<Item = &HostCall> {
        let mut next = self.call_stacks.host_call().get();
        // SAFETY: a call lies in a frame that waits for its end, and then is taken out of the list.
        iter::from_fn(move || unsafe { next.as_ref() }.inspect(|call| next = call.outer))
    }
}

impl Searched {
    fn add(&mut self, store: &Store, function: FuncRef) {
        let function = function.canonical(store);
        let Some((instance, index)) = function.locate(store) else {
            self.hosts.push(function.context());
            return;
        };
        let copy = instance.tier_up().map(|tier_up| tier_up.function(store, index));
        let bodies = iter::once(function).chain(copy).map(|function| function.callee().func_ptr.addr());
        let codes = bodies.filter_map(function_code);
        // Calls through the dispatch table skip a forwarder.
        self.hosts.extend(function.skipped_to(store).map(FuncRef::context));
        match instance.contents.imports[..] {
            // The adapter of a host function has no other function.
            [import] if !instance.is_users() && import.instance(store).is_none() => {
                self.hosts.push(import.context());
                self.adapters.extend(codes);
            }
            _ => self.codes.extend(codes),
        }
    }

    /// Whether a function is on the stack below the call of a host function, or is it.
    fn is_below(&self, call: &HostCall) -> bool {
        self.hosts.contains(&call.context) || self.is_from(ptr::from_ref(call).addr(), call.from)
    }

    /// Whether the code of a function is on the wasm stack that has the address `at`. `from` is where its frames begin, if that
    /// is on the stack. True if the stack is unknown.
    fn is_from(&self, at: usize, from: usize) -> bool {
        if self.codes.is_empty() {
            return false;
        }
        let Some(base) = stack_base(at) else { return true };
        let begin = if (at..base).contains(&from) { from } else { at };
        let begin = begin.next_multiple_of(size_of::<usize>());
        // SAFETY: the stack is in use from `at` to its base, and waits for this thread. Its words were written, or mapped as
        // zeros.
        let words = unsafe {
            std::slice::from_raw_parts(ptr::with_exposed_provenance(begin), (base - begin) / size_of::<usize>())
        };
        has_return(words, &self.codes)
    }
}

/// Whether a word may be a return address in one of the codes. A return address is after the call, which may be the end.
fn has_return(words: &[usize], codes: &[Range<usize>]) -> bool {
    words.iter().any(|word| codes.iter().any(|code| code.start < *word && *word <= code.end))
}

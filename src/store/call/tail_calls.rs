//! Tail calls between instances: what their code asks the host (`src/rewrite/transform/tail_calls`).
//!
//! A driver loop may call a function so that it leaves its own tail call to the loop, only if that function is an entry. The
//! code of an instance asks by growing a table of its own: so neither compiler needs an import, and indices stay.

use crate::engine::{grow_table, replace_builtins, set_own_table};
use crate::rewrite::{FETCH, OTHER, OWN, PUBLISH};
use crate::store::FuncRef;
use crate::store::watch::checkpoint::brief;
use rustc_hash::FxHashMap;
use std::cell::RefCell;
use std::ptr::NonNull;
use wasmer::sys::vm::{VMBuiltinFunctionIndex as Index, VMContext, VMGlobalDefinition, VMInstance, VMSignatureHash};

/// A global of type i32 that an instance defines.
#[derive(Clone, Copy)]
pub(in crate::store) struct TailState(NonNull<VMGlobalDefinition>);

impl TailState {
    /// The global with this definition.
    pub fn new(definition: NonNull<VMGlobalDefinition>) -> Self {
        Self(definition)
    }

    fn get(self) -> i32 {
        // SAFETY: an instance keeps the globals that it defines, and leaves `KNOWN` before they are freed. Only this thread
        // uses them.
        unsafe { (*self.0.as_ptr()).val.i32 }
    }

    fn set(self, value: i32) {
        // SAFETY: as in `get`.
        unsafe { (*self.0.as_ptr()).val.i32 = value };
    }
}

/// An instance whose code has tail calls.
pub(in crate::store) struct Asking {
    /// Index of its table for questions, among the tables that it defines
    pub table: u32,
    /// Hash of each of its function types
    pub types: Box<[VMSignatureHash]>,
    /// Not 0 while one of its tail calls waits
    pub waiting: TailState,
}

/// What is known of the instances of this thread whose code has tail calls.
#[derive(Default)]
struct Known {
    /// By the address of the context
    asking: FxHashMap<usize, Asking>,
    /// The flag of each entry, by the addresses of its code and its context
    entries: FxHashMap<(usize, usize), TailState>,
    /// The flag that was set last; its entry may not have run yet
    flagged: Option<TailState>,
    /// The step that was published last, and the context of its instance. If no call of that instance waits, a driver loop of
    /// the instance has made it
    step: Option<(usize, usize)>,
}

thread_local! {
    static KNOWN: RefCell<Known> = RefCell::default();
}

/// Makes the entries of an instance known, until it is dropped.
pub(in crate::store) struct KnownEntries {
    context: usize,
}

impl KnownEntries {
    /// The entries of a new instance whose code has not run yet, and what its code asks with.
    pub fn of(vm: &VMInstance, entries: impl Iterator<Item = FuncRef>, flag: TailState, asking: Asking) -> Self {
        let context = vm.vmctx_ptr() as usize;
        replace_builtins(vm, &[(Index::get_table_grow_index(), answer as *const ())]);
        let code = |entry: FuncRef| entry.callee().func_ptr as usize;
        KNOWN.with_borrow_mut(|known| {
            known.entries.extend(entries.map(|entry| ((code(entry), context), flag)));
            known.asking.insert(context, asking);
        });
        Self { context }
    }
}

impl Drop for KnownEntries {
    fn drop(&mut self) {
        // The thread may be ending, and have dropped all of it.
        let _ = KNOWN.try_with(|known| {
            let mut known = known.borrow_mut();
            known.asking.remove(&self.context);
            known.entries.retain(|(_, context), _| *context != self.context);
            // Nothing runs now, so no flag waits for an entry.
            known.flagged = None;
        });
    }
}

/// Forgets the tail call that a failed call may have been about to make.
pub(in crate::store) fn forget_waiting() {
    KNOWN.with_borrow_mut(|known| {
        known.step = None;
        if let Some(flag) = known.flagged.take() {
            flag.set(0);
        }
    });
}

impl Known {
    /// The answer to a question of the instance with this context; none for a table that is not for questions. The caller
    /// puts the last result into the table, if there is one.
    fn answer(&mut self, context: usize, reference: usize, question: u32, table: u32) -> Option<(u32, Option<usize>)> {
        let asking = self.asking.get(&context).filter(|asking| asking.table == table)?;
        match question.cast_signed() {
            PUBLISH => {
                self.step = Some((reference, context));
                Some((0, None))
            }
            FETCH => {
                let waits = |context| self.asking.get(&context).is_some_and(|asking| asking.waiting.get() != 0);
                let step = self.step.take().filter(|(_, context)| waits(*context)).map_or(0, |(step, _)| step);
                Some((u32::from(step != 0), Some(step)))
            }
            ty => {
                // SAFETY: code passes a funcref of its store.
                let callee = unsafe { FuncRef::from_raw(reference) }.map(FuncRef::callee);
                let expected = asking.types.get(ty as usize)?;
                let fits = callee.filter(|callee| callee.type_signature_hash == *expected);
                // SAFETY: both members of the union are pointers.
                let key = fits.map(|callee| unsafe { (callee.func_ptr as usize, callee.vmctx.host_env as usize) });
                let Some((key, flag)) = key.and_then(|key| Some((key, *self.entries.get(&key)?))) else {
                    return Some((0, None));
                };
                let whose = if key.1 == context { OWN } else { OTHER };
                flag.set(whose);
                self.flagged = Some(flag);
                Some((whose.cast_unsigned(), None))
            }
        }
    }
}

/// `table.grow` in an instance whose code has tail calls.
unsafe extern "C" fn answer(context: *mut VMContext, value: usize, delta: u32, table: u32) -> u32 {
    // SAFETY: compiled code is on the stack, and nothing above it has a value to drop.
    unsafe { brief() };
    match KNOWN.with_borrow_mut(|known| known.answer(context as usize, value, delta, table)) {
        Some((answer, None)) => answer,
        Some((answer, Some(step))) => {
            // SAFETY: the table is one of the instance with this context, has an entry, and holds references to functions.
            unsafe { set_own_table(context, table, 0, step) };
            answer
        }
        // SAFETY: compiled code passes the arguments that this builtin function expects.
        None => unsafe { grow_table(context, value, delta, table) },
    }
}

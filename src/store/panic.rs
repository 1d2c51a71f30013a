//! Rust panics that end in traps.

use crate::error::{Error, ErrorKind, Panic, StackFrame};
use crate::store::call::lowered_stack::Lowered;
use crate::store::instance::entity::Instance;
use crate::store::trap::Failure;
use crate::store::{GlobalId, Store};
use crate::wasm::{ExternKind, PanickedGuest, path};
use std::rc::Rc;
use wasmer::ExportIndex;
use wasmer::sys::vm::VMExtern;
use wasmer_types::GlobalIndex;

/// Number of innermost frames, one of which is a function of the panic.
const FRAMES: usize = 16;

/// The export that holds the address of the record of `relinkable::report_panics`.
const RECORD: &str = "relink:panic";

impl Failure {
    /// Adds the Rust panic to the error of the last failed call, if its trap ended one.
    #[cold]
    pub(in crate::store) fn with_panic(self, store: &Store) -> Self {
        let lowered = store.shadow_stacks.take_lowered();
        let Self::Error(error) = self else { return self };
        let ErrorKind::Trap { trap: "unreachable", trace: Some(trace), .. } = error.kind() else { return error.into() };
        let frames = trace.frames(FRAMES);
        let is_named = frames.iter().any(|frame| frame.name.is_some());
        let has_name = |frame: &StackFrame| frame.name.as_ref().is_some_and(|name| name.contains("panic"));
        if is_named && !frames.iter().any(has_name) {
            return error.into();
        }
        let Some(module) = trace.functions(1).first().map(|function| function.module) else { return error.into() };
        let panicked = lowered.iter().find_map(|stack| {
            let instances = store.instances.borrow();
            let mut users = instances.values().filter(|instance| stack.is_of(instance.stack_pointer()));
            let instance = users.find(|instance| instance.runs(module))?.clone();
            drop(instances);
            find(store, &instance, stack)
        });
        match panicked {
            Some(panic) => Error::from(error.kind().clone().with_panic(panic)).into(),
            None => error.into(),
        }
    }
}

impl Instance {
    /// Whether it runs this code, which `TracedFunction` names.
    pub fn runs(&self, module: usize) -> bool {
        self.code().id() == module || self.tier_up().is_some_and(|tier_up| tier_up.code().id() == module)
    }

    /// The value of the immutable global `name` that it exports.
    fn address(&self, store: &Store, name: &str) -> Option<u32> {
        let mut exports = self.code().binary.exports.iter();
        let export = exports.find(|export| export.kind == ExternKind::Global && export.name == name)?;
        let VMExtern::Global(handle) = self.lookup(ExportIndex::Global(GlobalIndex::from_u32(export.index))) else {
            return None;
        };
        // SAFETY: the linker exports the address of a variable as an i32. Any other value is read as one, and checked.
        Some(unsafe { GlobalId::of(store, handle).get(store).u32 })
    }
}

fn find(store: &Store, instance: &Rc<Instance>, stack: &Lowered) -> Option<Panic> {
    if !instance.has_started() {
        return None;
    }
    let (base, length) = instance.first_memory(store).filter(|memory| !memory.is_shared(store))?.data(store);
    if length == 0 {
        return None;
    }
    let record = instance.address(store, RECORD);
    let table = (!instance.code().binary.tables.is_empty()).then(|| instance.table(store, 0));
    let function = |entry: u32| {
        let function = table?.function(store, entry).ok().flatten()?;
        let (instance, index) = function.locate(store)?;
        Some(path(instance.code().function_name(index)?).into_owned())
    };
    let (panic, clear) = {
        // SAFETY: the memory is not shared and never moves, and no wasm runs while this is borrowed.
        let memory = unsafe { std::slice::from_raw_parts(base.cast_const(), length) };
        let guest = PanickedGuest { memory, function: &function };
        match record.and_then(|record| guest.recorded(record)) {
            // The record is used once: a later trap may be no panic.
            Some(panic) => {
                (panic, record.and_then(|record| record.checked_add(PanickedGuest::LINE)).into_iter().collect())
            }
            None => guest
                .on_stack(stack.range())
                .map(|(panic, found)| (panic, if stack.is_dead() { found } else { vec![] }))?,
        }
    };
    for at in clear.into_iter().map(|at: u32| at as usize).filter(|at| at + 4 <= length) {
        // SAFETY: it lies in the memory, which nothing borrows any more.
        unsafe { base.add(at).cast::<[u8; 4]>().write([0; 4]) };
    }
    Some(panic)
}

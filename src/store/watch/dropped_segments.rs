//! The passive segments that an instance has dropped, if it may be recycled: then they must come back. wasmer forgets a segment
//! for good, so these functions take the place of its own, and only note the drop.

use crate::engine::replace_builtins;
use crate::store::watch::bulk::{memory_init, table_init};
use crate::store::watch::checkpoint::here;
use rustc_hash::{FxHashMap, FxHashSet};
use std::cell::RefCell;
use wasmer::sys::vm::{VMBuiltinFunctionIndex as Index, VMContext, VMInstance};

/// Indices of dropped segments.
#[derive(Default)]
pub struct DroppedSegments {
    data: FxHashSet<u32>,
    elements: FxHashSet<u32>,
}

thread_local! {
    /// By the address of the instance's context. Only instances that have dropped a segment are here.
    static DROPPED: RefCell<FxHashMap<usize, DroppedSegments>> = RefCell::default();
}

/// Installs the functions in a new instance whose code has not run yet, and which may be recycled.
pub fn install(instance: &VMInstance) {
    replace_builtins(
        instance,
        &[
            (Index::get_memory_init_index(), init_memory as *const ()),
            (Index::get_table_init_index(), init_table as *const ()),
            (Index::get_data_drop_index(), drop_data as *const ()),
            (Index::get_elem_drop_index(), drop_elements as *const ()),
        ],
    );
}

/// Takes the dropped segments of an instance: from then on it has all of them.
pub fn take(context: *mut VMContext) -> DroppedSegments {
    // At the end of a thread the map may be gone before the instances.
    let taken = DROPPED.try_with(|all| all.borrow_mut().remove(&context.addr()));
    taken.ok().flatten().unwrap_or_default()
}

/// Puts back what `take` has taken.
pub fn put_back(context: *mut VMContext, dropped: DroppedSegments) {
    DROPPED.with_borrow_mut(|all| all.insert(context.addr(), dropped));
}

fn is_dropped(context: *mut VMContext, which: impl FnOnce(&DroppedSegments) -> bool) -> bool {
    DROPPED.with_borrow(|all| all.get(&context.addr()).is_some_and(which))
}

/// Source and length for wasmer's function, in which they make the same of a whole segment as these of an empty one.
fn of_empty(from: u32, length: u32) -> (u32, u32) {
    if from == 0 && length == 0 { (0, 0) } else { (u32::MAX, u32::MAX) }
}

/// `memory.init`.
unsafe extern "C" fn init_memory(context: *mut VMContext, memory: u32, data: u32, to: u32, from: u32, length: u32) {
    let dropped = is_dropped(context, |segments| segments.data.contains(&data));
    let (from, length) = if dropped { of_empty(from, length) } else { (from, length) };
    // SAFETY: compiled code passes the arguments that wasmer's builtin function expects, and is on the stack.
    unsafe { memory_init(context, memory, data, to, from, length) }
}

/// `table.init`.
unsafe extern "C" fn init_table(context: *mut VMContext, table: u32, elements: u32, to: u32, from: u32, length: u32) {
    let dropped = is_dropped(context, |segments| segments.elements.contains(&elements));
    let (from, length) = if dropped { of_empty(from, length) } else { (from, length) };
    // SAFETY: as in `init_memory`.
    unsafe { table_init(context, table, elements, to, from, length) }
}

/// `data.drop`.
unsafe extern "C" fn drop_data(context: *mut VMContext, index: u32) {
    DROPPED.with_borrow_mut(|all| all.entry(context.addr()).or_default().data.insert(index));
    // SAFETY: compiled code is on the stack, and nothing above it has a value to drop.
    unsafe { here() }
}

/// `elem.drop`.
unsafe extern "C" fn drop_elements(context: *mut VMContext, index: u32) {
    DROPPED.with_borrow_mut(|all| all.entry(context.addr()).or_default().elements.insert(index));
    // SAFETY: as in `drop_data`.
    unsafe { here() }
}

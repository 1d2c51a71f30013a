//! Where wasmer puts the memories, tables and globals of new instances.
//!
//! wasmer appends to lists that never shrink. Compiled code finds an object by its place in the list, so no
//! object may move; but a place whose object is gone can take another one.

use crate::engine::alloc::tunables::NoMemory;
use std::cell::RefCell;
use wasmer::sys::vm::{InternalStoreHandle, StoreObject, StoreObjects, TableStyle, VMGlobal, VMMemory, VMTable, VMTag};
use wasmer::{FunctionType, GlobalType, Mutability, TableType, TagKind, Type};

/// Places in the lists of a store.
#[derive(Default)]
pub struct Places {
    /// Of memories
    pub memories: Vec<InternalStoreHandle<VMMemory>>,
    /// Of tables
    pub tables: Vec<InternalStoreHandle<VMTable>>,
    /// Of globals
    pub globals: Vec<InternalStoreHandle<VMGlobal>>,
}

/// An object that has a place.
pub trait Placed: StoreObject {
    /// What stands in a place whose object is gone. It refers to nothing.
    fn stand_in() -> Self;
}

impl Placed for VMMemory {
    fn stand_in() -> Self {
        Self(Box::new(NoMemory))
    }
}

impl Placed for VMTable {
    fn stand_in() -> Self {
        let ty = TableType::new(Type::FuncRef, 0, Some(0));
        Self::new(&ty, &TableStyle::CallerChecksSignature).expect("a table without entries needs nothing")
    }
}

impl Placed for VMGlobal {
    fn stand_in() -> Self {
        Self::new(GlobalType::new(Type::I32, Mutability::Const))
    }
}

impl Placed for VMTag {
    fn stand_in() -> Self {
        Self::new(TagKind::Exception, FunctionType::new([], []))
    }
}

#[derive(Default)]
struct Placing {
    vacant: Places,
    made: Places,
}

thread_local! {
    static PLACING: RefCell<Placing> = RefCell::default();
}

/// Runs `make`, which makes the objects of one instance of this thread. They go to `vacant` places as long as
/// there are any. Gives those that were made, also where `make` failed half-way.
pub fn placing<R>(vacant: &mut Places, make: impl FnOnce() -> R) -> (R, Places) {
    PLACING.set(Placing { vacant: std::mem::take(vacant), made: Places::default() });
    let result = make();
    let Placing { vacant: left, made } = PLACING.take();
    *vacant = left;
    (result, made)
}

/// Puts an object of a new instance into its place.
pub(in crate::engine) fn place<T: Placed>(
    objects: &mut StoreObjects,
    object: T,
    list: impl Fn(&mut Places) -> &mut Vec<InternalStoreHandle<T>>,
) -> InternalStoreHandle<T> {
    PLACING.with_borrow_mut(|placing| {
        let handle = put(objects, list(&mut placing.vacant).pop(), object);
        list(&mut placing.made).push(handle);
        handle
    })
}

/// Puts an object into a vacant place, or a new one.
pub fn put<T: Placed>(
    objects: &mut StoreObjects,
    vacant: Option<InternalStoreHandle<T>>,
    object: T,
) -> InternalStoreHandle<T> {
    match vacant {
        Some(handle) => {
            *handle.get_mut(objects) = object;
            handle
        }
        None => InternalStoreHandle::new(objects, object),
    }
}

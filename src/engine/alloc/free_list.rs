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
pub struct FreeLists {
    /// Of memories
    pub memories: Vec<InternalStoreHandle<VMMemory>>,
    /// Of tables
    pub tables: Vec<InternalStoreHandle<VMTable>>,
    /// Of globals
    pub globals: Vec<InternalStoreHandle<VMGlobal>>,
}

/// An object that has a place.
pub trait InObjectList: StoreObject {
    /// What stands in a place whose object is gone. It refers to nothing.
    fn placeholder() -> Self;
}

impl InObjectList for VMMemory {
    fn placeholder() -> Self {
        Self(Box::new(NoMemory))
    }
}

impl InObjectList for VMTable {
    fn placeholder() -> Self {
        let ty = TableType::new(Type::FuncRef, 0, Some(0));
        Self::new(&ty, &TableStyle::CallerChecksSignature).expect("a table without entries needs nothing")
    }
}

impl InObjectList for VMGlobal {
    fn placeholder() -> Self {
        Self::new(GlobalType::new(Type::I32, Mutability::Const))
    }
}

impl InObjectList for VMTag {
    fn placeholder() -> Self {
        Self::new(TagKind::Exception, FunctionType::new([], []))
    }
}

#[derive(Default)]
struct FreeListScope {
    vacant: FreeLists,
    made: FreeLists,
}

thread_local! {
    static PLACING: RefCell<FreeListScope> = RefCell::default();
}

/// Runs `make`, which makes the objects of one instance of this thread. They go to `vacant` places as long as
/// there are any. Gives those that were made, also where `make` failed half-way.
pub fn with_free_lists<R>(vacant: &mut FreeLists, make: impl FnOnce() -> R) -> (R, FreeLists) {
    PLACING.set(FreeListScope { vacant: std::mem::take(vacant), made: FreeLists::default() });
    let result = make();
    let FreeListScope { vacant: left, made } = PLACING.take();
    *vacant = left;
    (result, made)
}

/// Puts an object of a new instance into its place.
pub(in crate::engine) fn place<T: InObjectList>(
    objects: &mut StoreObjects,
    object: T,
    list: impl Fn(&mut FreeLists) -> &mut Vec<InternalStoreHandle<T>>,
) -> InternalStoreHandle<T> {
    PLACING.with_borrow_mut(|with_free_lists| {
        let handle = put(objects, list(&mut with_free_lists.vacant).pop(), object);
        list(&mut with_free_lists.made).push(handle);
        handle
    })
}

/// Puts an object into a vacant place, or a new one.
pub fn put<T: InObjectList>(
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

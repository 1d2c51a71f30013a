//! Free lists: places in wasmer's object lists that new memories, tables and globals take again.
//!
//! wasmer's lists of a store only grow. Compiled code finds an object by its index in the list, so objects never move;
//! but a new object can take the index of a dropped one.

use crate::engine::alloc::tunables::NoMemory;
use std::cell::RefCell;
use wasmer::sys::vm::{InternalStoreHandle, StoreObject, StoreObjects, TableStyle, VMGlobal, VMMemory, VMTable, VMTag};
use wasmer::{FunctionType, GlobalType, Mutability, TableType, TagKind, Type};

/// Object indices in the lists of a store.
#[derive(Default)]
pub struct FreeLists {
    /// Of memories
    pub memories: Vec<InternalStoreHandle<VMMemory>>,
    /// Of tables
    pub tables: Vec<InternalStoreHandle<VMTable>>,
    /// Of globals
    pub globals: Vec<InternalStoreHandle<VMGlobal>>,
}

/// An object in one of wasmer's lists.
pub trait InObjectList: StoreObject {
    /// An object for a free index. It refers to nothing.
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

/// Runs `make`, which makes the objects of one instance on this thread. They take indices from `vacant` before new
/// ones. Gives the indices of all objects that were made, also if `make` failed half-way.
pub fn with_free_lists<R>(vacant: &mut FreeLists, make: impl FnOnce() -> R) -> (R, FreeLists) {
    PLACING.set(FreeListScope { vacant: std::mem::take(vacant), made: FreeLists::default() });
    let result = make();
    let FreeListScope { vacant: left, made } = PLACING.take();
    *vacant = left;
    (result, made)
}

/// Stores an object of a new instance at a free or new index.
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

/// Stores an object at a free index, or a new one.
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

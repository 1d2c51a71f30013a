//! Free lists: indices of dropped objects, which new memories, tables and globals reuse.
//!
//! wasmer's lists of a store only grow. Compiled code finds an object by its index in the list, so objects never move;
//! but a new object can take the index of a dropped one.

use std::ptr::NonNull;
use wasmer::sys::vm::{
    InternalStoreHandle, LinearMemory, MemoryError, StoreObject, StoreObjects, TableStyle, VMGlobal, VMMemory,
    VMMemoryDefinition, VMTable, VMTag,
};
use wasmer::{FunctionType, GlobalType, MemoryStyle, MemoryType, Mutability, Pages, TableType, TagKind, Type};

/// Object indices in the lists of a store.
#[derive(Default)]
pub struct ObjectIndices {
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

/// Stores an object at a free index, or a new one.
pub fn put<T: InObjectList>(
    objects: &mut StoreObjects,
    free: Option<InternalStoreHandle<T>>,
    object: T,
) -> InternalStoreHandle<T> {
    match free {
        Some(handle) => {
            *handle.get_mut(objects) = object;
            handle
        }
        None => InternalStoreHandle::new(objects, object),
    }
}

/// The placeholder of a dropped memory, which no instance and no JavaScript object uses.
#[derive(Debug)]
struct NoMemory;

impl LinearMemory for NoMemory {
    fn ty(&self) -> MemoryType {
        MemoryType::new(0, Some(0), false)
    }

    fn size(&self) -> Pages {
        Pages(0)
    }

    fn style(&self) -> MemoryStyle {
        MemoryStyle::Static
    }

    fn grow(&mut self, delta: Pages) -> Result<Pages, MemoryError> {
        Err(MemoryError::CouldNotGrow { current: Pages(0), attempted_delta: delta })
    }

    fn vmmemory(&self) -> NonNull<VMMemoryDefinition> {
        NonNull::dangling()
    }

    fn try_clone(&self) -> Result<Box<dyn LinearMemory + Send + Sync + 'static>, MemoryError> {
        Ok(Box::new(Self))
    }

    fn copy(&self) -> Result<Box<dyn LinearMemory + Send + Sync + 'static>, MemoryError> {
        Ok(Box::new(Self))
    }
}

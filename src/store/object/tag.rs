//! Exception tags.

use crate::engine::{function_type, value_type};
use crate::store::{Store, TagId};
use crate::wasm::FuncType;
use wasmer::TagKind;
use wasmer::sys::vm::{InternalStoreHandle, VMTag};

impl TagId {
    /// Makes a tag. Its exceptions carry values of the types of `ty`'s parameters.
    pub fn new(store: &Store, ty: &FuncType) -> TagId {
        let tag = VMTag::new(TagKind::Exception, function_type(ty));
        let handle = store.with_objects(|objects| store.tags.borrow_mut().add(objects, tag));
        TagId::of(store, handle)
    }

    pub(in crate::store) fn of(store: &Store, handle: InternalStoreHandle<VMTag>) -> TagId {
        TagId(store.tags.borrow_mut().id(handle))
    }

    /// Whether the tag exists and JavaScript's handles of it have not ended.
    pub fn is_open(self, store: &Store) -> bool {
        store.tags.borrow().find(self.0).is_some()
    }

    /// Whether the tag exists. wasm may throw and catch it even after JavaScript's handles of it have ended.
    pub fn exists(self, store: &Store) -> bool {
        store.tags.borrow().has(self.0)
    }

    pub(in crate::store) fn handle(self, store: &Store) -> InternalStoreHandle<VMTag> {
        store.tags.borrow().handle(self.0)
    }

    /// The tag's type: its parameters are the types of the values that its exceptions carry.
    pub fn ty(self, store: &Store) -> FuncType {
        let handle = self.handle(store);
        store.with_objects(|objects| {
            let signature = &handle.get(objects).signature;
            let list = |types: &[wasmer::Type]| types.iter().copied().map(value_type).collect();
            FuncType { parameters: list(signature.params()), results: list(signature.results()) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::test_support::{collect, new_store};
    use crate::store::{ExceptionRef, RawValue, Roots};
    use crate::wasm::ValType;

    #[test]
    fn an_exception_keeps_its_tag() {
        let store = new_store();
        let ty = FuncType { parameters: [ValType::I32].into(), ..FuncType::default() };
        let (thrown, other) = (TagId::new(&store, &ty), TagId::new(&store, &FuncType::default()));
        assert_eq!(thrown.ty(&store), ty);
        ExceptionRef::new(&store, thrown, &[RawValue { i32: 1 }]);
        collect(&store, &Roots::default());
        assert!(thrown.exists(&store) && thrown.is_open(&store) && !other.exists(&store));
        assert!(ExceptionRef::free_all(&store));
        collect(&store, &Roots::default());
        assert!(!thrown.exists(&store) && !thrown.is_open(&store));
    }
}

//! Exception tags.

use crate::engine::{function_type, value_type};
use crate::store::Store;
use crate::wasm::FuncType;
use wasmer::TagKind;
use wasmer::sys::vm::{InternalStoreHandle, VMTag};

/// An exception tag of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TagId(pub u32);

impl Store {
    /// Makes a tag. Its exceptions carry values of the types of `ty`'s parameters.
    pub fn tag_new(&self, ty: &FuncType) -> TagId {
        let tag = VMTag::new(TagKind::Exception, function_type(ty));
        let handle = self.with_objects(|objects| self.tags.borrow_mut().add(objects, tag));
        self.tag_id(handle)
    }

    pub(in crate::store) fn tag_id(&self, handle: InternalStoreHandle<VMTag>) -> TagId {
        TagId(self.tags.borrow_mut().id(handle))
    }

    /// Whether the tag exists and JavaScript's handles of it have not ended.
    pub fn has_tag(&self, id: TagId) -> bool {
        self.tags.borrow().find(id.0).is_some()
    }

    /// Whether the tag exists. wasm may throw and catch it even after JavaScript's handles of it have ended.
    pub fn tag_exists(&self, id: TagId) -> bool {
        self.tags.borrow().has(id.0)
    }

    pub(in crate::store) fn tag(&self, id: TagId) -> InternalStoreHandle<VMTag> {
        self.tags.borrow().handle(id.0)
    }

    /// The tag's type: its parameters are the types of the values that its exceptions carry.
    pub fn tag_type(&self, id: TagId) -> FuncType {
        let handle = self.tag(id);
        self.with_objects(|objects| {
            let signature = &handle.get(objects).signature;
            let list = |types: &[wasmer::Type]| types.iter().copied().map(value_type).collect();
            FuncType { parameters: list(signature.params()), results: list(signature.results()) }
        })
    }
}

use super::{RawValue, Store, TagId};
use wasmer::sys::vm::{StoreObject, StoreObjects, VMExceptionObj, VMGlobal, libcalls};

/// An exception of a store, while wasm or a trap holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExceptionRef(pub(super) u32);

impl Store {
    /// Makes an exception. `values` are those that the tag's type asks for.
    pub fn exception_new(&self, tag: TagId, values: Box<[RawValue]>) -> ExceptionRef {
        let exception = VMExceptionObj::new(self.tag(tag), values);
        self.with_objects(|objects| {
            let list = VMExceptionObj::list_mut(objects);
            list.push(exception);
            ExceptionRef(list.len() as u32)
        })
    }

    /// Its tag and the values that it carries.
    ///
    /// # Panics
    /// If `forget_exceptions` was called since.
    pub fn exception(&self, exception: ExceptionRef) -> (TagId, Vec<RawValue>) {
        let (tag, values) = self.with_objects(|objects| {
            let object = &VMExceptionObj::list(objects)[exception.0 as usize - 1];
            // SAFETY: the payload lives as long as the exception, and no wasm runs meanwhile.
            (object.tag(), unsafe { object.payload().as_ref() }.to_vec())
        });
        (self.tag_id(tag), values)
    }

    /// How many exceptions there are since they were last forgotten.
    pub fn exceptions(&self) -> usize {
        self.with_objects(|objects| VMExceptionObj::list(objects).len())
    }

    /// Frees the exceptions, unless a global holds one. Says whether it did. To be called when no wasm
    /// is on the stack.
    pub fn forget_exceptions(&self) -> bool {
        self.with_objects(|objects| {
            let holds = |global: &VMGlobal| {
                // SAFETY: the definition lives as long as its global, and the type says what it holds.
                global.ty().ty == wasmer::Type::ExceptionRef && unsafe { (*global.vmglobal().as_ptr()).val.exnref } != 0
            };
            let free = !VMGlobal::list(objects).iter().any(holds);
            if free {
                VMExceptionObj::list_mut(objects).clear();
            }
            free
        })
    }
}

/// Throws an exception at the wasm that called the host.
///
/// # Safety
/// wasm is on the stack, this runs on its stack, and no destructor stands between. `objects` are those
/// of the exception's store, which are not borrowed.
pub(super) unsafe fn throw(objects: *const StoreObjects, exception: ExceptionRef) -> ! {
    // SAFETY: by the contract of this function.
    unsafe { libcalls::throw(&*objects, exception.0) }
}

//! Exceptions, and the values that they carry.

use crate::engine::{drop_elsewhere, value_type};
use crate::store::{ExceptionRef, RawValue, Store, TagId};
use crate::wasm::ValType;
use wasmer::sys::vm::{StoreObject, StoreObjects, VMExceptionObj, VMGlobal};

/// Size of an exception with its allocations, in bytes: at least so much.
const SIZE: usize = 2 * size_of::<VMExceptionObj>();

impl ExceptionRef {
    /// Makes an exception. `values` have the types of the tag's parameters.
    pub fn new(store: &Store, tag: TagId, values: &[RawValue]) -> ExceptionRef {
        let types = tag.ty(store).parameters;
        let mut payload = vec![RawValue::default(); values.len()].into_boxed_slice();
        for ((offset, ty), value) in layout(&types).zip(values) {
            // SAFETY: the payload has 16 bytes for each value, which is enough for `layout`, and the first `size` bytes
            // of a `RawValue` are the value.
            unsafe {
                let field = payload.as_mut_ptr().cast::<u8>().add(offset);
                std::ptr::copy_nonoverlapping((&raw const *value).cast(), field, size(ty));
            }
        }
        let exception = VMExceptionObj::new(tag.handle(store), payload);
        store.with_objects(|objects| {
            let list = VMExceptionObj::list_mut(objects);
            list.push(exception);
            ExceptionRef(list.len() as u32)
        })
    }

    /// Its tag and values.
    ///
    /// # Panics
    /// If `free_all` has freed it.
    pub fn contents(self, store: &Store) -> (TagId, Vec<RawValue>) {
        let (tag, payload) = store.with_objects(|objects| {
            let object = &VMExceptionObj::list(objects)[self.0 as usize - 1];
            (object.tag(), values(objects, object).into_iter().map(|(_, value)| value).collect())
        });
        (TagId::of(store, tag), payload)
    }

    /// Number of exceptions made since `free_all` last freed them.
    pub fn count(store: &Store) -> usize {
        store.with_objects(|objects| VMExceptionObj::list(objects).len())
    }

    /// Frees all exceptions unless a global holds one, and returns whether it did. No wasm may be on the stack.
    pub fn free_all(store: &Store) -> bool {
        store.with_objects(|objects| {
            let holds = |global: &VMGlobal| {
                // SAFETY: the definition lives as long as its global, and `exnref` is the member of its type.
                global.ty().ty == wasmer::Type::ExceptionRef && unsafe { (*global.vmglobal().as_ptr()).val.exnref } != 0
            };
            let free = store.suspended.borrow().is_empty() && !VMGlobal::list(objects).iter().any(holds);
            if free {
                // A plugin that throws for seconds leaves millions, each of which takes 50 ns: not at the expense of the next
                // call and its deadline.
                let freed = std::mem::take(VMExceptionObj::list_mut(objects));
                let bytes = freed.len() * SIZE;
                drop_elsewhere(freed, bytes as u64);
            }
            free
        })
    }
}

/// Types and values that an exception carries.
pub(in crate::store) fn values(objects: &StoreObjects, exception: &VMExceptionObj) -> Vec<(wasmer::Type, RawValue)> {
    let types = exception.tag().get(objects).signature.params();
    let known: Vec<_> = types.iter().copied().map(value_type).collect();
    let read = |((offset, ty), raw): ((usize, ValType), &wasmer::Type)| {
        let mut value = RawValue::default();
        // SAFETY: the payload lives as long as the borrowed exception, no wasm runs meanwhile, and `layout` gives the
        // same offsets as when the exception was made.
        unsafe {
            let field = exception.payload().as_ptr().cast::<u8>().add(offset);
            std::ptr::copy_nonoverlapping(field, (&raw mut value).cast(), size(ty));
        }
        (*raw, value)
    };
    layout(&known).zip(types).map(read).collect()
}

/// Offset of each value in an exception. The compiler lays them out like the fields of a C structure.
fn layout(types: &[ValType]) -> impl Iterator<Item = (usize, ValType)> {
    types.iter().scan(0_usize, |end, ty| {
        let offset = end.next_multiple_of(size(*ty));
        *end = offset + size(*ty);
        Some((offset, *ty))
    })
}

/// Size of a value in compiled code, in bytes.
fn size(ty: ValType) -> usize {
    match ty {
        ValType::I32 | ValType::F32 => 4,
        ValType::I64 | ValType::F64 => 8,
        ValType::V128 => 16,
        ValType::Ref(_) => size_of::<usize>(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::test_support::new_store;
    use crate::wasm::FuncType;

    #[test]
    fn an_exception_carries_its_values_in_the_layout_of_compiled_code() {
        let store = new_store();
        let parameters = [ValType::I32, ValType::I64, ValType::F32, ValType::V128, ValType::F64].into();
        let tag = TagId::new(&store, &FuncType { parameters, ..FuncType::default() });
        let values = [
            RawValue { i32: -2 },
            RawValue { i64: i64::MIN },
            RawValue { f32: 1.5 },
            RawValue { u128: u128::MAX - 1 },
            RawValue { f64: 2.5 },
        ];
        let exception = ExceptionRef::new(&store, tag, &values);
        let (from, read) = exception.contents(&store);
        assert_eq!(from, tag);
        // SAFETY: each value is read as the type that it was written as.
        unsafe {
            assert_eq!((read[0].i32, read[1].i64, read[2].f32), (-2, i64::MIN, 1.5));
            assert_eq!((read[3].u128, read[4].f64), (u128::MAX - 1, 2.5));
        }
        let offsets: Vec<_> = layout(&tag.ty(&store).parameters).map(|(offset, _)| offset).collect();
        assert_eq!(offsets, [0, 8, 16, 32, 48]);
    }

    #[test]
    fn exceptions_are_freed_together_unless_a_global_holds_one() {
        let store = new_store();
        let tag = TagId::new(&store, &FuncType::default());
        let exception = ExceptionRef::new(&store, tag, &[]);
        ExceptionRef::new(&store, tag, &[]);
        exception.throw(&store);
        assert!(!ExceptionRef::free_all(&store), "the global of pending exceptions holds one");
        assert_eq!(ExceptionRef::count(&store), 2);
        crate::store::abi::pending_throw::PendingThrow::global(&store).set(&store, RawValue::default());
        assert!(ExceptionRef::free_all(&store));
        assert_eq!(ExceptionRef::count(&store), 0);
    }
}

use crate::engine::value_type;
use crate::store::{GlobalId, RawValue, Store, TagId};
use crate::wasm::{GlobalType, RefType, ValType};
use std::error::Error;
use std::fmt;
use std::ptr::NonNull;
use wasmer::sys::vm::{StoreObject, StoreObjects, VMExceptionObj, VMGlobal, VMGlobalDefinition};

/// An exception of a store, while wasm or a trap holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExceptionRef(pub(in crate::store) u32);

impl Store {
    /// Makes an exception. `values` are those that the tag's type asks for.
    pub fn exception_new(&self, tag: TagId, values: &[RawValue]) -> ExceptionRef {
        let types = self.tag_type(tag).parameters;
        let mut payload = vec![RawValue::default(); values.len()].into_boxed_slice();
        for ((offset, ty), value) in layout(&types).zip(values) {
            // SAFETY: each field lies in the payload, as `layout` says, and a `RawValue` begins with
            // its bytes.
            unsafe {
                let field = payload.as_mut_ptr().cast::<u8>().add(offset);
                std::ptr::copy_nonoverlapping((&raw const *value).cast(), field, size(ty));
            }
        }
        let exception = VMExceptionObj::new(self.tag(tag), payload);
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
        let (tag, payload) = self.with_objects(|objects| {
            let object = &VMExceptionObj::list(objects)[exception.0 as usize - 1];
            (object.tag(), values(objects, object).into_iter().map(|(_, value)| value).collect())
        });
        (self.tag_id(tag), payload)
    }

    /// Throws an exception at the wasm that called the host function that is running, by way of the
    /// adapter that stands before each such function: it looks for one when the host function returns.
    pub fn throw(&self, exception: ExceptionRef) {
        self.pending().throw(exception);
    }

    /// Where adapters look for an exception.
    pub(in crate::store) fn pending(&self) -> Pending {
        let handle = self.global(self.pending_exception());
        Pending(self.with_objects(|objects| handle.get(objects).vmglobal()))
    }

    /// That, as a global.
    pub(in crate::store) fn pending_exception(&self) -> GlobalId {
        let pending = self.pending.get_or_init(|| {
            let ty = GlobalType { value: ValType::Ref(RefType::Exn), mutable: true };
            self.root(self.global_new(ty, RawValue::default()))
        });
        **pending
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

/// Where a host function leaves an exception for the adapter that called it.
#[derive(Clone, Copy)]
pub(in crate::store) struct Pending(NonNull<VMGlobalDefinition>);

impl Pending {
    pub(in crate::store) fn throw(self, exception: ExceptionRef) {
        // SAFETY: the definition is that of a global of the store, which lives as long as the store, and
        // so as long as its host functions. Only this thread uses it.
        unsafe { (*self.0.as_ptr()).val = RawValue { exnref: exception.0 } };
    }
}

impl fmt::Display for ExceptionRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a WebAssembly exception")
    }
}

/// As one, it goes through code that cannot catch.
impl Error for ExceptionRef {}

/// The values that an exception carries, with their types.
pub(in crate::store) fn values(objects: &StoreObjects, exception: &VMExceptionObj) -> Vec<(wasmer::Type, RawValue)> {
    let types = exception.tag().get(objects).signature.params();
    let known: Vec<_> = types.iter().copied().map(value_type).collect();
    let read = |((offset, ty), raw): ((usize, ValType), &wasmer::Type)| {
        let mut value = RawValue::default();
        // SAFETY: the payload lives as long as the exception, no wasm runs meanwhile, and each field lies in it as
        // in `exception_new`.
        unsafe {
            let field = exception.payload().as_ptr().cast::<u8>().add(offset);
            std::ptr::copy_nonoverlapping(field, (&raw mut value).cast(), size(ty));
        }
        (*raw, value)
    };
    layout(&known).zip(types).map(read).collect()
}

/// How the compiler lays out the values of an exception: like a structure of C.
fn layout(types: &[ValType]) -> impl Iterator<Item = (usize, ValType)> {
    types.iter().scan(0_usize, |end, ty| {
        let offset = end.next_multiple_of(size(*ty));
        *end = offset + size(*ty);
        Some((offset, *ty))
    })
}

/// The bytes that compiled code keeps a value in.
fn size(ty: ValType) -> usize {
    match ty {
        ValType::I32 | ValType::F32 => 4,
        ValType::I64 | ValType::F64 => 8,
        ValType::V128 => 16,
        ValType::Ref(_) => size_of::<usize>(),
    }
}

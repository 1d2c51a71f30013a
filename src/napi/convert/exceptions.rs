//! The exceptions of a store that JavaScript knows.

use crate::store::{ExceptionRef, ExternRef, Rooted, Store, TagId};
use crate::wasm::{FuncType, RefType, ValType};
use rustc_hash::FxHashMap;
use std::cell::{OnceCell, RefCell};

/// The exceptions of a store that JavaScript knows.
#[derive(Default)]
pub struct Exceptions {
    /// The JavaScript value of each exception that JavaScript threw or has seen
    values: RefCell<FxHashMap<ExceptionRef, ExternRef>>,
    /// The tag `js`, for thrown values that are not `Exception`s; set once the store has wasm that catches
    tag: OnceCell<Rooted<TagId>>,
}

/// Number of exceptions up to which a sweep is not worth its time.
const FEW: usize = 1024;

impl Exceptions {
    /// Makes the tag `js`. To be called before wasm that catches is instantiated.
    pub fn prepare_to_catch(&self, store: &Store) {
        self.tag.get_or_init(|| {
            let parameters = [ValType::Ref(RefType::Extern)].into();
            Rooted::new(store, TagId::new(store, &FuncType { parameters, ..FuncType::default() }))
        });
    }

    /// The tag of JavaScript's exceptions; none until the store has wasm that catches.
    pub fn tag(&self) -> Option<TagId> {
        self.tag.get().map(|tag| **tag)
    }

    /// The JavaScript value of an exception, if it has one.
    pub fn value(&self, exception: ExceptionRef) -> Option<ExternRef> {
        self.values.borrow().get(&exception).copied()
    }

    /// Records the JavaScript value of an exception.
    pub fn insert(&self, exception: ExceptionRef, value: ExternRef) {
        self.values.borrow_mut().insert(exception, value);
    }

    /// Calls `visit` with the JavaScript value of each exception.
    pub fn each_externref(&self, visit: impl FnMut(ExternRef)) {
        self.values.borrow().values().copied().for_each(visit);
    }

    /// Frees all exceptions if they are many, unless wasm still holds one. No wasm may be on the stack.
    #[inline]
    pub fn sweep_if_many(&self, store: &Store) {
        if ExceptionRef::count(store) > FEW {
            self.sweep(store);
        }
    }

    /// Frees all exceptions, unless wasm still holds one. No wasm may be on the stack.
    pub fn sweep(&self, store: &Store) {
        if ExceptionRef::free_all(store) {
            self.values.borrow_mut().clear();
        }
    }
}

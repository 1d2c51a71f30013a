//! The JavaScript functions of a store: one for each wasm function that JavaScript has seen.

use crate::napi::env::reference::WrapReference;
use crate::napi::env::value::{JsEnv, Value};
use crate::store::FuncRef;
use rustc_hash::FxHashMap;
use std::cell::RefCell;

/// Weak references to the JavaScript functions of a store. An entry is removed before its reference is deleted.
#[derive(Default)]
pub struct FunctionWrappers {
    references: RefCell<FxHashMap<FuncRef, WrapReference>>,
}

impl FunctionWrappers {
    /// Records the JavaScript function of `function`.
    ///
    /// # Safety
    /// `remove` is called before the reference is deleted.
    pub unsafe fn insert(&self, function: FuncRef, reference: WrapReference) {
        self.references.borrow_mut().insert(function, reference);
    }

    /// Removes the entry of `function` if it has this reference: the wasm function may have a new JavaScript function by
    /// now, and then the entry belongs to that one.
    pub fn remove(&self, function: FuncRef, reference: WrapReference) {
        let mut references = self.references.borrow_mut();
        if references.get(&function) == Some(&reference) {
            references.remove(&function);
        }
    }

    /// The JavaScript function of `function`, if it has one.
    pub fn find<'a>(&self, env: JsEnv<'a>, function: FuncRef) -> Option<Value<'a>> {
        let reference = *self.references.borrow().get(&function)?;
        // SAFETY: by the contract of `insert`.
        unsafe { reference.get(env) }
    }

    /// The wasm functions that were ever seen and are not removed.
    pub fn all(&self) -> Vec<FuncRef> {
        self.references.borrow().keys().copied().collect()
    }

    /// Keeps the entries of the functions that `is_reached` accepts.
    pub fn retain(&self, is_reached: impl Fn(FuncRef) -> bool) {
        self.references.borrow_mut().retain(|function, _| is_reached(*function));
    }
}

use super::buffer::Buffers;
use super::exceptions::Exceptions;
use super::references::References;
use super::shared::SharedMemories;
use crate::link::Slots;
use crate::store::{FuncRef, Store};
use napi::sys;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ptr;

/// A strong reference to a JavaScript function, deleted with its owner.
pub struct FunctionReference {
    env: sys::napi_env,
    reference: sys::napi_ref,
}

impl FunctionReference {
    /// # Safety
    /// `value` is a function of `env`, which is that of this thread.
    pub unsafe fn new(env: sys::napi_env, value: sys::napi_value) -> Self {
        let mut reference = ptr::null_mut();
        // SAFETY: by the contract of this function.
        unsafe { sys::napi_create_reference(env, value, 1, &mut reference) };
        Self { env, reference }
    }

    /// The function.
    pub fn get(&self, env: sys::napi_env) -> sys::napi_value {
        let mut value = ptr::null_mut();
        // SAFETY: the reference is strong, so its function is there.
        unsafe { sys::napi_get_reference_value(env, self.reference, &mut value) };
        value
    }
}

impl Drop for FunctionReference {
    fn drop(&mut self) {
        // SAFETY: the reference is this owner's own; owners live and die on the thread of `env`.
        unsafe { sys::napi_delete_reference(self.env, self.reference) };
    }
}

/// What `lib/` lends: done in JavaScript, so that it is of the caller's realm.
pub struct Host {
    /// Builds the error that a JSON description tells of
    pub error: FunctionReference,
    /// ToBigInt64
    pub to_bigint64: FunctionReference,
    /// ToNumber
    pub to_number: FunctionReference,
    /// Iterates a value into an array
    pub to_list: FunctionReference,
    /// What a thrown value is for wasm that catches: a list of a tag's id and the values of an
    /// `Exception`, null if wasm may not catch it, undefined for any other value
    pub to_exception: FunctionReference,
    /// Makes an `Exception` of such a list
    pub from_exception: FunctionReference,
    /// A `Uint8Array` over the bytes of a shared memory of Node's own
    pub shared_bytes: FunctionReference,
    /// Grows it by so many pages, and says whether it could
    pub shared_grow: FunctionReference,
    /// `memory.atomic.wait`: an offset, what is expected there, and milliseconds
    pub shared_wait: FunctionReference,
    /// `memory.atomic.notify`: an offset and a count
    pub shared_notify: FunctionReference,
}

/// A store, and what it holds of its JavaScript environment. Every function, buffer and handle
/// that JavaScript has of the store holds it.
///
/// It is entered again while it is in use: a JS import may do anything. So it is shared, never
/// `&mut`, and no borrow of its cells is held over a call into wasm or JavaScript.
pub struct Context {
    /// The environment, of the one thread that this lives on
    pub env: sys::napi_env,
    /// What `lib/` lends
    pub host: Host,
    /// The slots and links
    pub slots: RefCell<Slots>,
    /// The one JavaScript function of each wasm function, held weakly
    pub functions: RefCell<HashMap<FuncRef, sys::napi_ref>>,
    /// The values that wasm holds
    pub references: References,
    /// The exceptions that JavaScript has seen, and whether there is wasm that catches
    pub exceptions: Exceptions,
    /// The shared memories
    pub shared: SharedMemories,
    /// How many calls from JavaScript into wasm have not returned
    pub depth: Cell<u32>,
    /// The buffers that JavaScript has
    pub buffers: RefCell<Buffers>,
    /// The store; the host functions in it point back here
    pub store: Store,
}

/// One call from JavaScript into wasm, until it is dropped.
pub struct Entered<'a>(&'a Context);

impl Context {
    /// Notes that JavaScript calls into wasm. When nothing else runs, this is the time to let go of
    /// what wasm no longer holds.
    #[inline]
    pub fn enter(&self) -> Entered<'_> {
        let depth = self.depth.get();
        if depth == 0 {
            self.sweep_exceptions();
            if self.references.are_many() {
                self.sweep_references();
            }
        }
        self.settle_shared();
        self.depth.set(depth + 1);
        Entered(self)
    }

    #[cold]
    fn sweep_references(&self) {
        self.references.sweep(self.env, |held| {
            self.store.each_externref(&mut *held);
            self.exceptions.each_externref(held);
        });
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.0.depth.set(self.0.depth.get() - 1);
    }
}

//! The context of a store: the store, and its references to the JavaScript environment.

use crate::link::Slots;
use crate::napi::call::shared_values::SharedValues;
use crate::napi::convert::exceptions::Exceptions;
use crate::napi::convert::references::References;
use crate::napi::env::reference::StrongReference;
use crate::napi::env::throw::PendingException;
use crate::napi::gc::collect::GcPolicy;
use crate::napi::gc::handles::Handles;
use crate::napi::gc::retainers::Retainers;
use crate::napi::gc::undo_roots::UndoRoots;
use crate::napi::link::record::LinkScratch;
use crate::napi::memory::buffer::Buffers;
use crate::napi::memory::shared::SharedMemories;
use crate::store::{FuncRef, Store};
use napi::sys;
use rustc_hash::FxHashMap;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Functions that `lib/` provides, in JavaScript so that their errors and objects belong to the caller's realm.
pub struct Host {
    /// Builds an error from its JSON description
    pub error: StrongReference,
    /// Reads `Error.stackTraceLimit`, in frames
    pub stack_trace_limit: StrongReference,
    /// ToBigInt64
    pub to_bigint64: StrongReference,
    /// ToNumber
    pub to_number: StrongReference,
    /// Iterates a value into an array
    pub to_list: StrongReference,
    /// Makes an array of its arguments
    pub list_of: StrongReference,
    /// Converts a thrown value for wasm that catches: an `Exception` to a list of its tag's id and its values, a value
    /// that wasm may not catch to null, any other value to undefined
    pub to_exception: StrongReference,
    /// Makes an `Exception` from a list of a tag's id, the names of its types, and the values
    pub from_exception: StrongReference,
    /// Makes a `Uint8Array` over the bytes of a shared memory, which is Node's own `Memory`
    pub shared_bytes: StrongReference,
    /// Grows such a memory by a number of pages; returns whether it could
    pub shared_grow: StrongReference,
    /// `memory.atomic.wait`: takes an offset in bytes, the expected value, and a timeout in milliseconds
    pub shared_wait: StrongReference,
    /// `memory.atomic.notify`: takes an offset in bytes and a count
    pub shared_notify: StrongReference,
    /// Returns whether a `FinalizationRegistry` callback is running
    pub in_finalizer: StrongReference,
    /// The `map` method of exported functions
    pub map: StrongReference,
    /// Records the address of a function's `ExportedFunction`, and the retainer that the function keeps alive
    pub know: StrongReference,
    /// Makes a function whose values go through shared memory
    pub make_function: StrongReference,
    /// The memory that calls share with JavaScript; none where calls do not go so
    pub shared_values: Option<Rc<SharedValues>>,
}

/// A store with its references to the JavaScript environment. `NativeStore`, direct functions and exported functions
/// hold it.
///
/// JS imports re-enter it while it is in use. So it is shared, never `&mut`, and no borrow of its `Cell`s and
/// `RefCell`s is held over a call into wasm or JavaScript.
pub struct Context {
    /// The environment; the context never leaves its thread
    pub env: sys::napi_env,
    /// The functions that `lib/` provides
    pub host: Host,
    /// The slots and links
    pub slots: RefCell<Slots>,
    /// Weak reference to the one JavaScript function of each wasm function
    pub functions: RefCell<FxHashMap<FuncRef, sys::napi_ref>>,
    /// The JavaScript wrappers of objects in the store
    pub handles: Handles,
    /// The link scratch
    pub link_scratch: LinkScratch,
    /// The undo roots
    pub undo_roots: UndoRoots,
    /// The retainers of the store's nodes
    pub retainers: Retainers,
    /// The GC policy
    pub gc_policy: RefCell<GcPolicy>,
    /// Whether the store was closed
    pub closed: Cell<bool>,
    /// Whether uses of the closed store do nothing, instead of throwing
    pub silent: Cell<bool>,
    /// Whether a collection is deferred until no wasm is on the stack
    pub wanted: Cell<bool>,
    /// The innermost function that JavaScript is calling, or null, and whether its reference is strong for the call
    pub running: Cell<(sys::napi_ref, bool)>,
    /// The JavaScript values that wasm holds as externrefs
    pub references: References,
    /// The exceptions that JavaScript has seen, and the tag for values that it throws
    pub exceptions: Exceptions,
    /// The shared memories
    pub shared: SharedMemories,
    /// Count of memory growths when the buffers were last checked
    pub growths: Cell<u32>,
    /// Number of calls from JavaScript into wasm on the stack
    pub depth: Cell<u32>,
    /// The buffers over memories
    pub buffers: Buffers,
    /// The store; the host functions in it point back here
    pub store: Store,
}

/// A call from JavaScript into wasm; it ends when this is dropped.
pub struct CallScope<'a> {
    context: &'a Context,
    /// The value of `running` for the enclosing call
    outer: (sys::napi_ref, bool),
}

impl Context {
    /// Begins a call from JavaScript into wasm. `function` is the reference to the function that is called; null for
    /// none. An outermost call first sweeps exceptions and externrefs that wasm no longer holds, if they are many.
    ///
    /// # Errors
    /// The errors of `settle_shared`.
    #[inline]
    pub fn enter(&self, function: sys::napi_ref) -> Result<CallScope<'_>, PendingException> {
        self.settle_shared()?;
        let depth = self.depth.get();
        let outer = self.running.replace((function, false));
        if depth == 0 {
            self.sweep_exceptions();
            if self.references.are_many() {
                self.sweep_many_references();
            }
        }
        self.depth.set(depth + 1);
        Ok(CallScope { context: self, outer })
    }

    /// Ends a call without running a deferred collection. For callers with a new object that has no handle yet.
    pub fn put_off(&self, entered: CallScope<'_>) {
        let wanted = self.wanted.take();
        drop(entered);
        self.wanted.set(wanted);
    }

    #[cold]
    fn sweep_many_references(&self) {
        let mut scope = std::ptr::null_mut();
        self.keep_running();
        // SAFETY: the scope is closed below, and no handle made in between is used after that.
        unsafe { sys::napi_open_handle_scope(self.env, &mut scope) };
        self.sweep_references();
        // SAFETY: the scope was opened above.
        unsafe { sys::napi_close_handle_scope(self.env, scope) };
    }

    /// Makes the reference to the running function strong. To be called before JavaScript runs, since V8 may then
    /// collect: the function keeps alive what its code may call.
    pub fn keep_running(&self) {
        let (function, kept) = self.running.get();
        if !kept && !function.is_null() {
            self.running.set((function, true));
            let mut count = 0;
            // SAFETY: the function is being called; `finalize`, which deletes the reference, runs from the event loop.
            unsafe { sys::napi_reference_ref(self.env, function, &mut count) };
        }
    }
}

impl Drop for CallScope<'_> {
    fn drop(&mut self) {
        let context = self.context;
        if let (function, true) = context.running.replace(self.outer) {
            let mut count = 0;
            // SAFETY: `keep_running` made the reference strong, so the function was not collected.
            unsafe { sys::napi_reference_unref(context.env, function, &mut count) };
        }
        context.depth.set(context.depth.get() - 1);
        if context.depth.get() == 0 && context.wanted.get() {
            context.collect_after_call();
        }
    }
}

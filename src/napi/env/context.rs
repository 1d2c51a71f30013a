use crate::link::Slots;
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

/// What `lib/` lends: done in JavaScript, so that it is of the caller's realm.
pub struct Host {
    /// Builds the error that a JSON description tells of
    pub error: StrongReference,
    pub stack_trace_limit: StrongReference,
    /// ToBigInt64
    pub to_bigint64: StrongReference,
    /// ToNumber
    pub to_number: StrongReference,
    /// Iterates a value into an array
    pub to_list: StrongReference,
    /// Makes an array of its arguments
    pub list_of: StrongReference,
    /// What a thrown value is for wasm that catches: a list of a tag's id and the values of an
    /// `Exception`, null if wasm may not catch it, undefined for any other value
    pub to_exception: StrongReference,
    /// Makes an `Exception` of such a list
    pub from_exception: StrongReference,
    /// A `Uint8Array` over the bytes of a shared memory of Node's own
    pub shared_bytes: StrongReference,
    /// Grows it by so many pages, and says whether it could
    pub shared_grow: StrongReference,
    /// `memory.atomic.wait`: an offset, what is expected there, and milliseconds
    pub shared_wait: StrongReference,
    /// `memory.atomic.notify`: an offset and a count
    pub shared_notify: StrongReference,
    /// Whether this stands in a callback of a `FinalizationRegistry`
    pub in_finalizer: StrongReference,
    /// The method `map` of functions
    pub map: StrongReference,
    /// Notes a wasm function: where its `ExportedFunction` is, and the cell that it holds
    pub know: StrongReference,
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
    pub functions: RefCell<FxHashMap<FuncRef, sys::napi_ref>>,
    /// The JavaScript objects that stand for what is in the store
    pub handles: Handles,
    /// Where records of links lie
    pub link_scratch: LinkScratch,
    /// What links put back
    pub undo_roots: UndoRoots,
    /// Which JavaScript functions live as long as what
    pub retainers: Retainers,
    /// When to collect
    pub gc_policy: RefCell<GcPolicy>,
    /// Whether the store was closed
    pub closed: Cell<bool>,
    /// Whether what is used of the store does nothing, now that it is closed
    pub silent: Cell<bool>,
    /// Whether a collection waits until no wasm is on the stack
    pub wanted: Cell<bool>,
    /// The function that JavaScript is calling, the innermost one, and whether it is kept while it runs
    pub running: Cell<(sys::napi_ref, bool)>,
    /// The values that wasm holds
    pub references: References,
    /// The exceptions that JavaScript has seen, and whether there is wasm that catches
    pub exceptions: Exceptions,
    /// The shared memories
    pub shared: SharedMemories,
    /// How often memories had grown when the buffers were last looked at
    pub growths: Cell<u32>,
    /// How many calls from JavaScript into wasm have not returned
    pub depth: Cell<u32>,
    /// The buffers that JavaScript has
    pub buffers: Buffers,
    /// The store; the host functions in it point back here
    pub store: Store,
}

/// One call from JavaScript into wasm, until it is dropped.
pub struct CallScope<'a> {
    context: &'a Context,
    /// What ran before
    outer: (sys::napi_ref, bool),
}

impl Context {
    /// Notes that JavaScript calls into wasm, through the function behind `function` if through one. When nothing else
    /// runs, this is the time to let go of what wasm no longer holds.
    ///
    /// # Errors
    /// Those of `settle_shared`.
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

    /// Leaves wasm without collecting, for whoever has something new that JavaScript has no handle of yet.
    pub fn put_off(&self, entered: CallScope<'_>) {
        let wanted = self.wanted.take();
        drop(entered);
        self.wanted.set(wanted);
    }

    #[cold]
    fn sweep_many_references(&self) {
        let mut scope = std::ptr::null_mut();
        self.keep_running();
        // SAFETY: the scope is closed below; all that is made here is for the sweep.
        unsafe { sys::napi_open_handle_scope(self.env, &mut scope) };
        self.sweep_references();
        // SAFETY: as above.
        unsafe { sys::napi_close_handle_scope(self.env, scope) };
    }

    /// Keeps the function that is running, now that V8 may collect: what it may call lives as long as it does.
    pub fn keep_running(&self) {
        let (function, kept) = self.running.get();
        if !kept && !function.is_null() {
            self.running.set((function, true));
            let mut count = 0;
            // SAFETY: the reference is that of a function that is being called, whose data the call holds.
            unsafe { sys::napi_reference_ref(self.env, function, &mut count) };
        }
    }
}

impl Drop for CallScope<'_> {
    fn drop(&mut self) {
        let context = self.context;
        if let (function, true) = context.running.replace(self.outer) {
            let mut count = 0;
            // SAFETY: as in `keep_running`.
            unsafe { sys::napi_reference_unref(context.env, function, &mut count) };
        }
        context.depth.set(context.depth.get() - 1);
        if context.depth.get() == 0 && context.wanted.get() {
            context.collect_after_call();
        }
    }
}

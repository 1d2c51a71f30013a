//! The context of a store: the store in its JavaScript environment, put together from its components.

use crate::error::{ErrorKind, Result};
use crate::link::Slots;
use crate::napi::convert::exceptions::Exceptions;
use crate::napi::convert::externrefs::Externrefs;
use crate::napi::env::deferred::Deferred;
use crate::napi::env::environment::{Environment, InEnvironment};
use crate::napi::env::function::Callback;
use crate::napi::env::shared_values::SharedValues;
use crate::napi::env::value::{JsEnv, Value};
use crate::napi::gc::functions::FunctionWrappers;
use crate::napi::gc::policy::GcPolicy;
use crate::napi::gc::retainers::Retainers;
use crate::napi::gc::undo_roots::UndoRoots;
use crate::napi::gc::wrappers::Wrappers;
use crate::napi::link::clock::Clock;
use crate::napi::link::record::LinkScratch;
use crate::napi::memory::buffer::Buffers;
use crate::napi::memory::shared::SharedMemories;
use crate::store::Store;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// A store in its JavaScript environment. `NativeStore`, raw callbacks and exported functions hold it.
///
/// It only puts its components together: the methods of each take the environment, the store and the other components
/// that they need. Imported JavaScript functions re-enter it while it is in use. So it is shared, never `&mut`, and no
/// borrow of its `Cell`s and `RefCell`s is held over a call into wasm or JavaScript.
pub struct Context {
    /// The environment
    pub environment: Environment,
    /// The slots and links
    pub slots: RefCell<Slots>,
    /// The JavaScript functions of the store's functions
    pub functions: FunctionWrappers,
    /// The JavaScript wrappers of other objects in the store
    pub wrappers: Wrappers,
    /// The link scratch
    pub link_scratch: LinkScratch,
    /// The time of links
    pub clock: Clock,
    /// The undo roots
    pub undo_roots: UndoRoots,
    /// The retainers of the store's nodes
    pub retainers: Retainers,
    /// The GC policy
    pub gc_policy: GcPolicy,
    /// The JavaScript values that wasm holds as externrefs
    pub externrefs: Externrefs,
    /// The exceptions that JavaScript has seen, and the tag for values that it throws
    pub exceptions: Exceptions,
    /// The shared memories
    pub shared_memories: SharedMemories,
    /// The buffers over memories
    pub buffers: Buffers,
    /// The memory through which exported functions get numbers; none on a platform without fast calls
    pub shared_values: Option<Rc<SharedValues>>,
    /// Gives the callback of exported functions with a number of parameters
    pub trampoline: fn(usize) -> Callback,
    /// Whether the store was closed
    pub closed: Cell<bool>,
    /// Whether uses of the closed store do nothing, instead of throwing
    pub silent: Cell<bool>,
    /// Number of calls from JavaScript into wasm on the stack
    pub depth: Cell<u32>,
    /// Work that is deferred until no wasm is on the stack
    pub deferred: Deferred,
    /// The store; the host functions in it point back here
    pub store: Store,
}

impl Context {
    /// The context of a new store. `lib` has the functions of `lib/`, and
    /// `object` is the store's object in `lib/`.
    pub fn new(
        env: JsEnv<'_>,
        lib: Value<'_>,
        object: Value<'_>,
        trampoline: fn(usize) -> Callback,
        store: Store,
    ) -> Self {
        Self {
            environment: Environment::new(env, lib),
            slots: RefCell::default(),
            functions: FunctionWrappers::default(),
            wrappers: Wrappers::default(),
            link_scratch: LinkScratch::new(env),
            clock: Clock::default(),
            undo_roots: UndoRoots::default(),
            retainers: Retainers::new(env, object),
            gc_policy: GcPolicy::default(),
            externrefs: Externrefs::new(env, env.property(lib, c"externrefs"), &store.quota),
            exceptions: Exceptions::default(),
            shared_memories: SharedMemories::default(),
            buffers: Buffers::default(),
            // SAFETY: `lib/` gives what `sharedValues` made, or undefined.
            shared_values: unsafe { SharedValues::of(env, env.property(lib, c"sharedValues")) },
            trampoline,
            closed: Cell::new(false),
            silent: Cell::new(false),
            depth: Cell::new(0),
            deferred: Deferred::default(),
            store,
        }
    }

    /// The JavaScript environment.
    #[inline]
    pub fn js(&self) -> JsEnv<'_> {
        self.environment.js()
    }

    /// Whether the store is open.
    ///
    /// # Errors
    /// `ClosedStore`.
    pub fn check_open(&self) -> Result<()> {
        if self.closed.get() { Err(ErrorKind::ClosedStore.into()) } else { Ok(()) }
    }
}

impl InEnvironment for Context {
    fn environment(&self) -> &Environment {
        &self.environment
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        self.buffers.end(self.js(), &self.store);
    }
}

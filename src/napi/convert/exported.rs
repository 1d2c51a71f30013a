//! Exported functions: the JavaScript functions over wasm functions, and their native data.

use crate::engine::{Compiler, Quota};
use crate::error::{ErrorKind, Result, Subject};
use crate::napi::context::Context;
use crate::napi::convert::externref_charges::limiting;
use crate::napi::convert::types::is_convertible;
use crate::napi::env::exception::PendingException;
use crate::napi::env::function::drop_data;
use crate::napi::env::reference::WrapReference;
use crate::napi::env::shared_values::SharedValues;
use crate::napi::env::value::{JsEnv, Value};
use crate::store::{Deadline, ExternRef, FuncRef, Instance, OpenFlag, Parks, RawValue, StackPointer, Timeout};
use crate::wasm::{FuncType, RefType, ValType};
use napi::sys;
use napi::sys::PropertyAttributes;
use rustc_hash::FxHashSet;
use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;
use std::sync::Arc;

const EXTERNREF: ValType = ValType::Ref(RefType::Extern);

/// The data of a JavaScript function over a wasm function: all that a call needs.
pub struct ExportedFunction {
    /// The context of the function's store
    pub context: Rc<Context>,
    /// The wasm function
    pub function: FuncRef,
    /// The type of the function
    pub ty: Rc<FuncType>,
    /// A parameter or result type whose values are not convertible, if there is one
    pub unconvertible: Option<ValType>,
    /// The function that a call runs, and the compiler of its code: after tier-up, Cranelift's copy
    target: Cell<(FuncRef, Compiler)>,
    /// The timeout of each call from JavaScript, if there is one
    pub timeout: Option<Timeout>,
    /// The stack pointer of the function's instance
    pub stack_pointer: StackPointer,
    /// The open flag of the function's instance
    open_flag: Rc<OpenFlag>,
    /// Weak reference to the JavaScript function; `finalize` deletes it
    reference: Cell<WrapReference>,
    /// Whether its last call has made so many imports that they park from the first one on
    pub is_eager: Cell<bool>,
    /// The quota of its instance, if it has parameters of type externref and the instance has a limit for them
    pub externref_quota: Option<Arc<Quota>>,
    /// Whether it has parameters or results of type externref
    pub has_externrefs: bool,
    /// Its index among the functions whose values go through shared memory
    index: Cell<Option<u32>>,
}

thread_local! {
    /// Addresses of the `ExportedFunction`s of this thread's functions. Pointers that N-API has wrapped for other
    /// objects, or for another copy of the addon, are not among them.
    static LIVE: RefCell<FxHashSet<usize>> = RefCell::default();
}

/// The JavaScript function of `function`; null for none.
pub fn function_or_null(context: &Rc<Context>, function: Option<FuncRef>) -> Value<'_> {
    function.map_or_else(|| context.js().null(), |function| self::function(context, function))
}

/// The JavaScript function of `function`: the same object for as long as JavaScript holds it.
pub fn function(context: &Rc<Context>, function: FuncRef) -> Value<'_> {
    context.functions.find(context.js(), function).unwrap_or_else(|| make(context, function))
}

fn make(context: &Rc<Context>, function: FuncRef) -> Value<'_> {
    let ty = function.ty(&context.store);
    let unconvertible = ty.parameters.iter().chain(&ty.results).copied().find(|ty| !is_convertible(*ty));
    let owner = function.context_owner(&context.store);
    let takes_externrefs = ty.parameters.contains(&EXTERNREF);
    let quota = owner.as_ref().filter(|_| takes_externrefs).and_then(|owner| owner.quota().cloned());
    let has_externrefs = ty.parameters.iter().chain(&ty.results).any(|ty| *ty == EXTERNREF);
    let exported = Rc::new(ExportedFunction {
        context: context.clone(),
        function,
        ty,
        unconvertible,
        target: Cell::new(target_of(context, function)),
        timeout: owner.as_ref().map_or(context.store.timeout, |owner| owner.timeout.get()),
        stack_pointer: function.stack_pointer(&context.store),
        open_flag: owner.map(|owner| owner.open_flag().clone()).unwrap_or_default(),
        reference: Cell::new(WrapReference::NONE),
        is_eager: Cell::new(false),
        externref_quota: limiting(quota),
        has_externrefs,
        index: Cell::new(None),
    });
    let data = Rc::into_raw(exported).cast_mut();
    LIVE.with_borrow_mut(|live| live.insert(data.expose_provenance()));
    // SAFETY: `data` was just made.
    let value = unsafe { make_shared(context, data).unwrap_or_else(|| make_converting(context, data)) };
    // SAFETY: `finalize` frees `data`, and runs only when V8 has collected the function. It removes the reference from
    // `functions`, and then deletes it.
    unsafe {
        let reference = context.js().wrap(value, data.cast(), finalize);
        (*data).reference.set(reference);
        context.functions.insert(function, reference);
    }
    context.retainers.note_change(1);
    value
}

/// A JavaScript function whose numbers go through shared memory; none if its type has other values, or if JavaScript
/// cannot make one.
///
/// # Safety
/// `data` is alive until `finalize` drops it.
unsafe fn make_shared(context: &Rc<Context>, data: *const ExportedFunction) -> Option<Value<'_>> {
    let env = context.js();
    // SAFETY: by the contract of this function.
    let exported = unsafe { &*data };
    let shared = context.shared_values.as_ref().filter(|_| SharedValues::fit(&exported.ty))?;
    let ty = &exported.ty;
    let id = shared.type_id(ty, |id| {
        let arguments = [env.uint32(id), names(env, &ty.parameters), names(env, &ty.results)];
        context.environment.call_after(|lib| &lib.add_type, &arguments).is_ok()
    })?;
    let index = shared.add(data.cast());
    let key = exported.externref_quota.as_ref().map(|quota| context.externrefs.charges.key(quota));
    let arguments = [
        env.uint32(index),
        env.uint32(id),
        env.string(&exported.function.name(&context.store)),
        env.double(data.expose_provenance() as f64),
        retainer_of(context, exported.function),
        key.map_or(env.undefined(), |key| env.double(key as f64)),
    ];
    let value = context.environment.call_after(|lib| &lib.make_function, &arguments);
    let Some(value) = value.ok().filter(|value| !env.is_undefined(*value)) else {
        shared.remove(index);
        return None;
    };
    exported.index.set(Some(index));
    Some(value)
}

/// A JavaScript array of the names of types.
fn names<'a>(env: JsEnv<'a>, types: &[ValType]) -> Value<'a> {
    let names = env.array_of(types.len());
    for (index, ty) in (0..).zip(types) {
        env.set_element(names, index, env.string(&ty.to_string()));
    }
    names
}

/// A JavaScript function whose values N-API converts.
///
/// # Safety
/// `data` is alive until `finalize` drops it.
unsafe fn make_converting(context: &Rc<Context>, data: *mut ExportedFunction) -> Value<'_> {
    let env = context.js();
    // SAFETY: by the contract of this function.
    let exported = unsafe { &*data };
    let arity = exported.ty.parameters.len();
    let name = exported.function.name(&context.store);
    // SAFETY: by the contract of this function.
    let value = unsafe { env.function(&name, (context.trampoline)(arity), data.cast()) };
    let map = context.environment.lib.map.get(env);
    env.define(
        value,
        &[
            (c"length", env.uint32(arity as u32), PropertyAttributes::configurable),
            (c"map", map, PropertyAttributes::configurable | PropertyAttributes::writable),
        ],
    );
    let address = env.double(data.expose_provenance() as f64);
    // It only writes to a WeakMap. While the environment is torn down it fails, and nothing needs the function.
    let arguments = [value, address, retainer_of(context, exported.function)];
    let _ = context.environment.call_after(|lib| &lib.register_function, &arguments);
    value
}

/// The retainer that keeps alive what a function may call; undefined for none.
fn retainer_of(context: &Rc<Context>, function: FuncRef) -> Value<'_> {
    let env = context.js();
    let retainer = function.node(&context.store).map(|node| context.retainers.retainer(env, &context.store, node));
    retainer.unwrap_or_else(|| env.undefined())
}

/// The function that a call of `function` runs, and the compiler of its code.
fn target_of(context: &Context, function: FuncRef) -> (FuncRef, Compiler) {
    let tier_up = function.tier_up(&context.store, Compiler::Cranelift);
    tier_up.map_or_else(|| (function, function.compiler(&context.store)), |tier_up| (tier_up, Compiler::Cranelift))
}

/// After a tier-up of `old`, makes the functions that JavaScript has of it call the new code.
pub fn retarget(context: &Context, old: &Instance) {
    let env = context.js();
    for function in context.functions.all() {
        if function.instance(&context.store).is_none_or(|instance| instance.id != old.id) {
            continue;
        }
        let value = context.functions.find(env, function);
        if let Some(exported) = value.and_then(|value| ExportedFunction::of(env, value)) {
            exported.target.set(target_of(context, function));
        }
    }
}

impl ExportedFunction {
    /// The data of `value`, if `value` is the JavaScript function of a wasm function of any store of this thread.
    pub fn of(env: JsEnv<'_>, value: Value<'_>) -> Option<Rc<Self>> {
        Self::at(env.unwrap(value)? as usize)
    }

    /// The `ExportedFunction` at an address; none if no live one is there.
    pub fn at(address: usize) -> Option<Rc<Self>> {
        let live = LIVE.with_borrow(|live| live.contains(&address));
        // SAFETY: `LIVE` has only addresses from `Rc::into_raw` in `make`, and `finalize` removes one before it drops
        // that `Rc`.
        live.then(|| unsafe { clone_data(ptr::with_exposed_provenance(address)) })
    }

    /// One more count of the data, as a pointer that owns it.
    #[inline]
    pub fn hold_data(&self) -> *const Self {
        // SAFETY: `make` made the data with `Rc::into_raw`, and it is alive.
        unsafe { Rc::increment_strong_count(self) };
        self
    }

    /// When its imports park. A deadline covers the whole call from its beginning, so with one they never do.
    #[inline]
    pub fn parks(&self) -> Parks {
        match (self.timeout.is_some(), self.is_eager.get()) {
            (true, _) => Parks::Never,
            (false, true) => Parks::AtOnce,
            (false, false) => Parks::Later,
        }
    }

    /// Makes a sweep of externrefs due, if the arguments of a call need room for more than there is. To be called before the call
    /// begins.
    #[inline]
    pub fn prepare_externrefs(&self) {
        if self.has_externrefs {
            let count = self.ty.parameters.iter().filter(|ty| **ty == EXTERNREF).count() as u32;
            let Context { externrefs, store, .. } = &*self.context;
            // A refusal makes the sweep due; the conversions of the arguments refuse again, if they must.
            let _ = externrefs.check(count, &store.quota, self.externref_quota.as_deref());
        }
    }

    /// Begins the deadline of a call, if the function has a timeout.
    ///
    /// # Errors
    /// `Memory` if there is no room for the watchdog.
    #[inline]
    pub fn begin_deadline(&self) -> std::result::Result<Option<Deadline>, PendingException> {
        if self.timeout.is_none() {
            return Ok(None);
        }
        self.context.store.deadline(self.timeout).map_err(|error| self.context.environment.throw(&error))
    }

    /// Counts the externrefs among its arguments for its instance, if that has a limit for them.
    ///
    /// # Errors
    /// `Limit` of the instance.
    ///
    /// # Safety
    /// `values` holds its arguments.
    #[inline]
    pub unsafe fn charge_externrefs(&self, values: *const RawValue) -> std::result::Result<(), PendingException> {
        let Some(quota) = &self.externref_quota else { return Ok(()) };
        let Self { context, ty, .. } = self;
        // SAFETY: by the contract of this function.
        let charged = unsafe { context.externrefs.charge_all(quota, &ty.parameters, values) };
        charged.map_err(|error| context.environment.throw(&error))
    }

    /// The externrefs among its results.
    ///
    /// # Safety
    /// `values` holds its results.
    #[cold]
    pub unsafe fn externrefs_in(&self, values: *const RawValue) -> Vec<ExternRef> {
        let results = self.ty.results.iter().enumerate().filter(|(_, ty)| **ty == EXTERNREF);
        // SAFETY: by the contract of this function.
        results.map(|(index, _)| unsafe { ExternRef::from_raw(*values.add(index)) }).collect()
    }

    /// Its address, by which `at` finds it.
    pub fn address(&self) -> usize {
        ptr::from_ref(self).expose_provenance()
    }

    /// The reference to the JavaScript function.
    #[inline]
    pub fn reference(&self) -> WrapReference {
        self.reference.get()
    }

    /// The function that a call runs, and the compiler of its code.
    #[inline]
    pub fn target(&self) -> (FuncRef, Compiler) {
        self.target.get()
    }

    /// Whether its instance was closed. If so, the function may be freed and must not be used.
    #[inline]
    pub fn is_closed(&self) -> bool {
        self.open_flag.is_closed()
    }

    /// Whether calls do nothing instead of throwing. For a function whose instance is closed.
    pub fn is_silent(&self) -> bool {
        self.open_flag.is_silent() || self.context.silent.get() || self.context.environment.in_finalizer()
    }

    /// Its wasm function, if that belongs to the store of `context` and is not closed.
    ///
    /// # Errors
    /// `Closed` or `OtherStore`, with the subject.
    pub fn in_store(&self, context: &Context, subject: impl FnOnce() -> Subject) -> Result<FuncRef> {
        if self.is_closed() {
            return Err(ErrorKind::Closed(subject()).into());
        }
        if ptr::eq(&raw const *self.context, context) {
            return Ok(self.function);
        }
        Err(ErrorKind::OtherStore(subject()).into())
    }
}

/// One more count of the data of a live function, for the time of a call.
///
/// # Safety
/// `data` came from `Rc::into_raw` in `make`, and `finalize` has not dropped it.
#[inline]
pub unsafe fn clone_data(data: *const ExportedFunction) -> Rc<ExportedFunction> {
    // SAFETY: by the contract of this function.
    unsafe {
        Rc::increment_strong_count(data);
        Rc::from_raw(data)
    }
}

/// Finalizer of an exported function: frees its data.
///
/// # Safety
/// N-API calls this once, with the data that `make` gave it.
unsafe extern "C" fn finalize(env: sys::napi_env, data: *mut c_void, hint: *mut c_void) {
    LIVE.with_borrow_mut(|live| live.remove(&(data as usize)));
    // SAFETY: `drop_data` drops the data only below. A finalizer runs on the thread of its environment, in a scope. The
    // reference is in no map any more.
    unsafe {
        let exported = &*data.cast::<ExportedFunction>();
        exported.context.functions.remove(exported.function, exported.reference());
        if let (Some(shared), Some(index)) = (&exported.context.shared_values, exported.index.get()) {
            shared.remove(index);
        }
        exported.reference().delete(JsEnv::from_raw(env));
        drop_data::<ExportedFunction>(env, data, hint);
    }
}

//! Imported functions: the JavaScript functions that wasm calls.

use crate::engine::{Compiler, Quota};
use crate::error::{Error, ErrorKind};
use crate::napi::call::parked::end_above;
use crate::napi::context::Context;
use crate::napi::convert::externref_charges::limiting;
use crate::napi::convert::thrown::{throw_at_wasm, throw_value_at_wasm};
use crate::napi::convert::value::{result_to_wasm, to_js};
use crate::napi::env::exception::{PendingException, ThrownValue};
use crate::napi::env::reference::{StrongReference, WeakReference};
use crate::napi::env::shared_values::SharedValues;
use crate::napi::env::throw::panicked;
use crate::napi::env::value::{JsEnv, Value};
use crate::store::{HostFunction, RawValue, Thrown};
use crate::wasm::{FuncType, RefType, ValType};
use std::cell::{OnceCell, RefCell};
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::{Rc, Weak};
use std::sync::Arc;

/// Number of arguments up to which a call does not allocate.
const INLINE: usize = 16;

/// A JavaScript function that an instance imports.
pub struct ImportedFunction {
    /// Weak, since the context owns the store, which owns this
    context: Weak<Context>,
    /// Weak, since the retainer of the importing instance keeps it alive
    callback: WeakReference,
    ty: FuncType,
    /// The thunk by which the JavaScript below a parked call calls it, once it is made; none if that is not possible
    thunk: OnceCell<Option<WeakReference>>,
    /// Whether a call parks for it: its values go through shared memory
    parks: bool,
    /// The compiler of the code that calls it
    caller: Compiler,
    /// Whether wasm calls it through an adapter, which throws exceptions that wasm may catch
    adapted: bool,
    /// Whether its call is suspended while a promise that the function has returned is pending
    suspending: bool,
    /// The quota of the importing instance, if it has a result of type externref and the instance has a limit for them
    externref_quota: Option<Arc<Quota>>,
    /// That promise, until the call is suspended
    promise: RefCell<Option<StrongReference>>,
}

impl ImportedFunction {
    /// An import that calls `callback`, a function.
    pub fn new(context: &Rc<Context>, callback: Value<'_>, ty: FuncType, caller: Compiler, adapted: bool) -> Self {
        let callback = WeakReference::new(context.js(), callback);
        let parks = context.shared_values.is_some() && SharedValues::fit(&ty) && ty.results.len() <= 1;
        Self {
            context: Rc::downgrade(context),
            callback,
            ty,
            parks,
            thunk: OnceCell::new(),
            caller,
            adapted,
            suspending: false,
            externref_quota: None,
            promise: RefCell::default(),
        }
    }

    /// The same import; with `suspending`, its call is suspended while a promise that the function has returned is pending.
    pub fn with_suspending(self, suspending: bool) -> Self {
        Self { suspending, parks: self.parks && !suspending, ..self }
    }

    /// The same import of an instance with this quota.
    pub fn with_quota(self, quota: Option<&Arc<Quota>>) -> Self {
        let has_externrefs = self.ty.results.contains(&ValType::Ref(RefType::Extern));
        Self { externref_quota: limiting(quota.filter(|_| has_externrefs).cloned()), ..self }
    }

    /// The promise for which the call was suspended just now; undefined if there is none.
    pub fn take_promise<'a>(&self, env: JsEnv<'a>) -> Value<'a> {
        self.promise.take().map_or_else(|| env.undefined(), |promise| promise.get(env))
    }

    /// Ends the wait for its promise with a value, which goes to `results`.
    ///
    /// # Errors
    /// The exception of the conversion, if wasm may not catch it.
    ///
    /// # Safety
    /// `results` has room for its results.
    pub unsafe fn resolve(
        &self,
        context: &Rc<Context>,
        value: Value<'_>,
        results: *mut RawValue,
    ) -> Result<(), Thrown> {
        let _scope = context.js().open_scope();
        let callback = self.callback.get(context.js()).unwrap_or_else(|| context.js().undefined());
        // SAFETY: by the contract of this function.
        let read = unsafe { self.read_results(context, callback, value, results) };
        read.or_else(|PendingException| throw_at_wasm(context, self.adapted))
    }

    /// The thunk by which the JavaScript below a parked call calls it; none where JavaScript cannot make one. The imported
    /// function keeps it alive.
    #[inline]
    pub fn thunk<'a>(&self, context: &'a Context) -> Option<Value<'a>> {
        let env = context.js();
        match self.thunk.get() {
            Some(thunk) => thunk.as_ref()?.get(env),
            None => self.make_thunk(context),
        }
    }

    #[cold]
    fn make_thunk<'a>(&self, context: &'a Context) -> Option<Value<'a>> {
        let env = context.js();
        let [parameters, results] = [&self.ty.parameters, &self.ty.results].map(|types| {
            let names: Vec<_> = types.iter().map(ToString::to_string).collect();
            env.string(&names.join(","))
        });
        let callback = self.callback.get(env)?;
        let key = self.externref_quota.as_ref().map(|quota| context.externrefs.charges.key(quota));
        let key = key.map_or(env.undefined(), |key| env.double(key as f64));
        let thunk = context.environment.call(|lib| &lib.import_thunk, &[callback, parameters, results, key]);
        // At the end of JavaScript's stack, another attempt may succeed.
        let thunk = thunk.inspect_err(|PendingException| drop(ThrownValue::take(env))).ok()?;
        let thunk = (!env.is_undefined(thunk)).then_some(thunk);
        let _ = self.thunk.set(thunk.map(|thunk| WeakReference::new(env, thunk)));
        thunk
    }

    /// The value that the function threw, for the calling wasm. With an adapter, wasm may catch it.
    ///
    /// # Errors
    /// The value, if wasm may not catch it.
    pub fn thrown(&self, context: &Rc<Context>, value: Value<'_>) -> Result<(), Thrown> {
        throw_value_at_wasm(context, ThrownValue::new(context.js(), value), self.adapted)
    }

    /// The steps before control returns from the function to wasm.
    ///
    /// # Errors
    /// The exception, if wasm may not catch it.
    #[inline]
    pub fn returned(&self, context: &Rc<Context>) -> Result<(), Thrown> {
        // The conversions of the results run JavaScript, which may grow shared memories.
        let published = context.shared_memories.publish_lengths(&context.environment);
        published.or_else(|PendingException| throw_at_wasm(context, self.adapted))
    }

    /// Calls the function. Returns whether it has returned; otherwise `promise` has what is pending.
    ///
    /// # Safety
    /// As for `HostFunction::call`.
    unsafe fn run(&self, context: &Rc<Context>, values: *mut RawValue) -> Result<bool, PendingException> {
        if let (Some(shared), Some(thunk)) = (&context.shared_values, self.parks.then(|| self.thunk(context)).flatten())
        {
            // SAFETY: `values` holds the arguments, with room for the results, by the contract of this function.
            return unsafe { self.run_thunk(context, shared, thunk, values) }.map(|()| true);
        }
        let env = context.js();
        let undefined = env.undefined();
        let count = self.ty.parameters.len();
        let mut inline = [undefined; INLINE];
        let mut heap = Vec::new();
        let arguments = inline.get_mut(..count).unwrap_or_else(|| {
            heap.resize(count, undefined);
            &mut heap
        });
        for (index, (argument, ty)) in arguments.iter_mut().zip(&self.ty.parameters).enumerate() {
            // SAFETY: `values` holds arguments of these types, by the contract of this function.
            *argument = unsafe { to_js(context, *ty, &*values.add(index))? };
        }
        let callback = self.callback.get(env).ok_or_else(|| {
            let message = "internal error: an imported function was collected".to_owned();
            context.environment.throw(&ErrorKind::Internal { message }.into())
        })?;
        let result = env.call_with(undefined, callback, arguments)?;
        if self.suspending && env.is_promise(result) {
            self.promise.replace(Some(StrongReference::new(env, result)));
            return Ok(false);
        }
        // SAFETY: by the contract of this function.
        unsafe { self.read_results(context, callback, result, values) }.map(|()| true)
    }

    /// Converts what the function, `callback`, has returned.
    ///
    /// # Safety
    /// `values` has room for its results.
    #[inline(always)] // once on the way of each call
    unsafe fn read_results(
        &self,
        context: &Rc<Context>,
        callback: Value<'_>,
        result: Value<'_>,
        values: *mut RawValue,
    ) -> Result<(), PendingException> {
        match &*self.ty.results {
            [] => {}
            // SAFETY: `values` has room for the results, by the contract of this function.
            [ty] => unsafe { *values = result_to_wasm(context, *ty, result, self.caller, callback)? },
            // SAFETY: as for one result.
            types => unsafe { self.read_list(context, types, callback, result, values)? },
        }
        if let Some(quota) = &self.externref_quota {
            // SAFETY: `values` holds the results.
            let charged = unsafe { context.externrefs.charge_all(quota, &self.ty.results, values) };
            charged.map_err(|error| context.environment.throw(&error))?;
        }
        // The conversions of the results run JavaScript, which may grow shared memories.
        context.shared_memories.publish_lengths(&context.environment)
    }

    /// Calls the function by its thunk, which converts the values faster than N-API.
    ///
    /// # Safety
    /// As for `HostFunction::call`.
    #[inline]
    unsafe fn run_thunk(
        &self,
        context: &Context,
        shared: &SharedValues,
        thunk: Value<'_>,
        values: *mut RawValue,
    ) -> Result<(), PendingException> {
        shared.set_number(0);
        // SAFETY: by the contract of this function. A function that parks has no more values than there is room for. The thunk
        // reads the arguments before any other code runs, and writes the result when the function has returned.
        unsafe {
            ptr::copy(values, shared.values(), self.ty.parameters.len());
            context.js().call(thunk, &[])?;
            ptr::copy(shared.values(), values, self.ty.results.len());
        }
        // The conversions of the results run JavaScript, which may grow shared memories.
        context.shared_memories.publish_lengths(&context.environment)
    }

    /// Converts the results of a multi-value function, `callback`, which are in anything that JavaScript can iterate.
    ///
    /// # Safety
    /// `values` has room for values of these types.
    #[inline(never)] // multi-value imports are rare
    unsafe fn read_list(
        &self,
        context: &Context,
        types: &[ValType],
        callback: Value<'_>,
        result: Value<'_>,
        values: *mut RawValue,
    ) -> Result<(), PendingException> {
        let env = context.js();
        let list = context.environment.call(|lib| &lib.to_list, &[result, callback])?;
        let length = env.array_length(list).unwrap_or_default();
        if length as usize != types.len() {
            let message = format!("expected {} results of an imported function, got {length}", types.len());
            return Err(context.environment.throw(&ErrorKind::ArgumentType { message }.into()));
        }
        for (index, ty) in types.iter().enumerate() {
            let value = result_to_wasm(context, *ty, env.element(list, index as u32), self.caller, callback)?;
            // SAFETY: by the contract of this function.
            unsafe { *values.add(index) = value };
        }
        Ok(())
    }
}

impl HostFunction for ImportedFunction {
    fn parkable(&self) -> Option<*const c_void> {
        self.parks.then(|| ptr::from_ref(self).cast())
    }

    unsafe fn call(&self, values: *mut RawValue) -> Result<(), Thrown> {
        let Some(context) = self.context.upgrade() else {
            return Err(Thrown::error(Error::from(ErrorKind::ClosedCall)));
        };
        let mut has_returned = true;
        run_javascript(&context, self.adapted, || {
            // SAFETY: by the contract of `HostFunction::call`.
            has_returned = unsafe { self.run(&context, values)? };
            Ok(())
        })?;
        if has_returned { Ok(()) } else { Err(Thrown::suspension(ptr::from_ref(self).expose_provenance())) }
    }

    fn not_suspended(&self) {
        self.promise.take();
    }
}

/// Runs JavaScript in a host function. With `adapted`, wasm may catch the exception that it throws.
///
/// # Errors
/// The exception, if wasm may not catch it.
#[inline]
pub fn run_javascript(
    context: &Rc<Context>,
    adapted: bool,
    run: impl FnOnce() -> Result<(), PendingException>,
) -> Result<(), Thrown> {
    context.buffers.detach_grown(context.js(), &context.store);
    context.environment.running.hold(context.js());
    // A scope for each call, so that a loop of calls in wasm does not accumulate handles. The handles made in it do
    // not leave it: results go to memory, and `throw_at_wasm` takes the exception out.
    let _scope = context.js().open_scope();
    let parked = context.shared_values.as_ref().map(|shared| (&shared.parked, shared.parked.len()));
    // Node aborts if a panic leaves the scope open.
    let run = || {
        let result = run();
        if let Some((parked, count)) = parked {
            end_above(parked, count);
        }
        result.or_else(|PendingException| throw_at_wasm(context, adapted))
    };
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|panic| Err(Thrown::error(panicked(&*panic))))
}

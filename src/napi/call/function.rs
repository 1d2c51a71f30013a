//! Exported functions: the JavaScript functions over wasm functions, and the trampoline that they call.

use crate::engine::Compiler;
use crate::error::{ErrorKind, Subject};
use crate::napi::convert::value::crosses;
use crate::napi::env::context::Context;
use crate::napi::env::throw::{PendingException, panicked};
use crate::store::{FuncRef, Instance, OpenFlag, RawValue};
use crate::wasm::{FuncType, ValType};
use napi::sys;
use rustc_hash::FxHashSet;
use std::cell::{Cell, RefCell};
use std::ffi::{CStr, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;

/// The data of a JavaScript function over a wasm function: all that a call needs.
pub struct ExportedFunction {
    /// The context of the function's store
    pub context: Rc<Context>,
    /// The wasm function
    pub function: FuncRef,
    /// The function that a call runs, and the compiler of its code: after tier-up, Cranelift's copy
    target: Cell<(FuncRef, Compiler)>,
    ty: Rc<FuncType>,
    /// The open flag of the function's instance
    life: Rc<OpenFlag>,
    /// A parameter or result type whose values do not cross to JavaScript, if there is one
    stays: Option<ValType>,
    /// Weak reference to the JavaScript function; `finalize` deletes it
    reference: Cell<sys::napi_ref>,
}

thread_local! {
    /// Addresses of the `ExportedFunction`s of this thread's functions. Pointers that N-API wrapped for anything else,
    /// also for another copy of the addon, are not among them.
    static LIVE: RefCell<FxHashSet<usize>> = RefCell::default();
}

/// Number of arguments or results up to which a call does not allocate.
const INLINE: usize = 16;

impl Context {
    /// The JavaScript function of `function`; null for none.
    pub fn function_or_null(self: &Rc<Self>, function: Option<FuncRef>) -> sys::napi_value {
        function.map_or_else(
            || {
                let mut null = ptr::null_mut();
                // SAFETY: a plain N-API call.
                unsafe { sys::napi_get_null(self.env, &mut null) };
                null
            },
            |function| self.function(function),
        )
    }

    /// The JavaScript function of `function`: the same object for as long as JavaScript holds it.
    pub fn function(self: &Rc<Self>, function: FuncRef) -> sys::napi_value {
        if let Some(&reference) = self.functions.borrow().get(&function) {
            let mut value = ptr::null_mut();
            // SAFETY: `finalize` removes an entry before it deletes the entry's reference.
            unsafe { sys::napi_get_reference_value(self.env, reference, &mut value) };
            if !value.is_null() {
                return value;
            }
        }
        let ty = function.ty(&self.store);
        let stays = ty.parameters.iter().chain(&ty.results).copied().find(|ty| !crosses(*ty));
        let (arity, name) = (ty.parameters.len() as u32, function.name(&self.store));
        let life = function.context_owner(&self.store).map(|owner| owner.open_flag().clone()).unwrap_or_default();
        let target = self.target_of(function);
        let exported = Rc::new(ExportedFunction {
            context: self.clone(),
            function,
            ty,
            target: Cell::new(target),
            life,
            stays,
            reference: Cell::new(ptr::null_mut()),
        });
        let exported_arity = arity as usize;
        let data = Rc::into_raw(exported).cast_mut().cast::<c_void>();
        let (mut value, mut reference, mut length) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        // SAFETY: plain N-API calls on the thread of the environment. `finalize` frees `data`, and runs only when the
        // function has been collected.
        unsafe {
            sys::napi_create_function(
                self.env,
                name.as_ptr().cast(),
                name.len() as isize,
                Some(trampoline(exported_arity)),
                data,
                &mut value,
            );
            sys::napi_create_uint32(self.env, arity, &mut length);
            let property = |utf8name: &CStr, value, attributes| sys::napi_property_descriptor {
                utf8name: utf8name.as_ptr(),
                name: ptr::null_mut(),
                method: None,
                getter: None,
                setter: None,
                value,
                attributes,
                data: ptr::null_mut(),
            };
            let configurable = sys::PropertyAttributes::configurable;
            let properties = [
                property(c"length", length, configurable),
                property(c"map", self.host.map.get(self.env), configurable | sys::PropertyAttributes::writable),
            ];
            sys::napi_define_properties(self.env, value, properties.len(), properties.as_ptr());
            LIVE.with_borrow_mut(|live| live.insert(data.expose_provenance()));
            sys::napi_wrap(self.env, value, data, Some(finalize), ptr::null_mut(), &mut reference);
            (*data.cast::<ExportedFunction>()).reference.set(reference);
        }
        self.functions.borrow_mut().insert(function, reference);
        self.retainers.note_change(1);
        let retainer = function.node(&self.store).map(|node| self.retainer(node));
        let (mut undefined, mut address, mut result) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        // SAFETY: plain N-API calls on this thread; `know` only writes to a WeakMap, so it does not throw.
        unsafe {
            sys::napi_get_undefined(self.env, &mut undefined);
            sys::napi_create_double(self.env, data as usize as f64, &mut address);
            let (know, arguments) = (self.host.know.get(self.env), [value, address, retainer.unwrap_or(undefined)]);
            sys::napi_call_function(self.env, undefined, know, arguments.len(), arguments.as_ptr(), &mut result);
        }
        value
    }
}

/// The data of `value` if it is a function over a wasm function, of any store of this thread.
///
/// # Safety
/// `value` is a value of `env`, and stays alive while the result is used.
pub unsafe fn exported<'a>(env: sys::napi_env, value: sys::napi_value) -> Option<&'a ExportedFunction> {
    let mut data = ptr::null_mut();
    // SAFETY: a plain N-API call; it fails for values that wrap no pointer.
    let status = unsafe { sys::napi_unwrap(env, value, &mut data) };
    // SAFETY: by the contract of this function.
    (status == sys::Status::napi_ok).then(|| unsafe { exported_at(data as usize) }).flatten()
}

/// The `ExportedFunction` at an address; none if no live one is there.
///
/// # Safety
/// The function stays alive while the result is used.
pub unsafe fn exported_at<'a>(address: usize) -> Option<&'a ExportedFunction> {
    let live = LIVE.with_borrow(|live| live.contains(&address));
    // SAFETY: `LIVE` has only addresses of `ExportedFunction`s, and `finalize` removes one before it frees the data.
    // The caller keeps the function alive.
    live.then(|| unsafe { &*ptr::with_exposed_provenance(address) })
}

impl Context {
    /// The function that a call of `function` runs, and the compiler of its code.
    fn target_of(&self, function: FuncRef) -> (FuncRef, Compiler) {
        let tier_up = function.tier_up(&self.store, Compiler::Cranelift);
        tier_up.map_or_else(|| (function, function.compiler(&self.store)), |tier_up| (tier_up, Compiler::Cranelift))
    }

    /// After a tier-up of `old`, makes the functions that JavaScript has of it call the new code.
    pub fn hand_over(&self, old: &Instance) {
        let functions: Vec<_> = self.functions.borrow().iter().map(|(function, held)| (*function, *held)).collect();
        for (function, reference) in functions {
            if function.instance(&self.store).is_none_or(|instance| instance.id != old.id) {
                continue;
            }
            let mut value = ptr::null_mut();
            // SAFETY: `finalize` removes an entry before it deletes its reference. The handle keeps the value alive.
            let exported = unsafe {
                sys::napi_get_reference_value(self.env, reference, &mut value);
                exported(self.env, value)
            };
            if let Some(exported) = exported {
                exported.target.set(self.target_of(function));
            }
        }
    }

    /// The function of `exported`, if it belongs to this store and is not closed.
    ///
    /// # Errors
    /// `Closed` or `OtherStore`, with the subject.
    pub fn own(&self, exported: &ExportedFunction, subject: impl FnOnce() -> Subject) -> crate::error::Result<FuncRef> {
        if exported.is_closed() {
            return Err(ErrorKind::Closed(subject()).into());
        }
        if ptr::eq(&raw const *exported.context, self) {
            return Ok(exported.function);
        }
        Err(ErrorKind::OtherStore(subject()).into())
    }
}

/// Finalizer of an exported function: frees its data.
unsafe extern "C" fn finalize(env: sys::napi_env, data: *mut c_void, _hint: *mut c_void) {
    // SAFETY: `data` came from `Rc::into_raw` in `function`, and N-API calls this once.
    let exported = unsafe { Rc::from_raw(data.cast::<ExportedFunction>().cast_const()) };
    LIVE.with_borrow_mut(|live| live.remove(&(data as usize)));
    let reference = exported.reference.get();
    let mut functions = exported.context.functions.borrow_mut();
    // The wasm function may have a new JavaScript function by now, and then the entry belongs to that one.
    if functions.get(&exported.function) == Some(&reference) {
        functions.remove(&exported.function);
    }
    drop(functions);
    // SAFETY: the reference is in no map any more, and N-API requires that the finalizer of a wrap deletes it.
    unsafe { sys::napi_delete_reference(env, reference) };
}

/// The trampoline with the least room for that many parameters: N-API writes every argument that it is asked for, even
/// if the caller did not pass it.
fn trampoline(parameters: usize) -> unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> sys::napi_value {
    match parameters {
        0..=2 => call::<2>,
        3..=4 => call::<4>,
        _ => call::<INLINE>,
    }
}

/// The N-API callback of exported functions. `ROOM` is the number of arguments and results that need no allocation.
unsafe extern "C" fn call<const ROOM: usize>(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let mut count = ROOM;
    let mut arguments = [ptr::null_mut(); ROOM];
    let mut data = ptr::null_mut();
    // SAFETY: `data` is the `ExportedFunction` that `function` gave to N-API, and N-API fills missing arguments with
    // undefined. The extra count keeps the data for the whole call, even if the function is collected meanwhile.
    let exported = unsafe {
        sys::napi_get_cb_info(env, info, &mut count, arguments.as_mut_ptr(), ptr::null_mut(), &mut data);
        let data = data.cast::<ExportedFunction>().cast_const();
        Rc::increment_strong_count(data);
        Rc::from_raw(data)
    };
    let run = || {
        exported.refuse_new(env, info)?;
        let parameters = exported.ty.parameters.len();
        let width = parameters.max(exported.ty.results.len());
        if width <= ROOM {
            return exported.call(&arguments[..parameters], &mut [RawValue::default(); ROOM]);
        }
        let mut count = parameters;
        let mut arguments = vec![ptr::null_mut(); parameters];
        // SAFETY: `info` is that of this call, and `arguments` has room for `count` values.
        unsafe {
            let (this, data) = (ptr::null_mut(), ptr::null_mut());
            sys::napi_get_cb_info(env, info, &mut count, arguments.as_mut_ptr(), this, data);
        }
        exported.call(&arguments, &mut vec![RawValue::default(); width])
    };
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => result.unwrap_or(ptr::null_mut()),
        Err(panic) => {
            exported.context.throw(&panicked(&*panic));
            ptr::null_mut()
        }
    }
}

impl ExportedFunction {
    /// Its address, by which `exported_at` finds it.
    pub fn address(&self) -> usize {
        ptr::from_ref(self).expose_provenance()
    }

    /// Its type.
    pub fn ty(&self) -> &FuncType {
        &self.ty
    }

    /// The reference to the JavaScript function.
    pub fn reference(&self) -> sys::napi_ref {
        self.reference.get()
    }

    /// The compiler of the code that a call runs.
    pub fn compiler(&self) -> Compiler {
        self.target.get().1
    }

    /// The function that a call runs.
    pub fn target(&self) -> FuncRef {
        self.target.get().0
    }

    /// Whether its instance was closed. If so, the function may be freed and must not be used.
    pub fn is_closed(&self) -> bool {
        self.life.is_closed()
    }

    /// Whether calls do nothing instead of throwing. For a function whose instance is closed.
    pub fn is_silent(&self) -> bool {
        self.life.is_silent() || self.context.silent.get() || self.context.in_finalizer()
    }

    /// Throws if called with `new`: every function that N-API creates is a constructor.
    fn refuse_new(&self, env: sys::napi_env, info: sys::napi_callback_info) -> Result<(), PendingException> {
        let mut target = ptr::null_mut();
        // SAFETY: `info` is that of the running call.
        unsafe { sys::napi_get_new_target(env, info, &mut target) };
        if target.is_null() {
            return Ok(());
        }
        let message = "an exported WebAssembly function is not a constructor".to_owned();
        Err(self.context.throw(&ErrorKind::ArgumentType { message }.into()))
    }

    fn call(
        &self,
        arguments: &[sys::napi_value],
        values: &mut [RawValue],
    ) -> Result<sys::napi_value, PendingException> {
        let context = &self.context;
        if self.is_closed() {
            return self.call_closed(values);
        }
        // The JS API requires this error before any argument is converted.
        if let Some(ty) = self.stays {
            return Err(context.does_not_cross(ty));
        }
        let _entered = context.enter(self.reference.get())?;
        let (target, compiler) = self.target.get();
        for ((value, argument), ty) in values.iter_mut().zip(arguments).zip(&self.ty.parameters) {
            // SAFETY: the arguments are values of the calling environment, which is that of the context.
            *value = unsafe { context.read(*ty, *argument, compiler)? };
        }
        // A conversion may have run JavaScript that closed the instance.
        if self.is_closed() {
            return self.call_closed(values);
        }
        // SAFETY: `values` holds the arguments, with room for the results. `self` holds the context, and no `RefCell`
        // of it is borrowed.
        let result = unsafe { target.call(&context.store, values.as_mut_ptr()) };
        context.detach_grown_memories();
        if let Err(failure) = result {
            return Err(context.throw_failure(failure));
        }
        match &*self.ty.results {
            [] => Ok(ptr::null_mut()),
            // SAFETY: the call has written a result of this type.
            [ty] => unsafe { context.write(*ty, &values[0]) },
            types => self.list(types, values),
        }
    }

    /// Calls a function whose instance is closed: throws, or does nothing if the instance was closed silently or a
    /// finalizer calls, where no code could catch an error.
    #[cold]
    fn call_closed(&self, values: &mut [RawValue]) -> Result<sys::napi_value, PendingException> {
        let context = &self.context;
        if !self.is_silent() {
            return Err(context.throw(&ErrorKind::ClosedCall.into()));
        }
        values.fill(RawValue::default());
        match &*self.ty.results {
            _ if self.stays.is_some() => Ok(ptr::null_mut()),
            [] => Ok(ptr::null_mut()),
            // SAFETY: all zeros is a value of each type that crosses: zero or null.
            [ty] => unsafe { context.write(*ty, &values[0]) },
            types => self.list(types, values),
        }
    }

    /// The results of a multi-value function, as an array. JavaScript makes the array, since N-API is slower.
    #[inline(never)] // keeps its large frame out of every call
    fn list(&self, types: &[ValType], values: &[RawValue]) -> Result<sys::napi_value, PendingException> {
        let context = &self.context;
        let (mut few, mut many) = ([ptr::null_mut(); INLINE], Vec::new());
        let list = if types.len() <= few.len() {
            &mut few[..types.len()]
        } else {
            many.resize(types.len(), ptr::null_mut());
            &mut many[..]
        };
        for ((item, ty), value) in list.iter_mut().zip(types).zip(values) {
            // SAFETY: the call has written results of these types.
            *item = unsafe { context.write(*ty, value)? };
        }
        context.call_host_outside(context.host.list_of.get(context.env), list)
    }
}

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

/// What a JavaScript function over a wasm function holds: all that a call needs.
pub struct ExportedFunction {
    /// Whose it is
    pub context: Rc<Context>,
    /// The function
    pub function: FuncRef,
    /// What is called for it, and whose code that is: another one, once other code has taken over
    target: Cell<(FuncRef, Compiler)>,
    ty: Rc<FuncType>,
    /// That of the instance that it goes with
    life: Rc<OpenFlag>,
    /// A type of the function's whose values do not cross to JavaScript
    stays: Option<ValType>,
    /// The JavaScript function, held weakly; deleted when that is gone
    reference: Cell<sys::napi_ref>,
}

thread_local! {
    /// Where there is an `ExportedFunction` that a function of this thread holds. Whatever else N-API has wrapped, also for another
    /// copy of the addon, is none of these addresses.
    static LIVE: RefCell<FxHashSet<usize>> = RefCell::default();
}

/// Values that a call takes without allocating.
const INLINE: usize = 16;

impl Context {
    /// The JavaScript function of `function`, or null.
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

    /// The JavaScript function of `function`: the same one as long as JavaScript holds it.
    pub fn function(self: &Rc<Self>, function: FuncRef) -> sys::napi_value {
        if let Some(&reference) = self.functions.borrow().get(&function) {
            let mut value = ptr::null_mut();
            // SAFETY: an entry is removed before its reference is deleted.
            unsafe { sys::napi_get_reference_value(self.env, reference, &mut value) };
            if !value.is_null() {
                return value;
            }
        }
        let ty = self.store.type_of(function);
        let stays = ty.parameters.iter().chain(&ty.results).copied().find(|ty| !crosses(*ty));
        let (arity, name) = (ty.parameters.len() as u32, self.store.function_name(function));
        let life = self.store.owner_of(function).map(|owner| owner.life().clone()).unwrap_or_default();
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
        // SAFETY: plain N-API calls on the thread of the environment. The function's data is freed
        // by `finalize`, when the function is gone.
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
        let cell = self.store.node_of(function).map(|node| self.retainer(node));
        let (mut undefined, mut address, mut result) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        // SAFETY: plain N-API calls; `lib/` notes what it is told, which throws nothing.
        unsafe {
            sys::napi_get_undefined(self.env, &mut undefined);
            sys::napi_create_double(self.env, data as usize as f64, &mut address);
            let (know, arguments) = (self.host.know.get(self.env), [value, address, cell.unwrap_or(undefined)]);
            sys::napi_call_function(self.env, undefined, know, arguments.len(), arguments.as_ptr(), &mut result);
        }
        value
    }
}

/// What `value` holds, if it is a function over a wasm function, of whatever store.
///
/// # Safety
/// `value` is of `env`, and stays alive while the result is used.
pub unsafe fn exported<'a>(env: sys::napi_env, value: sys::napi_value) -> Option<&'a ExportedFunction> {
    let mut data = ptr::null_mut();
    // SAFETY: a plain N-API call; what holds no such pointer is refused.
    let status = unsafe { sys::napi_unwrap(env, value, &mut data) };
    // SAFETY: by the contract of this function.
    (status == sys::Status::napi_ok).then(|| unsafe { exported_at(data as usize) }).flatten()
}

/// What the function holds whose `ExportedFunction` is there, if one is.
///
/// # Safety
/// The function stays alive while the result is used.
pub unsafe fn exported_at<'a>(address: usize) -> Option<&'a ExportedFunction> {
    let live = LIVE.with_borrow(|live| live.contains(&address));
    // SAFETY: what is live is an `ExportedFunction`, which lives as long as the function.
    live.then(|| unsafe { &*ptr::with_exposed_provenance(address) })
}

impl Context {
    /// What is called for a function, and whose code that is.
    fn target_of(&self, function: FuncRef) -> (FuncRef, Compiler) {
        let tier_up = self.store.tier_up_of(function, Compiler::Cranelift);
        tier_up.map_or_else(|| (function, self.store.compiler_of(function)), |tier_up| (tier_up, Compiler::Cranelift))
    }

    /// Lets the functions that JavaScript has of an instance call what has taken over from it.
    pub fn hand_over(&self, old: &Instance) {
        let functions: Vec<_> = self.functions.borrow().iter().map(|(function, held)| (*function, *held)).collect();
        for (function, reference) in functions {
            if self.store.instance_of(function).is_none_or(|instance| instance.id != old.id) {
                continue;
            }
            let mut value = ptr::null_mut();
            // SAFETY: an entry is removed before its reference is deleted; the value is on the stack from here on.
            let exported = unsafe {
                sys::napi_get_reference_value(self.env, reference, &mut value);
                exported(self.env, value)
            };
            if let Some(exported) = exported {
                exported.target.set(self.target_of(function));
            }
        }
    }

    /// The function that `exported` is, if it is one of this store, and alive.
    ///
    /// # Errors
    /// `Closed` or `OtherStore`, of the subject.
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

/// Frees what a function held, when the function is gone.
unsafe extern "C" fn finalize(env: sys::napi_env, data: *mut c_void, _hint: *mut c_void) {
    // SAFETY: `data` came from `Rc::into_raw` in `function`, and N-API calls this once.
    let exported = unsafe { Rc::from_raw(data.cast::<ExportedFunction>().cast_const()) };
    LIVE.with_borrow_mut(|live| live.remove(&(data as usize)));
    let reference = exported.reference.get();
    let mut functions = exported.context.functions.borrow_mut();
    // The wasm function may have a new JavaScript function by now; then the entry is that one's.
    if functions.get(&exported.function) == Some(&reference) {
        functions.remove(&exported.function);
    }
    drop(functions);
    // SAFETY: the reference is this function's own, and N-API wants it deleted here.
    unsafe { sys::napi_delete_reference(env, reference) };
}

/// The trampoline for functions of so many parameters: N-API writes each argument that it is asked for, given or not.
fn trampoline(parameters: usize) -> unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> sys::napi_value {
    match parameters {
        0..=2 => call::<2>,
        3..=4 => call::<4>,
        _ => call::<INLINE>,
    }
}

/// What JavaScript calls when it calls a wasm function.
unsafe extern "C" fn call<const ROOM: usize>(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let mut count = ROOM;
    let mut arguments = [ptr::null_mut(); ROOM];
    let mut data = ptr::null_mut();
    // SAFETY: N-API gives this function's own data, and fills missing arguments with undefined. The
    // extra count keeps the data for the whole call, even if the function is collected meanwhile.
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
        // SAFETY: as above; `arguments` has room for `count`.
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
    /// Where it is.
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

    /// Whose code it is.
    pub fn compiler(&self) -> Compiler {
        self.target.get().1
    }

    /// What is called for it.
    pub fn target(&self) -> FuncRef {
        self.target.get().0
    }

    /// Whether its instance was closed. Then nothing else of it may be looked at.
    pub fn is_closed(&self) -> bool {
        self.life.is_closed()
    }

    /// Whether calls of it, now that its instance is closed, do nothing instead of throwing.
    pub fn is_silent(&self) -> bool {
        self.life.is_silent() || self.context.silent.get() || self.context.in_finalizer()
    }

    /// Refuses `new`: N-API makes no functions that are no constructors.
    fn refuse_new(&self, env: sys::napi_env, info: sys::napi_callback_info) -> Result<(), PendingException> {
        let mut target = ptr::null_mut();
        // SAFETY: `info` is that of the call.
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
        // Before anything runs, as the JS API says.
        if let Some(ty) = self.stays {
            return Err(context.does_not_cross(ty));
        }
        let _entered = context.enter(self.reference.get())?;
        let (target, compiler) = self.target.get();
        for ((value, argument), ty) in values.iter_mut().zip(arguments).zip(&self.ty.parameters) {
            // SAFETY: the arguments are of the environment that calls.
            *value = unsafe { context.read(*ty, *argument, compiler)? };
        }
        // A conversion may have closed it.
        if self.is_closed() {
            return self.call_closed(values);
        }
        // SAFETY: the values are those of the parameters, with room for the results; the context is
        // held by `self`, and no cell of it is borrowed.
        let result = unsafe { context.store.call(target, values.as_mut_ptr()) };
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

    /// A call of a function whose instance is closed does nothing where its user wants that, or where nobody could catch an
    /// error: in a finalizer.
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
            // SAFETY: zero, or null, is a value of each type that crosses.
            [ty] => unsafe { context.write(*ty, &values[0]) },
            types => self.list(types, values),
        }
    }

    /// The results of a multi-value function, as an array: JavaScript makes one in less time than N-API.
    #[inline(never)] // its room is not for every call to set up
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

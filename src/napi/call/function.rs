//! The trampoline: how JavaScript calls an exported function.

use crate::error::ErrorKind;
use crate::napi::call::scope::CallScope;
use crate::napi::context::Context;
use crate::napi::convert::exported::{ExportedFunction, clone_data};
use crate::napi::convert::thrown::throw_failure_of;
use crate::napi::convert::value::{throw_unconvertible, to_js, to_wasm};
use crate::napi::env::exception::PendingException;
use crate::napi::env::function::{CallInfo, Callback};
use crate::napi::env::throw::panicked;
use crate::napi::env::value::Value;
use crate::store::RawValue;
use crate::wasm::ValType;
use napi::sys;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;

/// Number of arguments or results up to which a call does not allocate.
const INLINE: usize = 16;

/// The result of a call: none for a function without results, which N-API makes undefined.
type CallResult<'a> = Result<Option<Value<'a>>, PendingException>;

/// The trampoline with the least room that is enough for this number of parameters: N-API writes as many arguments as
/// there is room for, even if the caller has passed fewer.
pub fn trampoline(parameters: usize) -> Callback {
    match parameters {
        0..=2 => call::<2>,
        3..=4 => call::<4>,
        _ => call::<INLINE>,
    }
}

/// The N-API callback of exported functions. `ROOM` is the number of arguments and results that need no allocation.
///
/// # Safety
/// N-API calls this, with an `ExportedFunction` as the data.
unsafe extern "C" fn call<const ROOM: usize>(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: by the contract of this function.
    let info = unsafe { CallInfo::new(env, info) };
    let mut room = [MaybeUninit::uninit(); ROOM];
    let (arguments, data) = info.read(&mut room);
    // SAFETY: by the contract of this function; the function that is being called keeps its data. The extra count keeps
    // them for the whole call, even if V8 collects the function meanwhile.
    let exported = unsafe { clone_data(data.cast::<ExportedFunction>().cast_const()) };
    let run = || {
        exported.refuse_new(&info)?;
        let parameters = exported.ty.parameters.len();
        let width = parameters.max(exported.ty.results.len());
        if width <= ROOM {
            return exported.call(&arguments[..parameters], &mut [RawValue::default(); ROOM]);
        }
        let mut room = vec![MaybeUninit::uninit(); parameters];
        exported.call(info.read(&mut room).0, &mut vec![RawValue::default(); width])
    };
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Ok(Some(result))) => result.raw(),
        Ok(_) => ptr::null_mut(),
        Err(panic) => {
            exported.context.environment.throw(&panicked(&*panic));
            ptr::null_mut()
        }
    }
}

impl ExportedFunction {
    /// Throws if called with `new`: every function that N-API creates is a constructor.
    #[inline]
    fn refuse_new(&self, info: &CallInfo<'_>) -> Result<(), PendingException> {
        if !info.is_construction() {
            return Ok(());
        }
        let message = "an exported WebAssembly function is not a constructor".to_owned();
        Err(self.context.environment.throw(&ErrorKind::ArgumentType { message }.into()))
    }

    /// Calls the function. `values` has room for its arguments and for its results.
    fn call(&self, arguments: &[Value<'_>], values: &mut [RawValue]) -> CallResult<'_> {
        let context = &self.context;
        if self.is_closed() {
            return self.call_closed(values);
        }
        // The JS API requires this error before any argument is converted.
        if let Some(ty) = self.unconvertible {
            return Err(throw_unconvertible(context, ty));
        }
        self.prepare_externrefs();
        // SAFETY: JavaScript is calling this function until the trampoline returns.
        let _scope = unsafe { CallScope::enter(context, self.reference(), false)? };
        let (target, compiler) = self.target();
        for ((value, argument), ty) in values.iter_mut().zip(arguments).zip(&self.ty.parameters) {
            *value = to_wasm(context, *ty, *argument, compiler)?;
        }
        // SAFETY: `values` holds the arguments.
        unsafe { self.charge_externrefs(values.as_ptr())? };
        // A conversion may have run JavaScript that closed the instance.
        if self.is_closed() {
            return self.call_closed(values);
        }
        let deadline = self.begin_deadline()?;
        // SAFETY: `values` holds the arguments, with room for the results. `self` holds the context, and no `RefCell`
        // of it is borrowed.
        let result = unsafe { target.call(&context.store, self.stack_pointer, values.as_mut_ptr()) };
        drop(deadline);
        context.buffers.detach_grown(context.js(), &context.store);
        if let Err(failure) = result {
            return Err(throw_failure_of(context, self.function, failure));
        }
        // SAFETY: the call has written results of these types.
        unsafe { self.results(values) }
    }

    /// Calls a function whose instance is closed: throws, or does nothing if the instance was closed silently or a
    /// finalizer calls, where no code could catch an error.
    #[cold]
    fn call_closed(&self, values: &mut [RawValue]) -> CallResult<'_> {
        if !self.is_silent() {
            return Err(self.context.environment.throw(&ErrorKind::ClosedCall.into()));
        }
        values.fill(RawValue::default());
        if self.unconvertible.is_some() {
            return Ok(None);
        }
        // SAFETY: all zeros is a value of each convertible type: zero or null.
        unsafe { self.results(values) }
    }

    /// Converts the results to JavaScript.
    ///
    /// # Safety
    /// `values` holds values of the function's result types.
    #[inline(always)] // so that the usual result types are converted in the call's own frame
    pub unsafe fn results(&self, values: &[RawValue]) -> CallResult<'_> {
        match &*self.ty.results {
            [] => Ok(None),
            // SAFETY: by the contract of this function.
            [ty] => unsafe { to_js(&self.context, *ty, &values[0]).map(Some) },
            // SAFETY: by the contract of this function.
            types => unsafe { list(&self.context, types, values).map(Some) },
        }
    }
}

/// The results of a multi-value function, as an array. JavaScript makes the array, since N-API is slower.
///
/// # Safety
/// `values` holds values of these types.
#[inline(never)] // keeps its large frame out of every call
unsafe fn list<'a>(
    context: &'a Rc<Context>,
    types: &[ValType],
    values: &[RawValue],
) -> Result<Value<'a>, PendingException> {
    // SAFETY: by the contract of this function.
    let convert = |(ty, value): (&ValType, &RawValue)| unsafe { to_js(context, *ty, value) };
    let mut few = [context.js().undefined(); INLINE];
    if types.len() > few.len() {
        let many = types.iter().zip(values).map(convert).collect::<Result<Vec<_>, _>>()?;
        return context.environment.call_after(|lib| &lib.list_of, &many);
    }
    for (item, pair) in few.iter_mut().zip(types.iter().zip(values)) {
        *item = convert(pair)?;
    }
    context.environment.call_after(|lib| &lib.list_of, &few[..types.len()])
}

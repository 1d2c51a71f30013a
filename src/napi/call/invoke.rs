//! Calls of exported functions whose values go through shared memory.

use crate::engine::note_end_of_thread;
use crate::error::ErrorKind;
use crate::napi::call::import::ImportedFunction;
use crate::napi::call::parked::{end_abandoned, end_above};
use crate::napi::call::resume::{Next, go_on, resume};
use crate::napi::call::scope::CallScope;
use crate::napi::context::Context;
use crate::napi::convert::exported::ExportedFunction;
use crate::napi::env::exception::PendingException;
use crate::napi::env::function::{CallInfo, Callback};
use crate::napi::env::parked_calls::ParkedCalls;
use crate::napi::env::shared_values::{PLACES, SharedValues};
use crate::napi::env::throw::panicked;
use crate::napi::env::value::{JsEnv, Value};
use crate::store::{HAS_FAST_CALLS, Thrown, free_idle_call_stacks};
use napi::bindgen_prelude::Unknown;
use napi::{Env, sys};
use napi_derive::napi;
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;

/// Makes an object with `values`, which stores take; `invoke()`, which calls the function whose index stands in `buffer`;
/// and `resume()` and `fail(thrown)`, which resume the parked call whose number stands there. Null on a platform without
/// fast calls.
#[napi(js_name = "sharedValues", ts_args_type = "buffer: ArrayBuffer", ts_return_type = "any")]
pub fn make_shared_values<'a>(env: &'a Env, buffer: Unknown<'a>) -> Option<Unknown<'a>> {
    if !HAS_FAST_CALLS {
        return None;
    }
    let env = JsEnv::of(env);
    let buffer = Value::of(&buffer);
    // SAFETY: only the functions made below use the memory, and each has the buffer as a property.
    let shared = unsafe { SharedValues::new(env, buffer) };
    let object = env.object();
    let names = [c"invoke", c"resume", c"fail"];
    for (name, callback) in names.into_iter().zip(CALLBACKS[shared.take_place()]) {
        // SAFETY: `hold_with` keeps the data for as long as the function lives.
        let function =
            unsafe { env.function(&name.to_string_lossy(), callback, Rc::as_ptr(&shared).cast_mut().cast()) };
        env.set_property(function, c"buffer", buffer);
        env.hold_with(function, shared.clone());
        env.set_property(object, name, function);
    }
    env.set_property(object, c"values", shared.to_js(env));
    // SAFETY: see `JsEnv`. The hook gets back the `Rc` that is leaked here, once. Node wants hooks with different data.
    unsafe {
        let data = Rc::into_raw(shared).cast_mut().cast();
        sys::napi_add_env_cleanup_hook(env.raw(), Some(end_of_environment), data);
    }
    Some(env.to_unknown(object))
}

/// `invoke`, `resume` and `fail`, for values at each place, and for values that have none.
const CALLBACKS: [[Callback; 3]; PLACES + 1] =
    [callbacks::<0>(), callbacks::<1>(), callbacks::<2>(), callbacks::<PLACES>()];

const fn callbacks<const PLACE: usize>() -> [Callback; 3] {
    [invoke::<PLACE>, resume_returned::<PLACE>, resume_thrown::<PLACE>]
}

/// The values of a callback for values at a place.
///
/// # Safety
/// As for `invoke`.
#[inline(always)]
unsafe fn shared_values<'a, const PLACE: usize>(env: sys::napi_env, info: sys::napi_callback_info) -> &'a SharedValues {
    // SAFETY: by the contract of this function. Only the function of the values at a place has a callback for that, and it
    // holds them.
    unsafe { if PLACE < PLACES { &*SharedValues::at_place(PLACE) } else { &*CallInfo::new(env, info).data().cast() } }
}

/// Cleanup hook of an environment, whose thread may end.
///
/// # Safety
/// Node calls this once, with the data that `make_shared_values` gave it.
unsafe extern "C" fn end_of_environment(data: *mut c_void) {
    // SAFETY: by the contract of this function.
    drop(unsafe { Rc::from_raw(data.cast::<SharedValues>().cast_const()) });
    let _ = catch_unwind(|| end_above(&ParkedCalls::of_thread(), 0));
    // A panic would end the process. Call stacks that could not be freed are lost with the thread.
    let _ = catch_unwind(free_idle_call_stacks);
    note_end_of_thread();
}

/// The callback of `invoke`. Returns what JavaScript is to call next; undefined if the call has ended.
///
/// # Safety
/// N-API calls this, with `SharedValues` as the data. They are at `PLACE`, unless that is `PLACES`.
unsafe extern "C" fn invoke<const PLACE: usize>(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: by the contract of this function.
    let shared = unsafe { shared_values::<PLACE>(env, info) };
    let Some(called) = shared.called() else {
        // SAFETY: by the contract of this function.
        unsafe { no_such_call(env, info) };
        return ptr::null_mut();
    };
    let called: *const ExportedFunction = called.cast();
    // SAFETY: `SharedValues` has the data of live functions, and JavaScript is calling this one.
    let function = unsafe { &*called };
    match catch_unwind(AssertUnwindSafe(|| run(shared, function, info.addr()))) {
        Ok(next) => next.unwrap_or(ptr::null_mut()),
        Err(panic) => {
            function.context.environment.throw(&panicked(&*panic));
            ptr::null_mut()
        }
    }
}

#[inline]
fn run(shared: &SharedValues, function: &ExportedFunction, position: usize) -> Next {
    if function.timeout.is_some() {
        run_guarded(shared, function, position)
    } else {
        run_now(shared, function, position)
    }
}

#[inline(never)] // keeps its code out of the other calls
fn run_guarded(shared: &SharedValues, function: &ExportedFunction, position: usize) -> Next {
    let _deadline = function.begin_deadline()?;
    run_now(shared, function, position)
}

#[inline(always)]
fn run_now(shared: &SharedValues, function: &ExportedFunction, position: usize) -> Next {
    let context = &function.context;
    end_abandoned(&shared.parked, position);
    if function.is_closed() {
        return call_closed(shared, function).map(|()| ptr::null_mut());
    }
    // SAFETY: JavaScript is calling the function until `invoke` returns, or until the parked call has ended.
    let scope = unsafe { CallScope::enter(context, function.reference(), function.has_externrefs)? };
    let (target, _) = function.target();
    let mut suspended = None;
    // SAFETY: JavaScript has written the arguments, and there is room for the results. The function holds the context, and
    // no `RefCell` of it is borrowed. `make_shared_values` has looked whether there are fast calls.
    let called = unsafe {
        let (pointer, parks) = (function.stack_pointer, function.parks());
        target.call_fast(&context.store, pointer, shared.values(), parks, &mut suspended)
    };
    go_on(shared, function, scope, called, &mut suspended, position)
}

/// The callback of `resume`: the import has returned, with its results in the shared memory. Returns as `invoke` does.
///
/// # Safety
/// As for `invoke`.
unsafe extern "C" fn resume_returned<const PLACE: usize>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    // SAFETY: by the contract of this function.
    unsafe { resume_with::<PLACE>(env, info, |context, import| import.returned(context)) }
}

/// The callback of `fail`: the import has thrown the argument. Returns as `invoke` does.
///
/// # Safety
/// As for `invoke`.
unsafe extern "C" fn resume_thrown<const PLACE: usize>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
) -> sys::napi_value {
    // SAFETY: by the contract of this function.
    unsafe {
        let ([value], _) = CallInfo::new(env, info).arguments();
        resume_with::<PLACE>(env, info, |context, import| import.thrown(context, value))
    }
}

/// # Safety
/// As for `invoke`.
#[inline]
unsafe fn resume_with<const PLACE: usize>(
    env: sys::napi_env,
    info: sys::napi_callback_info,
    result: impl FnOnce(&Rc<Context>, &ImportedFunction) -> Result<(), Thrown>,
) -> sys::napi_value {
    // SAFETY: by the contract of this function.
    let shared = unsafe { shared_values::<PLACE>(env, info) };
    let no_such_call = || {
        // SAFETY: by the contract of this function.
        unsafe { no_such_call(env, info) };
        PendingException
    };
    match catch_unwind(AssertUnwindSafe(|| resume(shared, info.addr(), no_such_call, result))) {
        Ok(next) => next.unwrap_or(ptr::null_mut()),
        Err(_) => {
            no_such_call();
            ptr::null_mut()
        }
    }
}

/// Throws an error for an index or a number that JavaScript has not got from native code.
///
/// # Safety
/// As for `invoke`.
#[cold]
unsafe fn no_such_call(env: sys::napi_env, info: sys::napi_callback_info) {
    // SAFETY: by the contract of this function.
    let env = unsafe { CallInfo::new(env, info) }.env();
    env.throw_error(c"ERR_RELINK_INTERNAL", c"internal error: no exported function or parked call has this index");
}

/// Throws, or does nothing if the instance was closed silently or a finalizer calls, where no code could catch an error.
#[cold]
fn call_closed(shared: &SharedValues, function: &ExportedFunction) -> Result<(), PendingException> {
    if !function.is_silent() {
        return Err(function.context.environment.throw(&ErrorKind::ClosedCall.into()));
    }
    shared.clear();
    Ok(())
}

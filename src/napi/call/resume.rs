//! Resuming parked calls: the import of each was called by the JavaScript below.

use crate::napi::call::import::ImportedFunction;
use crate::napi::call::parked::end_above_number;
use crate::napi::call::scope::CallScope;
use crate::napi::context::Context;
use crate::napi::convert::exported::ExportedFunction;
use crate::napi::convert::thrown::throw_failure_of;
use crate::napi::env::exception::PendingException;
use crate::napi::env::parked_calls::Parked;
use crate::napi::env::shared_values::SharedValues;
use crate::store::{Called, HostFunction, PATIENCE, ParkedCall, SuspendedScope, Thrown};
use napi::sys;
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;

/// The thunk that JavaScript calls next; null for none.
pub type Next = Result<sys::napi_value, PendingException>;

/// Goes on with a call that has just begun, and has returned, failed or parked. `suspended` has the store's scope of a call
/// that has parked.
///
/// # Errors
/// The failure of the call is pending.
#[inline(always)]
pub fn go_on(
    shared: &SharedValues,
    function: &ExportedFunction,
    scope: CallScope<'_>,
    called: Called,
    suspended: &mut Option<SuspendedScope>,
    position: usize,
) -> Next {
    let context = &function.context;
    context.buffers.detach_grown(context.js(), &context.store);
    match called {
        Called::Returned => {
            if function.has_externrefs {
                // SAFETY: the call has written its results.
                scope.end_with_results(|| unsafe { function.externrefs_in(shared.values()) });
            }
            Ok(ptr::null_mut())
        }
        // Converted before `scope` is dropped: a deferred collection frees wasm exceptions.
        Called::Failed => Err(throw_failure_of(context, function.function, context.store.take_failure())),
        Called::Parked => {
            let suspended = suspended.take().expect("a parked call has a scope");
            park(shared, function, scope, suspended, position)
        }
    }
}

#[inline(never)] // most calls do not park
fn park(
    shared: &SharedValues,
    function: &ExportedFunction,
    scope: CallScope<'_>,
    suspended: SuspendedScope,
    position: usize,
) -> Next {
    let context = &function.context;
    context.environment.running.hold(context.js());
    let (data, enclosing) = (function.hold_data().cast(), scope.suspend());
    let parked = Parked { number: 0, function: data, enclosing, scope: suspended, position: 0, parkings: 0 };
    shared.parked.push(parked);
    next(shared, function, Called::Parked, ptr::null(), position)
}

/// The imported function at the address that its `parkable` gave.
///
/// # Safety
/// A call is parked for it.
unsafe fn import_at<'a>(address: *const c_void) -> &'a ImportedFunction {
    // SAFETY: by the contract of this function. The store owns the imported function, and frees none while a call is parked.
    unsafe { &*address.cast::<ImportedFunction>() }
}

/// The thunk for the innermost call of the list, which has parked for an import or ended. `before` is the import
/// that has just returned to it, if any.
#[inline(always)]
fn next(
    shared: &SharedValues,
    function: &ExportedFunction,
    mut called: Called,
    before: *const c_void,
    position: usize,
) -> Next {
    let context = &function.context;
    while called == Called::Parked {
        let ParkedCall { number, import } = context.store.parked_call();
        // The thunk calls the same import again, without being asked to.
        let is_same = ptr::eq(import, before);
        let mut thunk = ptr::null_mut();
        if !is_same {
            // SAFETY: the call has just parked for it.
            let import = unsafe { import_at(import) };
            let Some(value) = import.thunk(context) else {
                // SAFETY: the arguments are in the shared memory, and the import writes its results there.
                called = unsafe { context.store.resume(number, import.call(shared.values())) };
                continue;
            };
            thunk = value.raw();
        }
        context.buffers.detach_grown(context.js(), &context.store);
        shared.parked.park_again(number, position);
        shared.set_number(number);
        shared.set_again(is_same);
        return Ok(thunk);
    }
    end(shared, function, called, position)
}

/// Ends the innermost call of the list, which has returned or failed.
#[inline(never)] // once for each call, while `next` runs for each import
fn end(shared: &SharedValues, function: &ExportedFunction, called: Called, position: usize) -> Next {
    shared.set_again(false);
    let parked = shared.parked.pop().expect("the list has the call");
    // SAFETY: `park` has leaked this count of the data.
    let _count = unsafe { Rc::from_raw(parked.function.cast::<ExportedFunction>()) };
    let context = &function.context;
    context.store.end_scope(parked.scope, called);
    function.is_eager.set(parked.parkings >= PATIENCE);
    let scope = CallScope::resume(context, parked.enclosing);
    go_on(shared, function, scope, called, &mut None, position)
}

/// Resumes the call whose number JavaScript has written, with the result of its import.
///
/// # Errors
/// The failure of the call is pending, or the error that `refuse` throws if no call with the number is parked.
#[inline(always)]
pub fn resume(
    shared: &SharedValues,
    position: usize,
    refuse: impl FnOnce() -> PendingException,
    result: impl FnOnce(&Rc<Context>, &ImportedFunction) -> Result<(), Thrown>,
) -> Next {
    let number = shared.number();
    let data = shared.parked.run_numbered(number).or_else(|| {
        // Calls above it were abandoned.
        end_above_number(&shared.parked, number);
        shared.parked.run_numbered(number)
    });
    let Some(data) = data else { return Err(refuse()) };
    // SAFETY: the list has a count of the data, until `end`.
    let function = unsafe { &*data.cast::<ExportedFunction>() };
    let context = &function.context;
    let (import, result) = match context.store.parked_import(number) {
        // SAFETY: the call is parked for it.
        Some(import) => (import, result(context, unsafe { import_at(import) })),
        None => (ptr::null(), Ok(())), // the call fails
    };
    // SAFETY: the function holds the context, and no `RefCell` of it is borrowed. JavaScript has written the results.
    let called = unsafe { context.store.resume(number, result) };
    next(shared, function, called, import, position)
}

//! Imported functions: the JavaScript functions that wasm calls.

use crate::engine::Compiler;
use crate::error::ErrorKind;
use crate::napi::env::context::Context;
use crate::napi::env::reference::WeakReference;
use crate::napi::env::throw::{PendingException, panicked};
use crate::store::{HostFunction, RawValue, Thrown};
use crate::wasm::FuncType;
use napi::sys;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::{Rc, Weak};

/// A JavaScript function that an instance imports.
pub struct ImportedFunction {
    /// Weak, since the context owns the store, which owns this
    context: Weak<Context>,
    /// Weak, since the retainer of the importing instance keeps it alive
    callback: WeakReference,
    ty: FuncType,
    /// The compiler of the code that calls it
    caller: Compiler,
    /// Whether wasm calls it through an adapter, which throws exceptions that wasm may catch
    adapted: bool,
}

impl ImportedFunction {
    /// # Safety
    /// `callback` is a function of the context's environment.
    pub unsafe fn new(
        context: &Rc<Context>,
        callback: sys::napi_value,
        ty: FuncType,
        caller: Compiler,
        adapted: bool,
    ) -> Self {
        // SAFETY: by the contract of this function.
        let callback = unsafe { WeakReference::new(context.env, callback) };
        Self { context: Rc::downgrade(context), callback, ty, caller, adapted }
    }

    /// # Safety
    /// As for `HostFunction::call`.
    unsafe fn run(&self, context: &Rc<Context>, values: *mut RawValue) -> Result<(), PendingException> {
        let env = context.env;
        let count = self.ty.parameters.len();
        let mut inline = [ptr::null_mut(); 16];
        let mut heap = Vec::new();
        let arguments = inline.get_mut(..count).unwrap_or_else(|| {
            heap.resize(count, ptr::null_mut());
            &mut heap
        });
        for (index, (argument, ty)) in arguments.iter_mut().zip(&self.ty.parameters).enumerate() {
            // SAFETY: `values` holds arguments of these types, by the contract of this function.
            *argument = unsafe { context.write(*ty, &*values.add(index))? };
        }
        let (mut receiver, mut result) = (ptr::null_mut(), ptr::null_mut());
        let callback = self.callback.get().ok_or_else(|| {
            let message = "internal error: an imported function was collected".to_owned();
            context.throw(&ErrorKind::Internal { message }.into())
        })?;
        // SAFETY: plain N-API calls on the thread of the environment.
        let status = unsafe {
            sys::napi_get_undefined(env, &mut receiver);
            sys::napi_call_function(env, receiver, callback, count, arguments.as_ptr(), &mut result)
        };
        if status != sys::Status::napi_ok {
            return Err(PendingException);
        }
        // SAFETY: `values` has room for the results, by the contract of this function.
        unsafe {
            match &*self.ty.results {
                [] => {}
                [ty] => *values = context.read(*ty, result, self.caller)?,
                types => {
                    let list = context.call_host(context.host.to_list.get(env), result)?;
                    let mut length = 0;
                    sys::napi_get_array_length(env, list, &mut length);
                    if length as usize != types.len() {
                        let message = format!("expected {} results of an imported function, got {length}", types.len());
                        return Err(context.throw(&ErrorKind::ArgumentType { message }.into()));
                    }
                    for (index, ty) in types.iter().enumerate() {
                        let mut value = ptr::null_mut();
                        sys::napi_get_element(env, list, index as u32, &mut value);
                        *values.add(index) = context.read(*ty, value, self.caller)?;
                    }
                }
            }
        }
        // The conversions of the results run JavaScript, which may grow shared memories.
        context.settle_shared()
    }
}

impl HostFunction for ImportedFunction {
    unsafe fn call(&self, values: *mut RawValue) -> Result<(), Thrown> {
        let Some(context) = self.context.upgrade() else {
            let error: crate::error::Error = ErrorKind::ClosedCall.into();
            return Err(Thrown::error(error));
        };
        context.detach_grown_memories();
        context.keep_running();
        let mut scope = ptr::null_mut();
        // A scope for each call, so that a loop of calls in wasm does not accumulate handles.
        // SAFETY: every handle made in the scope is unused after it closes: results are in `values`, and
        // `throw_at_wasm` takes the exception out before.
        unsafe {
            sys::napi_open_handle_scope(context.env, &mut scope);
            // Node aborts if a panic leaves the scope open.
            let run = || self.run(&context, values).or_else(|PendingException| context.throw_at_wasm(self.adapted));
            let result = catch_unwind(AssertUnwindSafe(run));
            sys::napi_close_handle_scope(context.env, scope);
            result.unwrap_or_else(|panic| Err(Thrown::error(panicked(&*panic))))
        }
    }
}

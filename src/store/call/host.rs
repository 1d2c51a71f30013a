use crate::engine::function_type;
use crate::error::{ErrorKind, Result};
use crate::store::call::trap::Thrown;
use crate::store::{FuncRef, RawValue, Store};
use crate::wasm::FuncType;
use std::any::Any;
use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use wasmer::sys::vm::{
    InternalStoreHandle, MaybeInstanceOwned, VMCallerCheckedAnyfunc, VMContext, VMDynamicFunctionContext, VMFunction,
    VMFunctionBody, VMFunctionContext, VMFunctionKind, on_host_stack, raise_user_trap,
};

/// A function of the host that wasm may call.
pub trait HostFunction {
    /// Runs it. Arguments are in `values`, and results go there.
    ///
    /// # Errors
    /// What it threw: the wasm that called is unwound.
    ///
    /// # Safety
    /// `values` points to as many values as the function's type has parameters or results,
    /// whichever is more, and holds arguments of those types.
    unsafe fn call(&self, values: *mut RawValue) -> Result<(), Thrown>;

    /// The function of the store that it calls, if it does: that lives as long as this may be called.
    fn held(&self) -> Option<FuncRef> {
        None
    }
}

/// What a function of the host runs in.
pub(in crate::store) struct HostContext {
    function: Box<dyn HostFunction>,
}

impl HostContext {
    /// What a function of the host holds.
    pub fn held_by(function: &VMFunction) -> Option<FuncRef> {
        let context = function.host_data.downcast_ref::<VMDynamicFunctionContext<Self>>()?;
        context.ctx.function.held()
    }

    /// The address of the context of a function of the host, which its `FuncRef` has.
    pub fn address_in(function: &VMFunction) -> usize {
        // SAFETY: the function is the host's own, and both members of the union are a pointer.
        unsafe { (*function.anyfunc.as_ptr().as_ptr()).vmctx.host_env as usize }
    }
}

impl Store {
    /// Makes a function that one instance may import.
    ///
    /// One instance: linking it writes the address of a trampoline into the function, and that
    /// trampoline is part of the importer's code.
    ///
    /// # Errors
    /// `SignatureHash`, see there.
    pub(in crate::store) fn host_function(
        &self,
        ty: &FuncType,
        function: Box<dyn HostFunction>,
    ) -> Result<(InternalStoreHandle<VMFunction>, FuncRef)> {
        let hash = self.signatures.borrow_mut().register(ty)?;
        let context = Box::new(VMDynamicFunctionContext {
            address: host_call as *const VMFunctionBody,
            ctx: HostContext { function },
        });
        let anyfunc = Box::new(UnsafeCell::new(VMCallerCheckedAnyfunc {
            func_ptr: std::ptr::null(), // the importer's trampoline, once it is linked
            type_signature_hash: hash,
            vmctx: VMFunctionContext { host_env: (&raw const *context).cast_mut().cast() },
            call_trampoline,
        }));
        let function = VMFunction {
            anyfunc: MaybeInstanceOwned::Host(anyfunc),
            signature: function_type(ty),
            kind: VMFunctionKind::Dynamic,
            host_data: context as Box<dyn Any>,
        };
        // SAFETY: the function is owned by the store's objects from here on.
        let funcref = unsafe { FuncRef::new(function.anyfunc.as_ptr()) };
        Ok((self.with_objects(|objects| InternalStoreHandle::new(objects, function)), funcref))
    }
}

/// What the importer's trampoline calls, on the wasm stack.
///
/// # Safety
/// `context` is that of a host function; `values` as for `HostFunction::call`.
unsafe extern "C-unwind" fn host_call(context: *mut VMDynamicFunctionContext<HostContext>, values: *mut RawValue) {
    let result = on_host_stack(|| {
        let call = || {
            // SAFETY: by the contract of this function. The context is shared, never `&mut`: the
            // host function may be entered again while it runs.
            unsafe { (*context).ctx.function.call(values) }
        };
        let result = catch_unwind(AssertUnwindSafe(call));
        result
            .unwrap_or_else(|_| {
                let message = "a host function panicked".to_owned();
                Err(Thrown::error(ErrorKind::Internal { message }.into()))
            })
            .map_err(Box::new)
    });
    // No destructor may stand on the wasm stack when it is unwound.
    if let Err(thrown) = result {
        // SAFETY: wasm is on the stack, since only its trampolines and `call_trampoline` come
        // here, and `thrown` moves into the trap.
        unsafe { raise_user_trap(thrown) }
    }
}

/// What `Store::call` calls for a host function that wasm handed back to the host.
unsafe extern "C" fn call_trampoline(context: *mut VMContext, _body: *const VMFunctionBody, values: *mut RawValue) {
    // SAFETY: the context of a host function is its `VMDynamicFunctionContext`; `values` as by the
    // contract of `Store::call`.
    unsafe { host_call(context.cast(), values) }
}

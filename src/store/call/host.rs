//! Host functions: calls from wasm into the host.

use crate::engine::function_type;
use crate::error::{ErrorKind, Result};
use crate::store::call::call_stacks::CallStacks;
use crate::store::trap::Thrown;
use crate::store::watch::checkpoint::checkpoint;
use crate::store::watch::record::ThreadRecord;
use crate::store::{FuncRef, RawValue, Store};
use crate::wasm::FuncType;
use std::any::Any;
use std::cell::UnsafeCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use wasmer::sys::vm::{
    InternalStoreHandle, MaybeInstanceOwned, VMCallerCheckedAnyfunc, VMContext, VMDynamicFunctionContext, VMFunction,
    VMFunctionBody, VMFunctionContext, VMFunctionKind, on_host_stack, raise_user_trap,
};

/// A host function that wasm may call.
pub trait HostFunction {
    /// Runs the function. Arguments are read from `values`, and results written there.
    ///
    /// # Errors
    /// The thrown value: the calling wasm is unwound.
    ///
    /// # Safety
    /// `values` points to as many values as the function's type has parameters or results,
    /// whichever is more, and holds arguments of those types.
    unsafe fn call(&self, values: *mut RawValue) -> Result<(), Thrown>;

    /// The function of the store that it calls, if any. The importer keeps that function alive.
    fn held(&self) -> Option<FuncRef> {
        None
    }
}

/// The context of a host function.
pub(in crate::store) struct HostContext {
    function: Box<dyn HostFunction>,
    call_stacks: CallStacks,
    record: &'static ThreadRecord,
}

impl HostContext {
    /// The function that a host function holds: see `HostFunction::held`.
    pub fn held_by(function: &VMFunction) -> Option<FuncRef> {
        let context = function.host_data.downcast_ref::<VMDynamicFunctionContext<Self>>()?;
        context.ctx.function.held()
    }

    /// Address of a host function's context: the same as `FuncRef::context`.
    pub fn address_in(function: &VMFunction) -> usize {
        // SAFETY: `function` owns what `anyfunc` points to, and both members of the union are pointers.
        unsafe { (*function.anyfunc.as_ptr().as_ptr()).vmctx.host_env as usize }
    }
}

impl FuncRef {
    /// Makes a function that one instance may import.
    ///
    /// Only one: wasmer writes the address of a trampoline into the function when it links the importer, and that
    /// trampoline is part of the importer's code.
    ///
    /// # Errors
    /// `SignatureHash`.
    pub(in crate::store) fn host(
        store: &Store,
        ty: &FuncType,
        function: Box<dyn HostFunction>,
    ) -> Result<(InternalStoreHandle<VMFunction>, FuncRef)> {
        let hash = store.signatures.borrow_mut().register(ty)?;
        let context = Box::new(VMDynamicFunctionContext {
            address: host_call as *const VMFunctionBody,
            ctx: HostContext { function, call_stacks: store.call_stacks.clone(), record: store.host_stack.record },
        });
        let anyfunc = Box::new(UnsafeCell::new(VMCallerCheckedAnyfunc {
            func_ptr: std::ptr::null(), // the importer's trampoline, once the importer is linked
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
        // SAFETY: the store's objects own the function from here on.
        let funcref = unsafe { FuncRef::new(function.anyfunc.as_ptr()) };
        Ok((store.with_objects(|objects| InternalStoreHandle::new(objects, function)), funcref))
    }
}

/// Calls a host function. The importer's trampoline calls this on the wasm stack.
///
/// # Safety
/// `context` is that of a host function; `values` as for `HostFunction::call`.
unsafe extern "C-unwind" fn host_call(context: *mut VMDynamicFunctionContext<HostContext>, values: *mut RawValue) {
    let result = on_host_stack(|| {
        let call = || {
            // SAFETY: by the contract of this function. The context is only borrowed shared, so the host function may
            // be re-entered while it runs.
            unsafe { (*context).ctx.function.call(values) }
        };
        // SAFETY: as above.
        let call_stacks = unsafe { &(*context).ctx.call_stacks };
        let result = call_stacks.on_host_stack(|| catch_unwind(AssertUnwindSafe(call)));
        result
            .unwrap_or_else(|_| {
                let message = "a host function panicked".to_owned();
                Err(Thrown::error(ErrorKind::Internal { message }.into()))
            })
            .map_err(Box::new)
    });
    // No value with a destructor may be live in this frame when the wasm stack is unwound.
    if let Err(thrown) = result {
        // SAFETY: wasm is on the stack, since only its trampolines and `call_trampoline` call this function. `thrown`
        // moves into the trap.
        unsafe { raise_user_trap(thrown) }
    }
    // SAFETY: as above; the result is empty.
    unsafe { checkpoint((*context).ctx.record) }
}

/// The trampoline by which `FuncRef::call` calls a host function that wasm passed back to the host.
unsafe extern "C" fn call_trampoline(context: *mut VMContext, _body: *const VMFunctionBody, values: *mut RawValue) {
    // SAFETY: the context of a host function is its `VMDynamicFunctionContext`; `values` by the contract of
    // `FuncRef::call`.
    unsafe { host_call(context.cast(), values) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::test_support::{COMPILERS, call, compile, function, instantiate, new_store};
    use crate::store::{Callable, Extern, Failure};

    struct Panics;

    impl HostFunction for Panics {
        unsafe fn call(&self, _values: *mut RawValue) -> Result<(), Thrown> {
            panic!("on purpose")
        }
    }

    #[test]
    fn a_panic_of_a_host_function_unwinds_wasm_and_no_more() {
        let text = r#"(module (import "a" "f" (func (result i32))) (func (export "call") (result i32) call 0)
            (export "itself" (func 0)))"#;
        for compiler in COMPILERS {
            let store = new_store();
            let imports = vec![Extern::Function(Callable::Host(Box::new(Panics)))];
            let instance = instantiate(&store, &compile(text, compiler), imports).unwrap();
            for name in ["call", "itself"] {
                let failure = call(&store, function(&store, &instance, name)).unwrap_err();
                assert!(matches!(failure, Failure::Thrown(_)), "{failure:?}");
            }
        }
    }
}

//! Host functions: calls from wasm into the host.

use crate::engine::function_type;
use crate::error::{Error, ErrorKind, Result};
use crate::store::call::call_stacks::CallStacks;
use crate::store::call::host_call::HostCall;
use crate::store::call::import_stub::{CALLS, Locations, Saved, StubCalls, stub};
use crate::store::call::return_stack::Switched;
use crate::store::call::suspendable_calls::SuspendableCalls;
use crate::store::call::suspension::Suspension;
use crate::store::object::importer_memory::ImporterMemory;
use crate::store::trap::Thrown;
use crate::store::watch::checkpoint::checkpoint;
use crate::store::watch::record::ThreadRecord;
use crate::store::{FuncRef, MOST_SHARED, RawValue, Store};
use crate::wasm::FuncType;
use std::any::Any;
use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::mem::{MaybeUninit, offset_of};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use wasmer::sys::vm::{
    InternalStoreHandle, MaybeInstanceOwned, VMCallerCheckedAnyfunc, VMContext, VMDynamicFunctionContext, VMFunction,
    VMFunctionBody, VMFunctionContext, VMFunctionKind, on_host_stack, raise_user_trap,
};

/// The static code of a host function: see `HostFunction::code`.
#[derive(Clone, Copy)]
pub struct StaticCode(pub(in crate::store) *const VMFunctionBody);

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

    /// To be called when `call` has returned `Thrown::suspension`, but the call cannot be suspended.
    fn not_suspended(&self) {}

    /// An address by which the caller of the running wasm knows the function, if that caller can call it: then wasm parks
    /// instead of calling `call`. Both types and the number of values are asked for by the caller.
    fn parkable(&self) -> Option<*const c_void> {
        None
    }

    /// The function of the store that it calls, if any. The importer keeps that function alive.
    fn held(&self) -> Option<FuncRef> {
        None
    }

    /// Its static code, if it has some: code for its parameters, which calls `call`. It is asked for once.
    fn code(&self) -> Option<StaticCode> {
        None
    }

    /// Tells it the first memory of the instance that imports it, before any code of that instance runs.
    fn set_memory(&self, _memory: ImporterMemory) {}
}

/// The context of a host function.
#[repr(C)]
pub(in crate::store) struct HostContext {
    stub: StubCalls,
    /// Where the stub finds the arguments; none for a dynamic function
    locations: Option<Locations>,
    /// Whether it has static code
    is_static: bool,
    /// The function's `parkable`, and the numbers of its parameters and of its results
    parked: Option<(*const c_void, usize, usize)>,
    function: Box<dyn HostFunction>,
    call_stacks: CallStacks,
    suspendable_calls: SuspendableCalls,
    record: &'static ThreadRecord,
}

impl HostContext {
    /// The function that a host function holds: see `HostFunction::held`.
    pub fn held_by(function: &VMFunction) -> Option<FuncRef> {
        let context = function.host_data.downcast_ref::<VMDynamicFunctionContext<Self>>()?;
        context.ctx.function.held()
    }

    /// Tells a host function the first memory of its importer: see `HostFunction::set_memory`.
    pub fn set_memory(function: &VMFunction, memory: ImporterMemory) {
        if let Some(context) = function.host_data.downcast_ref::<VMDynamicFunctionContext<Self>>() {
            context.ctx.function.set_memory(memory);
        }
    }

    /// The address by which a parked call knows a host function.
    ///
    /// # Safety
    /// `context` is that of a host function that is alive.
    pub unsafe fn parkable_at(context: usize) -> Option<*const c_void> {
        let context: *const VMDynamicFunctionContext<Self> = ptr::with_exposed_provenance(context);
        // SAFETY: by the contract of this function.
        unsafe { &(*context).ctx }.parked.map(|(import, ..)| import)
    }

    /// Whether a host function has static code, which all code of its importer can call.
    ///
    /// # Safety
    /// `context` is that of a host function that is alive.
    pub unsafe fn is_static(context: usize) -> bool {
        let context: *const VMDynamicFunctionContext<Self> = ptr::with_exposed_provenance(context);
        // SAFETY: by the contract of this function.
        unsafe { &(*context).ctx }.is_static
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
        let (parameters, results) = (ty.parameters.len(), ty.results.len());
        let own_code = function.code();
        let parked = function.parkable().map(|import| (import, parameters, results));
        let parked = parked.filter(|_| parameters.max(results) <= MOST_SHARED);
        let locations = parked.and_then(|_| Locations::of(ty));
        let is_static = own_code.is_some() || locations.is_some();
        let context = Box::new(VMDynamicFunctionContext {
            address: host_call as *const VMFunctionBody,
            ctx: HostContext {
                stub: StubCalls { begin: begin_import, finish: finish_import },
                is_static,
                locations,
                parked,
                function,
                call_stacks: store.call_stacks.clone(),
                suspendable_calls: SuspendableCalls::of_thread(),
                record: store.host_stack.record,
            },
        });
        let func_ptr = match own_code {
            Some(StaticCode(code)) => code,
            None if is_static => stub as *const VMFunctionBody,
            // The importer's trampoline, once the importer is linked.
            None => ptr::null(),
        };
        let anyfunc = Box::new(UnsafeCell::new(VMCallerCheckedAnyfunc {
            func_ptr,
            type_signature_hash: hash,
            vmctx: VMFunctionContext { host_env: (&raw const *context).cast_mut().cast() },
            call_trampoline,
        }));
        let function = VMFunction {
            anyfunc: MaybeInstanceOwned::Host(anyfunc),
            signature: function_type(ty),
            kind: if is_static { VMFunctionKind::Static } else { VMFunctionKind::Dynamic },
            host_data: context as Box<dyn Any>,
        };
        // SAFETY: the store's objects own the function from here on.
        let funcref = unsafe { FuncRef::new(function.anyfunc.as_ptr()) };
        Ok((store.with_objects(|objects| InternalStoreHandle::new(objects, function)), funcref))
    }
}

/// Calls a host function. The importer's trampoline, or static code, calls this on the wasm stack.
///
/// # Safety
/// `context` is that of a host function; `values` as for `HostFunction::call`.
pub(in crate::store) unsafe extern "C-unwind" fn host_call(
    context: *mut VMDynamicFunctionContext<HostContext>,
    values: *mut RawValue,
) {
    // SAFETY: by the contract of this function.
    let HostContext { parked, call_stacks, .. } = unsafe { &(*context).ctx };
    let thrown = match (parked, call_stacks.parkable().filter(|stack| parked.is_some() && stack.parks())) {
        // SAFETY: by the contract of this function; `FuncRef::host` has looked at the number of values.
        (Some((import, parameters, results)), Some(stack)) => unsafe {
            ptr::copy_nonoverlapping(values, stack.shared(), *parameters);
            let thrown = stack.park(*import);
            ptr::copy_nonoverlapping(stack.shared(), values, *results);
            thrown
        },
        // SAFETY: by the contract of this function.
        _ => unsafe { call_or_suspend(context, values, values.addr()) },
    };
    // SAFETY: wasm is on the stack, since only its trampolines and `call_trampoline` call this function. No other value of this
    // frame has a destructor.
    unsafe { return_to_wasm(&(*context).ctx, thrown) }
}

/// The end of every host function: raises the thrown value, or a trap if wasm must not go on.
///
/// # Safety
/// Wasm is on the stack, and no frame above it has a value to drop but `thrown`.
#[inline(always)]
unsafe fn return_to_wasm(context: &HostContext, thrown: Option<Box<Thrown>>) {
    // SAFETY: by the contract of this function. `thrown` moves into the trap; if there is none, there is nothing to drop.
    unsafe {
        if let Some(thrown) = thrown {
            raise_user_trap(thrown)
        }
        checkpoint(context.record);
    }
}

const _: () = assert!(CALLS == offset_of!(VMDynamicFunctionContext<HostContext>, ctx));

/// Called by the stub of an import. Parks it if the caller of the running wasm can call it; else calls it.
///
/// # Safety
/// `context` is that of a static host function; the stub has saved `saved`.
unsafe extern "C" fn begin_import(context: *mut c_void, saved: *mut Saved) -> *const Switched {
    let context: *mut VMDynamicFunctionContext<HostContext> = context.cast();
    // SAFETY: by the contract of this function.
    let HostContext { parked, locations, call_stacks, .. } = unsafe { &(*context).ctx };
    let (Some((import, ..)), Some(locations)) = (parked, locations) else { unreachable!("a static function has both") };
    // SAFETY: the stub runs on wasm's stack, which `drive` runs on too: only a call stack is parkable.
    if let Some(stack) = call_stacks.parkable().filter(|stack| unsafe { stack.stub_parks(Saved::frame(saved)) }) {
        // SAFETY: by the contract of this function; `FuncRef::host` has looked at the number of values.
        unsafe { locations.copy_arguments(saved, stack.shared()) };
        return stack.begin_to_park(*import);
    }
    // SAFETY: by the contract of this function.
    unsafe { call_import(context, locations, saved) };
    ptr::null()
}

/// Calls an import that cannot park.
///
/// # Safety
/// As for `begin_import`; the locations are those of the function.
#[cold]
unsafe fn call_import(context: *mut VMDynamicFunctionContext<HostContext>, locations: &Locations, saved: *mut Saved) {
    let mut values = [const { MaybeUninit::<RawValue>::uninit() }; MOST_SHARED];
    let values: *mut RawValue = values.as_mut_ptr().cast();
    // SAFETY: by the contract of this function. Nothing is to be dropped when wasm is unwound.
    unsafe {
        values.write(RawValue::default()); // without parameters and a result, nothing else writes it
        locations.copy_arguments(saved, values);
        return_to_wasm(&(*context).ctx, call_or_suspend(context, values, saved.addr()));
        (*saved).result = (*values).u64;
    }
}

/// Called by the stub of an import that has parked, when wasm's stack runs again.
///
/// # Safety
/// As for `begin_import`, which has returned stacks.
unsafe extern "C" fn finish_import(context: *mut c_void, saved: *mut Saved) -> u32 {
    let context: *mut VMDynamicFunctionContext<HostContext> = context.cast();
    // SAFETY: by the contract of this function.
    let stack = unsafe { &(*context).ctx.call_stacks }.parkable().expect("the call stack that has parked runs");
    // SAFETY: by the contract of this function; the frames have nothing else to drop.
    unsafe { return_to_wasm(&(*context).ctx, stack.finish_parking()) };
    // SAFETY: by the contract of this function. JavaScript has written the result, or there is none.
    unsafe { (*saved).result = (*stack.shared()).u64 };
    stack.lost_returns()
}

/// Calls a host function on the host's stack. If it suspends the call, waits for its results. Returns what it throws.
/// `from` is an address below the frames of wasm, for `HostCall`.
///
/// # Safety
/// As for `host_call`. No frame of wasm's stack has a value to drop.
unsafe fn call_or_suspend(
    context: *mut VMDynamicFunctionContext<HostContext>,
    values: *mut RawValue,
    from: usize,
) -> Option<Box<Thrown>> {
    // SAFETY: by the contract of this function.
    let thrown = unsafe { call_on_host_stack(context, values, from) }.err()?;
    let Some(&Suspension { import }) = thrown.0.downcast_ref() else { return Some(thrown) };
    drop(thrown);
    // SAFETY: by the contract of this function.
    match unsafe { &(*context).ctx }.suspendable_calls.here() {
        // SAFETY: by the contract of this function; this frame has nothing left to drop.
        Some(call) => unsafe { call.suspend(import, values, from) },
        None => {
            // SAFETY: by the contract of this function.
            on_host_stack(|| unsafe { &(*context).ctx }.function.not_suspended());
            Some(Box::new(Thrown::error(cannot_suspend())))
        }
    }
}

#[cold]
fn cannot_suspend() -> Error {
    let message =
        "cannot suspend: JavaScript, or a function of another compiler, waits for the import on the stack, or the \
                   call was not made through `promising`"
            .to_owned();
    ErrorKind::Suspend { message }.into()
}

/// Calls a host function on the host's stack.
///
/// # Safety
/// As for `host_call`.
unsafe fn call_on_host_stack(
    context: *mut VMDynamicFunctionContext<HostContext>,
    values: *mut RawValue,
    from: usize,
) -> Result<(), Box<Thrown>> {
    // SAFETY: by the contract of this function.
    let running = unsafe { &(*context).ctx }.call_stacks.host_call();
    let call = HostCall { context: context.addr(), from, outer: running.get() };
    running.set(&raw const call);
    let result = on_host_stack(|| {
        // SAFETY: by the contract of this function. The context is only borrowed shared, so the host function may be
        // re-entered while it runs.
        let HostContext { function, call_stacks, .. } = unsafe { &(*context).ctx };
        // SAFETY: by the contract of this function.
        let call = || unsafe { function.call(values) };
        let result = call_stacks.on_host_stack(|| catch_unwind(AssertUnwindSafe(call)));
        result
            .unwrap_or_else(|_| {
                let message = "a host function panicked".to_owned();
                Err(Thrown::error(ErrorKind::Internal { message }.into()))
            })
            .map_err(Box::new)
    });
    running.set(call.outer);
    result
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
                assert!(
                    matches!(&failure, Failure::Error(error) if error.code().0 == "ERR_RELINK_INTERNAL"),
                    "{failure:?}"
                );
            }
        }
    }
}

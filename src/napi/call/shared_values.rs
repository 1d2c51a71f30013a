//! Memory through which JavaScript and exported functions exchange numbers: the native half of
//! `lib/internal/shared-values.js`.
//!
//! A value that N-API converts takes a call of its own. Numbers that JavaScript writes to a typed array over this memory
//! take a store each, and wasm's trampoline reads them there.

use crate::error::ErrorKind;
use crate::napi::call::function::ExportedFunction;
use crate::napi::env::reference::StrongReference;
use crate::napi::env::throw::{PendingException, panicked};
use crate::store::{HAS_FAST_CALLS, RawValue, free_idle_call_stacks};
use crate::wasm::{FuncType, ValType};
use napi::bindgen_prelude::{JsValue, Unknown};
use napi::{Env, sys};
use napi_derive::napi;
use slab::Slab;
use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::rc::Rc;

/// Most parameters or results of a function whose values go through the memory (`MOST` in shared-values.js).
const MOST: usize = 32;

/// Length of the memory in bytes: the values, and the index of the called function.
const LENGTH: usize = MOST * size_of::<RawValue>() + size_of::<u32>();

/// Whether values of this type go through the memory.
pub fn are_shared(ty: &FuncType) -> bool {
    let is_number = |ty: &ValType| matches!(ty, ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64);
    ty.parameters.len().max(ty.results.len()) <= MOST && ty.parameters.iter().chain(&ty.results).all(is_number)
}

/// The memory, and the functions that are called through it.
pub struct SharedValues {
    /// `MOST` values, and the index of the called function. Only JavaScript of `lib/`, the trampolines of wasm and this
    /// file use it, and never at the same time: a call reads its arguments before anything else runs, and writes its
    /// results when nothing else will
    values: *mut RawValue,
    /// Keeps the memory alive
    _buffer: StrongReference,
    functions: RefCell<Slab<*const ExportedFunction>>,
    /// The function that is called, for the error of a panic
    called: Cell<*const ExportedFunction>,
}

/// Makes an object with `values`, to be given to stores, and `invoke`, a function without arguments that calls the
/// function whose index stands in `buffer`. Null where calls do not go so.
#[napi(js_name = "sharedValues", ts_args_type = "buffer: ArrayBuffer", ts_return_type = "any")]
pub fn make_shared_values(env: Env, buffer: Unknown<'_>) -> Option<Unknown<'_>> {
    if !HAS_FAST_CALLS {
        return None;
    }
    let (env, buffer) = (env.raw(), buffer.raw());
    let (mut data, mut length, mut object) = (ptr::null_mut(), 0, ptr::null_mut());
    let (mut values, mut invoke) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: plain N-API calls on the thread of the environment; `lib/` passes an ArrayBuffer.
    unsafe {
        sys::napi_get_arraybuffer_info(env, buffer, &mut data, &mut length);
        assert!(length >= LENGTH && data.addr().is_multiple_of(align_of::<RawValue>()));
        let shared = Rc::new(SharedValues {
            values: data.cast(),
            _buffer: StrongReference::new(env, buffer),
            functions: RefCell::default(),
            called: Cell::new(ptr::null()),
        });
        let data = Rc::into_raw(shared.clone()).cast_mut().cast::<c_void>();
        sys::napi_create_function(env, c"invoke".as_ptr(), 6, Some(self::invoke), data, &mut invoke);
        sys::napi_add_finalizer(env, invoke, data, Some(release), ptr::null_mut(), ptr::null_mut());
        let data = Rc::into_raw(shared.clone()).cast_mut().cast::<c_void>();
        sys::napi_create_external(env, data, Some(release), ptr::null_mut(), &mut values);
        // Node ends the process if a hook is added twice with the same data.
        let data = Rc::into_raw(shared).cast_mut().cast::<c_void>();
        sys::napi_add_env_cleanup_hook(env, Some(end_of_environment), data);
        sys::napi_create_object(env, &mut object);
        sys::napi_set_named_property(env, object, c"invoke".as_ptr(), invoke);
        sys::napi_set_named_property(env, object, c"values".as_ptr(), values);
        Some(Unknown::from_raw_unchecked(env, object))
    }
}

/// Finalizer: drops a reference to the shared values.
unsafe extern "C" fn release(_: sys::napi_env, data: *mut c_void, _: *mut c_void) {
    // SAFETY: `data` came from `Rc::into_raw` in `make_shared_values`, and N-API calls this once.
    drop(unsafe { Rc::from_raw(data.cast::<SharedValues>().cast_const()) });
}

/// Cleanup hook of an environment, whose thread may end.
unsafe extern "C" fn end_of_environment(data: *mut c_void) {
    // SAFETY: `data` came from `Rc::into_raw` in `make_shared_values`, and N-API calls this once.
    drop(unsafe { Rc::from_raw(data.cast::<SharedValues>().cast_const()) });
    // A panic would end the process. What could not be freed is lost.
    let _ = catch_unwind(free_idle_call_stacks);
}

/// Calls the function whose index stands in the memory.
unsafe extern "C" fn invoke(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let (mut count, mut data) = (0, ptr::null_mut());
    // SAFETY: the data is that of `make_shared_values`, which the running function keeps alive.
    let shared = unsafe {
        sys::napi_get_cb_info(env, info, &mut count, ptr::null_mut(), ptr::null_mut(), &mut data);
        &*data.cast::<SharedValues>()
    };
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| shared.invoke())) {
        // SAFETY: the JavaScript function that is being called keeps its data alive.
        if let Some(function) = unsafe { shared.called.get().as_ref() } {
            function.context.throw(&panicked(&*panic));
        }
    }
    ptr::null_mut()
}

impl SharedValues {
    /// Those that `make_shared_values` gave as `values`; none for any other value.
    ///
    /// # Safety
    /// `values` is a value of `env`, and no other external value.
    pub unsafe fn of(env: sys::napi_env, values: sys::napi_value) -> Option<Rc<Self>> {
        let mut data = ptr::null_mut();
        // SAFETY: by the contract of this function.
        unsafe {
            if sys::napi_get_value_external(env, values, &mut data) != sys::Status::napi_ok {
                return None;
            }
            let data = data.cast::<Self>().cast_const();
            Rc::increment_strong_count(data);
            Some(Rc::from_raw(data))
        }
    }

    /// Adds a function, and returns its index.
    pub fn add(&self, function: *const ExportedFunction) -> u32 {
        self.functions.borrow_mut().insert(function) as u32
    }

    /// Removes the function at an index.
    pub fn remove(&self, index: u32) {
        self.functions.borrow_mut().try_remove(index as usize);
    }

    fn invoke(&self) -> Result<(), PendingException> {
        // SAFETY: the memory has `LENGTH` bytes.
        let index = unsafe { *self.values.add(MOST).cast::<u32>() };
        let function = self.functions.borrow().get(index as usize).copied();
        let function = function.expect("a function that can be called is in the list");
        self.called.set(function);
        // SAFETY: `remove` is called before the data is freed, and the function that is being called keeps it alive.
        let function = unsafe { &*function };
        let context = &function.context;
        if function.is_closed() {
            return self.call_closed(function);
        }
        let _entered = context.enter(function.reference())?;
        // SAFETY: JavaScript has written the arguments, and there is room for the results. The function holds the
        // context, and no `RefCell` of it is borrowed.
        let result = unsafe { function.target().call_fast(&context.store, self.values) };
        context.detach_grown_memories();
        result.map_err(|failure| context.throw_failure(failure))
    }

    #[cold]
    fn call_closed(&self, function: &ExportedFunction) -> Result<(), PendingException> {
        if !function.is_silent() {
            return Err(function.context.throw(&ErrorKind::ClosedCall.into()));
        }
        // SAFETY: the memory has room for `MOST` values.
        unsafe { ptr::write_bytes(self.values, 0, MOST) };
        Ok(())
    }
}

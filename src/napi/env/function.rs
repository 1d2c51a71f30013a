//! Functions: calling JavaScript, and callbacks that JavaScript calls.

use crate::napi::env::exception::PendingException;
use crate::napi::env::reference::WrapReference;
use crate::napi::env::value::{JsEnv, Value};
use napi::sys;
use std::ffi::{CStr, c_void};
use std::mem::MaybeUninit;
use std::ptr;
use std::rc::Rc;

/// A callback, as N-API takes it.
pub type Callback = unsafe extern "C" fn(sys::napi_env, sys::napi_callback_info) -> sys::napi_value;

/// A finalizer, as N-API takes it.
pub type Finalizer = unsafe extern "C" fn(sys::napi_env, *mut c_void, *mut c_void);

/// A property to define: its name, its value, and its attributes.
pub type Property<'a> = (&'a CStr, Value<'a>, sys::napi_property_attributes);

impl<'a> JsEnv<'a> {
    /// Calls a function, with undefined as its receiver.
    ///
    /// # Errors
    /// The exception that it throws is pending then.
    #[inline]
    pub fn call(self, function: Value<'_>, arguments: &[Value<'_>]) -> Result<Value<'a>, PendingException> {
        self.call_with(self.undefined(), function, arguments)
    }

    /// Calls a function with a receiver.
    ///
    /// # Errors
    /// The exception that it throws is pending then.
    #[inline]
    pub fn call_with(
        self,
        receiver: Value<'_>,
        function: Value<'_>,
        arguments: &[Value<'_>],
    ) -> Result<Value<'a>, PendingException> {
        let mut result = ptr::null_mut();
        let (start, count) = (arguments.as_ptr().cast(), arguments.len());
        // SAFETY: see `JsEnv`; N-API reads `count` handles, and a `Value` is one. It makes the result in the open scope.
        unsafe {
            sys::napi_call_function(self.raw(), receiver.raw(), function.raw(), count, start, &mut result);
            self.value(result).ok_or(PendingException)
        }
    }

    /// A new function that calls `callback` with `data`.
    ///
    /// # Safety
    /// `callback` is sound with `data` for as long as the function lives.
    pub unsafe fn function(self, name: &str, callback: Callback, data: *mut c_void) -> Value<'a> {
        let mut function = ptr::null_mut();
        let (start, length) = (name.as_ptr().cast(), name.len() as isize);
        // SAFETY: by the contract of this function; N-API made the handle in the open scope.
        unsafe {
            sys::napi_create_function(self.raw(), start, length, Some(callback), data, &mut function);
            self.value(function).unwrap_or_else(|| self.undefined())
        }
    }

    /// Defines properties of an object.
    pub fn define(self, object: Value<'_>, properties: &[Property<'_>]) {
        let descriptor = |&(name, value, attributes): &Property<'_>| sys::napi_property_descriptor {
            utf8name: name.as_ptr(),
            name: ptr::null_mut(),
            method: None,
            getter: None,
            setter: None,
            value: value.raw(),
            attributes,
            data: ptr::null_mut(),
        };
        let properties: Vec<_> = properties.iter().map(descriptor).collect();
        // SAFETY: see `JsEnv`; N-API reads `properties.len()` descriptors, whose names end with a NUL.
        unsafe { sys::napi_define_properties(self.raw(), object.raw(), properties.len(), properties.as_ptr()) };
    }

    /// Ties `data` to an object, which must not have any yet.
    ///
    /// # Safety
    /// `finalizer` is sound with `data`, and deletes the reference that this returns.
    pub unsafe fn wrap(self, object: Value<'_>, data: *mut c_void, finalizer: Finalizer) -> WrapReference {
        let mut reference = ptr::null_mut();
        // SAFETY: by the contract of this function.
        unsafe { sys::napi_wrap(self.raw(), object.raw(), data, Some(finalizer), ptr::null_mut(), &mut reference) };
        WrapReference::from_raw(reference)
    }

    /// The data that any addon tied to an object; none if there is none.
    pub fn unwrap(self, object: Value<'_>) -> Option<*mut c_void> {
        let mut data = ptr::null_mut();
        // SAFETY: see `JsEnv`.
        let status = unsafe { sys::napi_unwrap(self.raw(), object.raw(), &mut data) };
        (status == sys::Status::napi_ok).then_some(data)
    }

    /// A new external value that holds `data`.
    pub fn external<T: 'static>(self, data: Rc<T>) -> Value<'a> {
        let mut value = ptr::null_mut();
        let data = Rc::into_raw(data).cast_mut().cast::<c_void>();
        // SAFETY: see `JsEnv`; `drop_data` gets back the `Rc` that was leaked here, of the same type, once.
        unsafe {
            sys::napi_create_external(self.raw(), data, Some(drop_data::<T>), ptr::null_mut(), &mut value);
            self.value(value).unwrap_or_else(|| self.undefined())
        }
    }

    /// The data of an external value; none for any other value.
    ///
    /// # Safety
    /// An external value of this addon that comes here holds a `T`.
    pub unsafe fn data_of<T: 'static>(self, value: Value<'_>) -> Option<Rc<T>> {
        let mut data = ptr::null_mut();
        // SAFETY: see `JsEnv`.
        let status = unsafe { sys::napi_get_value_external(self.raw(), value.raw(), &mut data) };
        if status != sys::Status::napi_ok || data.is_null() {
            return None;
        }
        // SAFETY: by the contract of this function; the external value keeps its own count.
        unsafe {
            Rc::increment_strong_count(data.cast::<T>().cast_const());
            Some(Rc::from_raw(data.cast::<T>().cast_const()))
        }
    }

    /// Holds `data` until V8 has collected an object. Returns its address.
    pub fn hold_with<T: 'static>(self, object: Value<'_>, data: Rc<T>) -> *mut c_void {
        let data = Rc::into_raw(data).cast_mut().cast::<c_void>();
        // SAFETY: see `JsEnv`; `drop_data` gets back the `Rc` that was leaked here, of the same type, once.
        unsafe {
            let (hint, reference) = (ptr::null_mut(), ptr::null_mut());
            sys::napi_add_finalizer(self.raw(), object.raw(), data, Some(drop_data::<T>), hint, reference);
        }
        data
    }
}

/// Finalizer that drops an `Rc<T>`.
///
/// # Safety
/// `data` came from `Rc::<T>::into_raw`, and nothing else drops it.
pub unsafe extern "C" fn drop_data<T>(_env: sys::napi_env, data: *mut c_void, _hint: *mut c_void) {
    // SAFETY: by the contract of this function.
    drop(unsafe { Rc::from_raw(data.cast::<T>().cast_const()) });
}

/// The call of a callback: its arguments, and the data of the function.
#[derive(Clone, Copy)]
pub struct CallInfo<'a> {
    env: JsEnv<'a>,
    raw: sys::napi_callback_info,
}

impl<'a> CallInfo<'a> {
    /// # Safety
    /// N-API passed both to the running callback, and `'a` ends before that returns.
    #[inline]
    pub unsafe fn new(env: sys::napi_env, raw: sys::napi_callback_info) -> Self {
        // SAFETY: by the contract of this function. N-API opened a scope for the callback.
        Self { env: unsafe { JsEnv::from_raw(env) }, raw }
    }

    /// The environment.
    #[inline]
    pub fn env(&self) -> JsEnv<'a> {
        self.env
    }

    /// The first `COUNT` arguments, with undefined for missing ones, and the data of the function.
    #[inline]
    pub fn arguments<const COUNT: usize>(&self) -> ([Value<'a>; COUNT], *mut c_void) {
        let mut room = [MaybeUninit::uninit(); COUNT];
        let (_, data) = self.read(&mut room);
        // SAFETY: `read` has written all of them.
        (room.map(|argument| unsafe { argument.assume_init() }), data)
    }

    /// Reads as many arguments as there is room for, with undefined for missing ones. Returns them, and the data of the
    /// function.
    #[inline]
    pub fn read<'r>(&self, room: &'r mut [MaybeUninit<Value<'a>>]) -> (&'r [Value<'a>], *mut c_void) {
        let (mut count, mut data) = (room.len(), ptr::null_mut());
        // SAFETY: `raw` is that of the running callback, for which this cannot fail. So N-API writes `count` handles of
        // its scope, which are never null, and a `Value` is one.
        unsafe {
            let (this, to) = (ptr::null_mut(), room.as_mut_ptr().cast());
            sys::napi_get_cb_info(self.env.raw(), self.raw, &mut count, to, this, &mut data);
            (std::slice::from_raw_parts(room.as_ptr().cast(), room.len()), data)
        }
    }

    /// The data of the function.
    #[inline]
    pub fn data(&self) -> *mut c_void {
        self.read(&mut []).1
    }

    /// Whether the function was called with `new`.
    #[inline]
    pub fn is_construction(&self) -> bool {
        let mut target = ptr::null_mut();
        // SAFETY: `raw` is that of the running callback.
        unsafe { sys::napi_get_new_target(self.env.raw(), self.raw, &mut target) };
        !target.is_null()
    }
}

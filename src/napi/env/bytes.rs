//! Array buffers and typed arrays.

use crate::napi::env::function::drop_data;
use crate::napi::env::value::{JsEnv, Value};
use napi::sys;
use std::ffi::c_void;
use std::ptr;
use std::rc::Rc;

/// The elements of a typed array. Valid until JavaScript runs, which may detach the bytes.
pub struct TypedArray {
    /// The type of its elements, of `sys::TypedarrayType`
    pub kind: sys::napi_typedarray_type,
    /// Number of elements
    pub length: usize,
    /// The first element
    pub data: *mut c_void,
}

impl<'a> JsEnv<'a> {
    /// The elements of a typed array; none for any other value.
    pub fn typed_array(self, value: Value<'_>) -> Option<TypedArray> {
        let (mut kind, mut length, mut data) = (0, 0, ptr::null_mut());
        // SAFETY: see `JsEnv`.
        let status = unsafe {
            let (buffer, offset) = (ptr::null_mut(), ptr::null_mut());
            sys::napi_get_typedarray_info(self.raw(), value.raw(), &mut kind, &mut length, &mut data, buffer, offset)
        };
        (status == sys::Status::napi_ok).then_some(TypedArray { kind, length, data })
    }

    /// A new `Float64Array` of zeros, and its numbers.
    pub fn float64_array(self, length: usize) -> (Value<'a>, *mut f64) {
        let array = self.zeros(sys::TypedarrayType::float64_array, length, size_of::<f64>());
        array.map_or((self.undefined(), ptr::null_mut()), |(array, numbers)| (array, numbers.cast()))
    }

    /// A new `Uint32Array` of zeros, and its numbers; none if V8 makes none.
    pub fn uint32_array(self, length: usize) -> Option<(Value<'a>, *mut u32)> {
        let (array, numbers) = self.zeros(sys::TypedarrayType::uint32_array, length, size_of::<u32>())?;
        Some((array, numbers.cast()))
    }

    /// A new `Uint32Array` of these numbers; none if V8 makes none.
    pub fn uint32s(self, numbers: &[u32]) -> Option<Value<'a>> {
        let (array, words) = self.uint32_array(numbers.len())?;
        if !numbers.is_empty() {
            // SAFETY: the array is new, and has room for the numbers.
            unsafe { ptr::copy_nonoverlapping(numbers.as_ptr(), words, numbers.len()) };
        }
        Some(array)
    }

    /// A new typed array of zeros, with elements of `size` bytes.
    fn zeros(self, kind: sys::napi_typedarray_type, length: usize, size: usize) -> Option<(Value<'a>, *mut c_void)> {
        let (mut numbers, mut buffer, mut array) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        // SAFETY: see `JsEnv`; V8 zeroes the bytes, of which there are enough for the array.
        unsafe {
            if sys::napi_create_arraybuffer(self.raw(), length * size, &mut numbers, &mut buffer)
                != sys::Status::napi_ok
            {
                return None;
            }
            sys::napi_create_typedarray(self.raw(), kind, length, buffer, 0, &mut array);
            Some((self.value(array)?, numbers))
        }
    }

    /// Passes the numbers of a `Float64Array`, none for any other value, to `work`.
    ///
    /// # Safety
    /// `work` runs no JavaScript, and nothing else uses the numbers meanwhile.
    pub unsafe fn with_float64s<T>(self, array: Value<'_>, work: impl FnOnce(&mut [f64]) -> T) -> T {
        match self.typed_array(array) {
            Some(TypedArray { kind: sys::TypedarrayType::float64_array, length, data }) if length > 0 => {
                // SAFETY: the numbers stay at `data` until JavaScript runs; else by the contract of this function.
                work(unsafe { std::slice::from_raw_parts_mut(data.cast(), length) })
            }
            _ => work(&mut []),
        }
    }

    /// A new `Buffer` with a copy of these bytes; none if there is no room.
    pub fn buffer_of(self, bytes: &[u8]) -> Option<Value<'a>> {
        let (mut data, mut value) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: see `JsEnv`; N-API reads `bytes.len()` bytes.
        unsafe {
            sys::napi_create_buffer_copy(self.raw(), bytes.len(), bytes.as_ptr().cast(), &mut data, &mut value);
            self.value(value)
        }
    }

    /// A new `ArrayBuffer` over the bytes at `base`. V8 drops `data` when nothing uses the bytes any more. None if this
    /// build of Node forbids external buffers.
    ///
    /// # Safety
    /// The bytes stay mapped as long as `data` lives.
    pub unsafe fn external_buffer<T: 'static>(self, base: *mut u8, length: usize, data: Rc<T>) -> Option<Value<'a>> {
        let mut value = ptr::null_mut();
        let data = Rc::into_raw(data).cast_mut().cast::<c_void>();
        // SAFETY: by the contract of this function; `drop_data` gets back the `Rc` that was leaked here, once.
        unsafe {
            let status = sys::napi_create_external_arraybuffer(
                self.raw(),
                base.cast(),
                length,
                Some(drop_buffer::<T>),
                data,
                &mut value,
            );
            if status != sys::Status::napi_ok {
                // N-API failed, so it did not take `data`.
                drop_data::<T>(self.raw(), data, ptr::null_mut());
                return None;
            }
            self.value(value)
        }
    }

    /// Whether an `ArrayBuffer` is detached.
    pub fn is_detached(self, buffer: Value<'_>) -> bool {
        let mut is_detached = false;
        // SAFETY: see `JsEnv`.
        unsafe { sys::napi_is_detached_arraybuffer(self.raw(), buffer.raw(), &mut is_detached) };
        is_detached
    }

    /// Detaches an `ArrayBuffer`. An external one is always detachable.
    pub fn detach(self, buffer: Value<'_>) {
        // SAFETY: see `JsEnv`.
        unsafe { sys::napi_detach_arraybuffer(self.raw(), buffer.raw()) };
    }
}

/// V8's deleter of an external buffer: it gets the data as the hint.
///
/// # Safety
/// As for `drop_data`, with `data`.
unsafe extern "C" fn drop_buffer<T>(env: sys::napi_env, _bytes: *mut c_void, data: *mut c_void) {
    // SAFETY: by the contract of this function.
    unsafe { drop_data::<T>(env, data, ptr::null_mut()) };
}

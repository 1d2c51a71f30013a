//! Conversion of values between WebAssembly and JavaScript, as the JS API defines it.

use crate::engine::Compiler;
use crate::error::{ErrorKind, Subject};
use crate::napi::env::context::Context;
use crate::napi::env::throw::PendingException;
use crate::store::{ExternRef, FuncRef, RawValue};
use crate::wasm::{RefType, ValType};
use napi::sys;
use std::ptr;
use std::rc::Rc;

/// Whether values of this type cross between wasm and JavaScript.
pub fn crosses(ty: ValType) -> bool {
    !matches!(ty, ValType::V128 | ValType::Ref(RefType::Exn))
}

/// A raw value with these low bits, and zeros above.
#[inline]
fn whole(bits: u64) -> RawValue {
    RawValue { u128: bits.into() }
}

impl Context {
    /// ToWebAssemblyValue: converts `value` to type `ty`, for code of the compiler `reader`.
    ///
    /// # Errors
    /// An exception that the conversion throws: from the user's `valueOf`, a `TypeError`, `UnsupportedValue` for a type
    /// that does not cross, and for a function those of `funcref` and `FuncRef::native_to`.
    ///
    /// # Safety
    /// `value` is a value of this context's environment.
    #[inline(always)] // so that the bits of `read_bits` stay in a register
    pub unsafe fn read(
        &self,
        ty: ValType,
        value: sys::napi_value,
        reader: Compiler,
    ) -> Result<RawValue, PendingException> {
        // SAFETY: by the contract of this function.
        unsafe { self.read_bits(ty, value, reader) }.map(whole)
    }

    /// The bits of the converted value, returned in a register. A `RawValue` that is written to memory in parts and
    /// then read whole would fail store forwarding, and stall.
    #[inline(never)]
    unsafe fn read_bits(&self, ty: ValType, value: sys::napi_value, reader: Compiler) -> Result<u64, PendingException> {
        let env = self.env;
        let bits = match ty {
            ValType::I32 => {
                let mut number = 0;
                // SAFETY: by the contract of `read`. `napi_get_value_int32` does ToInt32 for every number.
                unsafe {
                    if sys::napi_get_value_int32(env, value, &mut number) != sys::Status::napi_ok {
                        let converted = self.call_host(self.host.to_number.get(env), value)?;
                        sys::napi_get_value_int32(env, converted, &mut number);
                    }
                }
                number.cast_unsigned().into()
            }
            ValType::I64 => {
                let (mut number, mut lossless) = (0, false);
                // SAFETY: by the contract of `read`. `napi_get_value_bigint_int64` takes a BigInt modulo 2^64.
                unsafe {
                    if sys::napi_get_value_bigint_int64(env, value, &mut number, &mut lossless) != sys::Status::napi_ok
                    {
                        let converted = self.call_host(self.host.to_bigint64.get(env), value)?;
                        sys::napi_get_value_bigint_int64(env, converted, &mut number, &mut lossless);
                    }
                }
                number.cast_unsigned()
            }
            ValType::F32 | ValType::F64 => {
                let mut number = 0.0;
                // SAFETY: by the contract of `read`.
                unsafe {
                    if sys::napi_get_value_double(env, value, &mut number) != sys::Status::napi_ok {
                        sys::napi_get_value_double(
                            env,
                            self.call_host(self.host.to_number.get(env), value)?,
                            &mut number,
                        );
                    }
                }
                if ty == ValType::F32 { (number as f32).to_bits().into() } else { number.to_bits() }
            }
            ValType::Ref(RefType::Func) => {
                // SAFETY: by the contract of `read`.
                let function = unsafe { self.funcref(value)? };
                // Wasm may put it anywhere, so its node must stay alive until the next collection.
                function.into_iter().for_each(|function| self.hold_for_now(function));
                let native = function.map(|function| function.native_to(&self.store, reader)).transpose();
                FuncRef::to_raw(native.map_err(|error| self.throw(&error))?) as u64
            }
            // SAFETY: by the contract of `read`.
            ValType::Ref(RefType::Extern) => unsafe { self.externref(value) }.0.into(),
            ValType::V128 | ValType::Ref(RefType::Exn) => return Err(self.does_not_cross(ty)),
        };
        Ok(bits)
    }

    /// ToJSValue: converts `raw`, a value of type `ty`, to JavaScript.
    ///
    /// # Errors
    /// `UnsupportedValue` for a type that does not cross.
    ///
    /// # Safety
    /// `raw` is a value of type `ty` of this store.
    #[inline]
    pub unsafe fn write(self: &Rc<Self>, ty: ValType, raw: &RawValue) -> Result<sys::napi_value, PendingException> {
        let env = self.env;
        let mut value = ptr::null_mut();
        // SAFETY: by the contract of this function, the union holds the member for `ty`.
        unsafe {
            match ty {
                ValType::I32 => sys::napi_create_int32(env, raw.i32, &mut value),
                ValType::I64 => sys::napi_create_bigint_int64(env, raw.i64, &mut value),
                ValType::F32 => sys::napi_create_double(env, raw.f32.into(), &mut value),
                ValType::F64 => sys::napi_create_double(env, raw.f64, &mut value),
                ValType::Ref(RefType::Func) => {
                    let function = FuncRef::from_raw(raw.funcref).map(|function| function.canonical(&self.store));
                    return Ok(self.function_or_null(function));
                }
                ValType::Ref(RefType::Extern) => return Ok(self.externref_value(ExternRef::from_raw(*raw))),
                ValType::V128 | ValType::Ref(RefType::Exn) => return Err(self.does_not_cross(ty)),
            }
        };
        Ok(value)
    }

    /// The wasm function of `value`; none for null.
    ///
    /// # Errors
    /// `ArgumentType` for a value other than null or a wasm function, `Closed` for a function whose instance is closed,
    /// and `OtherStore` for a function of another store.
    ///
    /// # Safety
    /// `value` is a value of this context's environment.
    pub unsafe fn funcref(&self, value: sys::napi_value) -> Result<Option<FuncRef>, PendingException> {
        let mut kind = 0;
        // SAFETY: by the contract of this function.
        unsafe { sys::napi_typeof(self.env, value, &mut kind) };
        if kind == sys::ValueType::napi_null {
            return Ok(None);
        }
        // SAFETY: by the contract of this function; the caller's handle keeps the value alive.
        match unsafe { crate::napi::call::function::exported(self.env, value) } {
            Some(function) if function.is_closed() => Err(self.throw(&ErrorKind::Closed(Subject::Function).into())),
            Some(function) if std::ptr::eq(&raw const *function.context, self) => Ok(Some(function.function)),
            Some(_) => Err(self.throw(&ErrorKind::OtherStore(Subject::Function).into())),
            None => {
                let message = "expected null or an exported WebAssembly function".to_owned();
                Err(self.throw(&ErrorKind::ArgumentType { message }.into()))
            }
        }
    }

    /// A new externref to any value; the null externref for null.
    ///
    /// # Safety
    /// `value` is a value of this context's environment.
    pub unsafe fn externref(&self, value: sys::napi_value) -> ExternRef {
        let mut kind = 0;
        // SAFETY: by the contract of this function.
        unsafe {
            sys::napi_typeof(self.env, value, &mut kind);
            if kind == sys::ValueType::napi_null {
                return ExternRef::default();
            }
            self.references.add(self.env, value)
        }
    }

    /// The value of an externref.
    pub fn externref_value(&self, reference: ExternRef) -> sys::napi_value {
        if reference != ExternRef::default() {
            return self.value_behind(reference);
        }
        let mut null = ptr::null_mut();
        // SAFETY: a plain N-API call.
        unsafe { sys::napi_get_null(self.env, &mut null) };
        null
    }

    /// Calls a function of `lib/` with one argument.
    pub fn call_host(
        &self,
        function: sys::napi_value,
        argument: sys::napi_value,
    ) -> Result<sys::napi_value, PendingException> {
        self.call_host_with(function, &[argument])
    }

    /// Calls a function of `lib/` with any number of arguments.
    pub fn call_host_with(
        &self,
        function: sys::napi_value,
        arguments: &[sys::napi_value],
    ) -> Result<sys::napi_value, PendingException> {
        self.keep_running();
        self.call_host_outside(function, arguments)
    }

    /// The same once wasm has returned: the running function no longer has to be kept alive.
    pub fn call_host_outside(
        &self,
        function: sys::napi_value,
        arguments: &[sys::napi_value],
    ) -> Result<sys::napi_value, PendingException> {
        let (mut receiver, mut result) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: plain N-API calls on the thread of the environment.
        let status = unsafe {
            sys::napi_get_undefined(self.env, &mut receiver);
            sys::napi_call_function(self.env, receiver, function, arguments.len(), arguments.as_ptr(), &mut result)
        };
        if status == sys::Status::napi_ok { Ok(result) } else { Err(PendingException) }
    }

    /// Throws the error for a type whose values do not cross.
    #[cold]
    pub fn does_not_cross(&self, ty: ValType) -> PendingException {
        self.throw(&ErrorKind::does_not_cross(ty).into())
    }
}

//! Conversion of values between WebAssembly and JavaScript, as the JS API defines it.

use crate::engine::Compiler;
use crate::error::{ErrorKind, Subject};
use crate::napi::context::Context;
use crate::napi::convert::exported::{ExportedFunction, function_or_null};
use crate::napi::env::exception::PendingException;
use crate::napi::env::value::Value;
use crate::store::{ExternRef, FuncRef, RawValue};
use crate::wasm::{RefType, ValType};
use std::rc::Rc;

/// A raw value with these low bits, and zeros above.
#[inline]
fn from_bits(bits: u64) -> RawValue {
    RawValue { u128: bits.into() }
}

/// ToWebAssemblyValue: converts `value` to type `ty`, for code of the compiler `reader`.
///
/// # Errors
/// An exception that the conversion throws: from the user's `valueOf`, a `TypeError`, `UnsupportedValue` for a type
/// that is not convertible, `Limit` for an externref, and for a function the errors of `to_funcref` and
/// `FuncRef::native_to`.
#[inline(always)] // so that the bits of `to_bits` stay in a register
pub fn to_wasm(
    context: &Context,
    ty: ValType,
    value: Value<'_>,
    reader: Compiler,
) -> Result<RawValue, PendingException> {
    to_bits(context, ty, value, reader, None).map(from_bits)
}

/// `to_wasm` for a result of `function`, an imported JavaScript function: a promise is no number.
///
/// # Errors
/// As `to_wasm`, and `ArgumentType` for a promise in place of a number.
#[inline(always)] // as `to_wasm`
pub fn result_to_wasm(
    context: &Context,
    ty: ValType,
    value: Value<'_>,
    reader: Compiler,
    function: Value<'_>,
) -> Result<RawValue, PendingException> {
    to_bits(context, ty, value, reader, Some(function)).map(from_bits)
}

/// The bits of the converted value, returned in a register. A `RawValue` that is written to memory in parts and
/// then read whole would fail store forwarding, and stall.
#[inline(never)]
fn to_bits(
    context: &Context,
    ty: ValType,
    value: Value<'_>,
    reader: Compiler,
    function: Option<Value<'_>>,
) -> Result<u64, PendingException> {
    let env = context.js();
    let bits = match ty {
        ValType::I32 => {
            let number = match env.get_int32(value) {
                Some(number) => number,
                None => env.get_int32(to_number(context, value, function)?).unwrap_or_default(),
            };
            number.cast_unsigned().into()
        }
        ValType::I64 => {
            let number = match env.get_bigint64(value) {
                Some(number) => number,
                None => {
                    let converted = context
                        .environment
                        .call(|lib| &lib.to_bigint64, &[value, function.unwrap_or(env.undefined())])?;
                    env.get_bigint64(converted).unwrap_or_default()
                }
            };
            number.cast_unsigned()
        }
        ValType::F32 | ValType::F64 => {
            let number = match env.get_double(value) {
                Some(number) => number,
                None => env.get_double(to_number(context, value, function)?).unwrap_or_default(),
            };
            if ty == ValType::F32 { (number as f32).to_bits().into() } else { number.to_bits() }
        }
        ValType::Ref(RefType::Func) => {
            let function = to_funcref(context, value)?;
            // Wasm may put it anywhere, so its node must stay alive until the next collection.
            function.into_iter().for_each(|function| context.retainers.hold_for_now(env, &context.store, function));
            let native = function.map(|function| function.native_to(&context.store, reader)).transpose();
            FuncRef::to_raw(native.map_err(|error| context.environment.throw(&error))?) as u64
        }
        ValType::Ref(RefType::Extern) => {
            let reference = context.externrefs.add_or_null(env, value, &context.store.quota);
            reference.map_err(|error| context.environment.throw(&error))?.0.into()
        }
        ValType::V128 | ValType::Ref(RefType::Exn) => return Err(throw_unconvertible(context, ty)),
    };
    Ok(bits)
}

/// ToNumber. `function` is the imported function that returned the value, if one did.
#[cold]
fn to_number<'a>(
    context: &'a Context,
    value: Value<'_>,
    function: Option<Value<'_>>,
) -> Result<Value<'a>, PendingException> {
    let function = function.unwrap_or(context.js().undefined());
    context.environment.call(|lib| &lib.to_number, &[value, function])
}

/// The wasm function of `value`; none for null.
///
/// # Errors
/// `ArgumentType` for a value other than null or a wasm function, `Closed` for a function whose instance is closed,
/// and `OtherStore` for a function of another store.
#[inline(never)] // keeps its frame out of the conversions of numbers
pub fn to_funcref(context: &Context, value: Value<'_>) -> Result<Option<FuncRef>, PendingException> {
    let env = context.js();
    if env.is_null(value) {
        return Ok(None);
    }
    let function = ExportedFunction::of(env, value).map_or_else(
        || {
            let message = "expected null or an exported WebAssembly function".to_owned();
            Err(ErrorKind::ArgumentType { message }.into())
        },
        |function| function.in_store(context, || Subject::Function),
    );
    function.map(Some).map_err(|error| context.environment.throw(&error))
}

/// ToJSValue: converts `raw`, a value of type `ty`, to JavaScript.
///
/// # Errors
/// `UnsupportedValue` for a type that is not convertible.
///
/// # Safety
/// `raw` is a value of type `ty` of this store.
#[inline]
pub unsafe fn to_js<'a>(context: &'a Rc<Context>, ty: ValType, raw: &RawValue) -> Result<Value<'a>, PendingException> {
    let env = context.js();
    // SAFETY: by the contract of this function, the union holds the member for `ty`.
    unsafe {
        Ok(match ty {
            ValType::I32 => env.int32(raw.i32),
            ValType::I64 => env.bigint64(raw.i64),
            ValType::F32 => env.double(raw.f32.into()),
            ValType::F64 => env.double(raw.f64),
            ValType::Ref(RefType::Func) => {
                let function = FuncRef::from_raw(raw.funcref).map(|function| function.canonical(&context.store));
                function_or_null(context, function)
            }
            ValType::Ref(RefType::Extern) => externref_to_js(context, ExternRef::from_raw(*raw)),
            ValType::V128 | ValType::Ref(RefType::Exn) => return Err(throw_unconvertible(context, ty)),
        })
    }
}

/// The value of an externref.
pub fn externref_to_js(context: &Context, reference: ExternRef) -> Value<'_> {
    context.externrefs.value(context.js(), &context.retainers, reference)
}

/// Throws the error for a type whose values cannot be converted.
#[cold]
pub fn throw_unconvertible(context: &Context, ty: ValType) -> PendingException {
    context.environment.throw(&ErrorKind::inconvertible(ty).into())
}

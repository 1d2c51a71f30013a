//! `fn.map`: many calls of a wasm function in one call from JavaScript.

use crate::error::{Error, ErrorKind};
use crate::link::held_by_slot_of;
use crate::napi::call::scope::CallScope;
use crate::napi::convert::describe::NativeFunctionType;
use crate::napi::convert::exported::ExportedFunction;
use crate::napi::convert::thrown::throw_failure_of;
use crate::napi::env::bytes::TypedArray;
use crate::napi::env::exception::PendingException;
use crate::napi::env::function::CallInfo;
use crate::napi::env::value::{JsEnv, Value};
use crate::napi::gc::collect::collect_if_due;
use crate::rewrite::width;
use crate::store::{Batch, Failure};
use crate::wasm::ValType;
use napi::bindgen_prelude::Unknown;
use napi::{Env, sys};
use napi_derive::napi;
use std::ptr;

/// The type of a wasm function; null for anything else.
#[napi]
pub fn function_type(env: &Env, value: Unknown<'_>) -> Option<NativeFunctionType> {
    let function = ExportedFunction::of(JsEnv::of(env), Value::of(&value))?;
    Some(NativeFunctionType::of(&function.ty))
}

/// Makes `mapCalls(address, count, columns, results, function)`, which calls the wasm function at `address` `count`
/// times. It reads arguments from the typed arrays in `columns` and writes results to those in `results`: one array for
/// each parameter and result, of its type, and long enough. `function` is passed to stay alive during the call.
///
/// A plain N-API function, like the raw callbacks.
#[napi(js_name = "mapCalls", ts_return_type = "any")]
pub fn make_map_calls(env: &Env) -> Unknown<'_> {
    let env = JsEnv::of(env);
    // SAFETY: the callback uses no data.
    let function = unsafe { env.function("mapCalls", map_calls, ptr::null_mut()) };
    env.to_unknown(function)
}

/// # Safety
/// N-API calls this.
unsafe extern "C" fn map_calls(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    // SAFETY: by the contract of this function.
    let info = unsafe { CallInfo::new(env, info) };
    let env = info.env();
    // `lib/` passes numbers, and the function as a fifth argument, which keeps it alive until this returns.
    let ([address, calls, arguments, results], _) = info.arguments::<4>();
    let function = env.get_int64(address).and_then(|address| ExportedFunction::at(address.cast_unsigned() as usize));
    let Some(function) = function else {
        env.throw_error(c"ERR_RELINK_INTERNAL", c"there is no such function");
        return ptr::null_mut();
    };
    let columns = |array, types: &[ValType]| -> Vec<_> {
        (0..).zip(types).map(|(index, ty)| Column { env, value: env.element(array, index), ty: *ty }).collect()
    };
    let (arguments, results) = (columns(arguments, &function.ty.parameters), columns(results, &function.ty.results));
    let calls = env.get_uint32(calls).unwrap_or_default() as usize;
    function.context.environment.finish(|| {
        // An error is a pending exception already.
        let _ = function.map(calls, &arguments, &results);
        Ok(None)
    })
}

/// A typed array with the arguments or results of one position.
struct Column<'a> {
    env: JsEnv<'a>,
    value: Value<'a>,
    /// The type of its values
    ty: ValType,
}

impl Column<'_> {
    /// The size of a value in bytes.
    fn width(&self) -> usize {
        width(self.ty).map_or(0, |width| width as usize)
    }

    /// The address of value `first`. Valid until JavaScript runs, which may detach the bytes.
    ///
    /// # Errors
    /// `ArgumentValue` if the array has another type, or fewer than `count` values from `first` on.
    fn at(&self, first: usize, count: usize) -> Result<*mut u8, Error> {
        use sys::TypedarrayType as T;
        let array = self.env.typed_array(self.value);
        let TypedArray { kind, length, data } =
            array.unwrap_or(TypedArray { kind: -1, length: 0, data: ptr::null_mut() });
        let fits = match self.ty {
            ValType::I32 => [T::int32_array, T::uint32_array].contains(&kind),
            ValType::I64 => [T::bigint64_array, T::biguint64_array].contains(&kind),
            ValType::F32 => kind == T::float32_array,
            ValType::F64 => kind == T::float64_array,
            ValType::V128 | ValType::Ref(_) => false,
        };
        if !fits || data.is_null() || length < first + count {
            let message = format!(
                "expected a typed array of {count} values of type {} from index {first} on: an array was detached, or \
                 became shorter, while the calls were made",
                self.ty
            );
            return Err(ErrorKind::ArgumentValue { message }.into());
        }
        Ok(data.cast::<u8>().wrapping_add(first * self.width()))
    }
}

impl ExportedFunction {
    fn map(&self, count: usize, arguments: &[Column<'_>], results: &[Column<'_>]) -> Result<(), PendingException> {
        let context = &self.context;
        if self.is_closed() {
            return if self.is_silent() {
                Ok(())
            } else {
                Err(context.environment.throw(&ErrorKind::ClosedCall.into()))
            };
        }
        if let Some(ty) = self.ty.parameters.iter().chain(&self.ty.results).find(|ty| width(**ty).is_none()) {
            return Err(context.environment.throw(&ErrorKind::no_column(ty).into()));
        }
        collect_if_due(context);
        // Dropped after the batch has ended and its wasm exception has been converted: a deferred collection, which
        // runs on drop, may free both.
        // SAFETY: `mapCalls` has the function as an argument, so JavaScript holds it until this returns.
        let _scope = unsafe { CallScope::enter(context, self.reference(), false)? };
        let _deadline = self.begin_deadline()?;
        let made = self.run_batches(count, arguments, results);
        made.map_err(|failure| throw_failure_of(context, self.function, failure))
    }

    fn run_batches(&self, count: usize, arguments: &[Column<'_>], results: &[Column<'_>]) -> Result<(), Failure> {
        let context = &self.context;
        let (target, compiler) = self.target();
        let shortcut = held_by_slot_of(&context.store, target);
        let batch = Batch::new(&context.store, target, shortcut, &self.ty, compiler)?;
        let columns = arguments.len();
        for first in (0..count).step_by(batch.room()) {
            let calls = batch.room().min(count - first);
            for (index, column) in arguments.iter().enumerate() {
                let from = column.at(first, calls)?;
                // SAFETY: `at` checked that V8's side has `calls` values, and the batch has room for them. The sides do
                // not overlap. Other threads may write to a shared array meanwhile: that race is the caller's.
                unsafe { ptr::copy_nonoverlapping(from, batch.column(index), calls * column.width()) };
            }
            // SAFETY: the columns hold the arguments of `calls` calls. `self` holds the store, and no `RefCell` of it
            // is borrowed.
            let made = unsafe { batch.run(calls) };
            context.buffers.detach_grown(context.js(), &context.store);
            made?;
            for (index, column) in results.iter().enumerate() {
                let to = column.at(first, calls)?;
                // SAFETY: as for the arguments, in the other direction.
                unsafe { ptr::copy_nonoverlapping(batch.column(columns + index), to, calls * column.width()) };
            }
        }
        Ok(())
    }
}

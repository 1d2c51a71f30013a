//! `fn.map`: many calls of a wasm function in one call from JavaScript.

use crate::error::{Error, ErrorKind};
use crate::link::held_by_slot_of;
use crate::napi::call::function::{ExportedFunction, exported, exported_at};
use crate::napi::convert::describe::strings;
use crate::napi::env::context::Context;
use crate::napi::env::throw::PendingException;
use crate::rewrite::width;
use crate::store::{Batch, Failure};
use crate::wasm::ValType;
use napi::bindgen_prelude::{JsValue, Unknown};
use napi::{Env, sys};
use napi_derive::napi;
use std::ptr;
use std::rc::Rc;

/// The type of a function.
#[napi(object, object_from_js = false)]
pub struct NativeFunctionType {
    /// Parameter types
    pub parameters: Vec<String>,
    /// Result types
    pub results: Vec<String>,
}

/// The type of a wasm function; null for anything else.
#[napi]
pub fn function_type(env: Env, value: Unknown<'_>) -> Option<NativeFunctionType> {
    // SAFETY: the value is an argument of this call, which keeps it alive.
    let ty = unsafe { exported(env.raw(), value.raw()) }?.ty();
    Some(NativeFunctionType { parameters: strings(&ty.parameters), results: strings(&ty.results) })
}

/// Makes `mapCalls(address, count, columns, results, function)`, which calls the wasm function at `address` `count`
/// times. It reads arguments from the typed arrays in `columns` and writes results to those in `results`: one array for
/// each parameter and result, of its type, and long enough. `function` is passed to stay alive during the call.
///
/// A plain N-API function, like those of `direct`.
#[napi(js_name = "mapCalls", ts_return_type = "any")]
pub fn make_map_calls(env: &Env) -> Unknown<'_> {
    let mut function = ptr::null_mut();
    let name = c"mapCalls";
    // SAFETY: a plain N-API call on the thread of the environment; the function belongs to `env`.
    unsafe {
        let length = name.count_bytes() as isize;
        sys::napi_create_function(env.raw(), name.as_ptr(), length, Some(map_calls), ptr::null_mut(), &mut function);
        Unknown::from_raw_unchecked(env.raw(), function)
    }
}

unsafe extern "C" fn map_calls(env: sys::napi_env, info: sys::napi_callback_info) -> sys::napi_value {
    let mut given = [ptr::null_mut(); 4];
    let (mut address, mut calls) = (0, 0);
    // SAFETY: plain N-API calls. The first fills all four of `given`; `lib/` passes numbers, and the function as a
    // fifth argument, which keeps it alive until this returns.
    let function = unsafe {
        sys::napi_get_cb_info(env, info, &mut given.len(), given.as_mut_ptr(), ptr::null_mut(), ptr::null_mut());
        sys::napi_get_value_int64(env, given[0], &mut address);
        sys::napi_get_value_uint32(env, given[1], &mut calls);
        exported_at(address.cast_unsigned() as usize)
    };
    let Some(function) = function else {
        // SAFETY: a plain N-API call.
        unsafe { sys::napi_throw_error(env, c"ERR_RELINK_INTERNAL".as_ptr(), c"there is no such function".as_ptr()) };
        return ptr::null_mut();
    };
    let ty = function.ty();
    let all = |array: sys::napi_value, types: &[ValType]| -> Vec<Column> {
        let column = |(index, ty): (u32, &ValType)| {
            let mut value = ptr::null_mut();
            // SAFETY: a plain N-API call.
            unsafe { sys::napi_get_element(env, array, index, &mut value) };
            Column { env, value, ty: *ty }
        };
        (0..).zip(types).map(column).collect()
    };
    let (arguments, results) = (all(given[2], &ty.parameters), all(given[3], &ty.results));
    let context = function.context.clone();
    context.finish(|| {
        // An error is a pending exception already.
        let _ = context.map(function, calls as usize, &arguments, &results);
        Ok(ptr::null_mut())
    })
}

/// A typed array with the arguments or results of one position.
struct Column {
    env: sys::napi_env,
    value: sys::napi_value,
    /// The type of its values
    ty: ValType,
}

impl Column {
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
        let (mut kind, mut length, mut data) = (-1, 0, ptr::null_mut());
        // SAFETY: a plain N-API call; for a value that is no typed array it fails and leaves the variables unwritten.
        unsafe {
            let (buffer, offset) = (ptr::null_mut(), ptr::null_mut());
            sys::napi_get_typedarray_info(self.env, self.value, &mut kind, &mut length, &mut data, buffer, offset);
        }
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

impl Context {
    fn map(
        self: &Rc<Self>,
        function: &ExportedFunction,
        count: usize,
        arguments: &[Column],
        results: &[Column],
    ) -> Result<(), PendingException> {
        if function.is_closed() {
            let refusal = || self.throw(&ErrorKind::ClosedCall.into());
            return if function.is_silent() { Ok(()) } else { Err(refusal()) };
        }
        let ty = function.ty();
        if let Some(ty) = ty.parameters.iter().chain(&ty.results).find(|ty| width(**ty).is_none()) {
            return Err(self.throw(&ErrorKind::no_column(ty).into()));
        }
        self.collect_if_due();
        // Dropped after the batch has ended and its wasm exception has been converted: a deferred collection, which
        // runs on drop, may free both.
        let _entered = self.enter(function.reference())?;
        self.map_entered(function, count, arguments, results).map_err(|failure| self.throw_failure(failure))
    }

    fn map_entered(
        &self,
        function: &ExportedFunction,
        count: usize,
        arguments: &[Column],
        results: &[Column],
    ) -> Result<(), Failure> {
        let ty = function.ty();
        let shortcut = held_by_slot_of(&self.store, function.target());
        let batch = Batch::new(&self.store, function.target(), shortcut, ty, function.compiler())?;
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
            self.detach_grown_memories();
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

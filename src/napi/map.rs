//! Many calls in one crossing.

use super::context::Context;
use super::describe::strings;
use super::function::{Exported, exported};
use super::throw::{Result, refuse};
use crate::error::{Error, ErrorKind};
use crate::rewrite::width;
use crate::wasm::ValType;
use napi::bindgen_prelude::{Array, JsValue, Unknown};
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
    // SAFETY: the value is of the environment that calls, and on its stack.
    let ty = unsafe { exported(env.raw(), value.raw()) }?.ty();
    Some(NativeFunctionType { parameters: strings(&ty.parameters), results: strings(&ty.results) })
}

/// Calls a wasm function `count` times, with arguments from the typed arrays of `columns` and its results into those of
/// `results`: one for each parameter and each result, of its type, and long enough.
#[napi(catch_unwind)]
pub fn map_calls(env: Env, callee: Unknown<'_>, count: u32, columns: Array<'_>, results: Array<'_>) -> Result<()> {
    // SAFETY: the value is of the environment that calls, and its function is an argument of this call.
    let Some(function) = (unsafe { exported(env.raw(), callee.raw()) }) else {
        let message = "expected an exported WebAssembly function as `this`".to_owned();
        return Err(refuse(ErrorKind::ArgumentType { message }.into()));
    };
    let ty = function.ty();
    let all = |array: &Array<'_>, types: &[ValType]| -> Vec<Column> {
        let column = |(index, ty): (u32, &ValType)| {
            let mut value = ptr::null_mut();
            // SAFETY: a plain N-API call.
            unsafe { sys::napi_get_element(env.raw(), array.raw(), index, &mut value) };
            Column { env: env.raw(), value, ty: *ty }
        };
        (0..).zip(types).map(column).collect()
    };
    let (arguments, results) = (all(&columns, &ty.parameters), all(&results, &ty.results));
    let context = function.context.clone();
    context.map(function, count as usize, &arguments, &results)
}

/// A typed array.
struct Column {
    env: sys::napi_env,
    value: sys::napi_value,
    /// The type of its values
    ty: ValType,
}

impl Column {
    /// The bytes of one value.
    fn width(&self) -> usize {
        width(self.ty).map_or(0, |width| width as usize)
    }

    /// Where value `first` is. Good until JavaScript runs, which may take the bytes away.
    ///
    /// # Errors
    /// `ArgumentValue` if `count` values from there on are not there, or not of the type.
    fn at(&self, first: usize, count: usize) -> Result<*mut u8, Error> {
        use sys::TypedarrayType as T;
        let (mut kind, mut length, mut data) = (-1, 0, ptr::null_mut());
        // SAFETY: a plain N-API call; for anything that is no typed array it fails, and writes nothing.
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
    fn map(self: &Rc<Self>, function: &Exported, count: usize, arguments: &[Column], results: &[Column]) -> Result<()> {
        if function.is_closed() {
            return Err(refuse(ErrorKind::ClosedCall.into()));
        }
        let ty = function.ty();
        if let Some(ty) = ty.parameters.iter().chain(&ty.results).find(|ty| width(**ty).is_none()) {
            let message = format!("values of type {ty} do not stand in typed arrays");
            return Err(refuse(ErrorKind::UnsupportedValue { message }.into()));
        }
        self.collect_if_due();
        // Left after the batch has ended: what waits for that may collect.
        let _entered = self.enter(function.reference());
        let batch = self.store.batch(function.target(), ty, function.compiler()).map_err(refuse)?;
        let columns = arguments.len();
        for first in (0..count).step_by(batch.room) {
            let calls = batch.room.min(count - first);
            for (index, column) in arguments.iter().enumerate() {
                let from = column.at(first, calls).map_err(refuse)?;
                // SAFETY: there are so many bytes on either side, of which the one belongs to V8 and the other to the
                // batch; other threads that write to shared bytes meanwhile are their own affair.
                unsafe { ptr::copy_nonoverlapping(from, batch.column(index), calls * column.width()) };
            }
            // SAFETY: the arguments of so many calls stand in the columns; `self` holds the store, and no cell of it is
            // borrowed.
            let made = unsafe { batch.run(calls) };
            self.settle_memories();
            made.map_err(|failure| self.refuse_failure(failure))?;
            for (index, column) in results.iter().enumerate() {
                let to = column.at(first, calls).map_err(refuse)?;
                // SAFETY: as above.
                unsafe { ptr::copy_nonoverlapping(batch.column(columns + index), to, calls * column.width()) };
            }
        }
        Ok(())
    }
}

//! Static code of host functions: wasm calls it directly, with its arguments in registers.

use crate::store::RawValue;
use crate::store::call::host::{StaticCode, host_call};
use crate::wasm::ValType;
use wasmer::sys::vm::{VMContext, VMFunctionBody};

/// A type of parameters that static code takes.
pub trait Word: Copy {
    /// Its type in wasm
    const TYPE: ValType;

    /// The value as compiled code passes it in memory.
    fn to_raw(self) -> RawValue;

    /// The value from memory.
    fn from_raw(raw: &RawValue) -> Self;
}

impl Word for i32 {
    const TYPE: ValType = ValType::I32;

    fn to_raw(self) -> RawValue {
        i64::from(self).to_raw()
    }

    fn from_raw(raw: &RawValue) -> Self {
        // SAFETY: every bit pattern is an `i32`, and all values are written in full.
        unsafe { raw.i32 }
    }
}

impl Word for i64 {
    const TYPE: ValType = ValType::I64;

    fn to_raw(self) -> RawValue {
        RawValue { i64: self }
    }

    fn from_raw(raw: &RawValue) -> Self {
        // SAFETY: as for `i32`.
        unsafe { raw.i64 }
    }
}

/// The parameters of a host function with static code: a tuple.
pub trait Parameters: Sized {
    /// Their types
    const TYPES: &'static [ValType];

    /// Code for host functions with these parameters, and with an `i32` as result or without one.
    fn code() -> StaticCode;

    /// Reads them from memory.
    ///
    /// # Safety
    /// `values` points to values of these types.
    unsafe fn read(values: *const RawValue) -> Self;
}

macro_rules! parameters {
    ($($parameter:ident)*) => {
        impl<$($parameter: Word),*> Parameters for ($($parameter,)*) {
            const TYPES: &'static [ValType] = &[$($parameter::TYPE),*];

            fn code() -> StaticCode {
                /// # Safety
                /// Only wasm calls this, with the context of a host function that has these parameters.
                #[allow(non_snake_case, reason = "each parameter is named as its type")]
                unsafe extern "C-unwind" fn code<$($parameter: Word),*>(context: *mut VMContext, $($parameter: $parameter),*) -> i32 {
                    let mut values = [$($parameter.to_raw(),)* RawValue::default()];
                    // SAFETY: by the contract of this function. There is a value for each parameter, and one for a result.
                    // No value of this frame has a destructor.
                    unsafe { host_call(context.cast(), values.as_mut_ptr()) };
                    i32::from_raw(&values[0])
                }
                StaticCode(code::<$($parameter),*> as *const VMFunctionBody)
            }

            #[allow(unused_variables, unused_mut, unused_assignments, clippy::unused_unit, reason = "there may be no parameter")]
            unsafe fn read(values: *const RawValue) -> Self {
                let mut next = values;
                ($({
                    // SAFETY: by the contract of this function.
                    let value = $parameter::from_raw(unsafe { &*next });
                    // SAFETY: as above; the end of the values may be pointed to.
                    next = unsafe { next.add(1) };
                    value
                },)*)
            }
        }
    };
}

parameters!();
parameters!(A);
parameters!(A B);
parameters!(A B C);
parameters!(A B C D);
parameters!(A B C D E);
parameters!(A B C D E F);
parameters!(A B C D E F G);
parameters!(A B C D E F G H);
parameters!(A B C D E F G H I);

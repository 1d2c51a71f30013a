//! WebAssembly exceptions: conversion between wasm exceptions and thrown JavaScript values.

use crate::engine::Compiler;
use crate::napi::convert::describe::strings;
use crate::napi::env::context::Context;
use crate::napi::env::throw::{Exception, PendingException};
use crate::store::{ExceptionRef, ExternRef, RawValue, Rooted, TagId, Thrown};
use crate::wasm::{FuncType, RefType, ValType};
use napi::sys;
use rustc_hash::FxHashMap;
use std::cell::{OnceCell, RefCell};
use std::ptr;
use std::rc::Rc;

/// The exceptions of a store that JavaScript knows.
#[derive(Default)]
pub struct Exceptions {
    /// The JavaScript value of each exception that JavaScript threw or has seen
    values: RefCell<FxHashMap<ExceptionRef, ExternRef>>,
    /// The tag `js`, for thrown values that are not `Exception`s; set once the store has wasm that catches
    tag: OnceCell<Rooted<TagId>>,
}

/// Number of exceptions up to which a sweep is not worth its time.
const FEW: usize = 1024;

impl Exceptions {
    /// Calls `visit` with the JavaScript value of each exception.
    pub fn each_externref(&self, visit: &mut dyn FnMut(ExternRef)) {
        self.values.borrow().values().copied().for_each(visit);
    }
}

impl Context {
    /// Makes the tag `js`. To be called before wasm that catches is instantiated.
    pub fn prepare_to_catch(&self) {
        self.exceptions.tag.get_or_init(|| {
            let parameters = [ValType::Ref(RefType::Extern)].into();
            Rooted::new(&self.store, TagId::new(&self.store, &FuncType { parameters, ..FuncType::default() }))
        });
    }

    /// Frees all exceptions if they are many, unless wasm still holds one. No wasm may be on the stack.
    #[inline]
    pub fn sweep_exceptions(&self) {
        if ExceptionRef::count(&self.store) > FEW {
            self.forget_exceptions();
        }
    }

    /// Frees all exceptions, unless wasm still holds one. No wasm may be on the stack.
    pub fn forget_exceptions(&self) {
        if ExceptionRef::free_all(&self.store) {
            self.exceptions.values.borrow_mut().clear();
        }
    }

    /// Throws the pending JavaScript exception at the calling wasm. With `adapted`, wasm may catch it.
    ///
    /// # Errors
    /// The exception, if wasm may not catch it.
    pub fn throw_at_wasm(self: &Rc<Self>, adapted: bool) -> Result<(), Thrown> {
        // SAFETY: this is the thread of the environment.
        let exception = unsafe { Exception::take(self.env) };
        let catchable = || self.catchable(**self.exceptions.tag.get()?, exception.value(self.env)?);
        match adapted.then(catchable).flatten() {
            Some(exception) => {
                exception.throw(&self.store);
                Ok(())
            }
            None => Err(Thrown(Box::new(exception))),
        }
    }

    /// A thrown value as a wasm exception. An `Exception` gets its own tag if that still exists and its values may go
    /// into wasm; any other value gets the tag `js`. None if wasm may not catch the value.
    fn catchable(&self, js: TagId, value: sys::napi_value) -> Option<ExceptionRef> {
        let env = self.env;
        // SAFETY: the value was just read in this environment.
        let reference = unsafe { self.references.add(env, value) };
        let list = self.or_nothing(self.call_host(self.host.to_exception.get(env), value))?;
        let mut kind = 0;
        // SAFETY: a plain N-API call.
        unsafe { sys::napi_typeof(env, list, &mut kind) };
        let exception = match kind {
            sys::ValueType::napi_null => return None,
            sys::ValueType::napi_undefined => ExceptionRef::new(&self.store, js, &[reference.to_raw()]),
            _ => {
                // Closing an instance ends its tag, but JavaScript may still have exceptions with that tag.
                let own = self.tag_and_values(list);
                let (tag, values) = own.unwrap_or_else(|| (js, vec![reference.to_raw()]));
                ExceptionRef::new(&self.store, tag, &values)
            }
        };
        self.exceptions.values.borrow_mut().insert(exception, reference);
        Some(exception)
    }

    /// The tag and the values of an `Exception`, from the list of `to_exception`. None if the tag is gone, or a value
    /// may not go into wasm any more.
    fn tag_and_values(&self, list: sys::napi_value) -> Option<(TagId, Vec<RawValue>)> {
        let mut id = 0;
        // SAFETY: a plain N-API call; `lib/` returns a list of a tag's id and values of the tag's types.
        unsafe { sys::napi_get_value_uint32(self.env, self.element(list, 0), &mut id) };
        let tag = Some(TagId(id)).filter(|tag| tag.exists(&self.store))?;
        let types = tag.ty(&self.store).parameters;
        let values = types.iter().zip(1..).map(|(ty, index)| {
            // SAFETY: the values belong to this environment. Only code of Cranelift supports exceptions.
            unsafe { self.read(*ty, self.element(list, index), Compiler::Cranelift) }
        });
        Some((tag, self.or_nothing(values.collect::<Result<Vec<_>, _>>())?))
    }

    /// Throws the JavaScript value of an exception that wasm did not catch.
    #[cold]
    pub fn throw_exception(self: &Rc<Self>, exception: ExceptionRef) -> PendingException {
        let known = self.exceptions.values.borrow().get(&exception).copied();
        let value = match known {
            Some(reference) => Ok(self.value_behind(reference)),
            None => self.exception(exception),
        };
        if let Ok(value) = value {
            // SAFETY: a plain N-API call.
            unsafe { sys::napi_throw(self.env, value) };
        }
        PendingException
    }

    /// Makes the `Exception` of an exception that wasm threw.
    fn exception(self: &Rc<Self>, exception: ExceptionRef) -> Result<sys::napi_value, PendingException> {
        let env = self.env;
        let (tag, values) = exception.contents(&self.store);
        let (mut list, mut id, mut names) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
        let types = tag.ty(&self.store).parameters;
        // SAFETY: plain N-API calls on the thread of the environment; the values have the tag's types.
        unsafe {
            sys::napi_create_array(env, &mut list);
            sys::napi_create_uint32(env, tag.0, &mut id);
            sys::napi_set_element(env, list, 0, id);
            sys::napi_create_array(env, &mut names);
            sys::napi_set_element(env, list, 1, names);
            for (((ty, value), index), name) in types.iter().zip(values).zip(2..).zip(strings(&types)) {
                let mut text = ptr::null_mut();
                sys::napi_create_string_utf8(env, name.as_ptr().cast(), name.len() as isize, &mut text);
                sys::napi_set_element(env, names, index - 2, text);
                // Values that do not cross are left out: `getArg` throws for them.
                if crate::napi::convert::value::crosses(*ty) {
                    sys::napi_set_element(env, list, index, self.write(*ty, &value)?);
                }
            }
        }
        let value = self.call_host(self.host.from_exception.get(env), list)?;
        // SAFETY: the value was just made in this environment.
        let reference = unsafe { self.references.add(env, value) };
        self.exceptions.values.borrow_mut().insert(exception, reference);
        Ok(value)
    }

    /// An element of a JavaScript array.
    pub fn element(&self, list: sys::napi_value, index: u32) -> sys::napi_value {
        let mut value = ptr::null_mut();
        // SAFETY: a plain N-API call.
        unsafe { sys::napi_get_element(self.env, list, index, &mut value) };
        value
    }

    /// The value; none for a pending exception, which is cleared.
    fn or_nothing<T>(&self, result: Result<T, PendingException>) -> Option<T> {
        result
            .inspect_err(|PendingException| {
                // SAFETY: this is the thread of the environment.
                drop(unsafe { Exception::take(self.env) });
            })
            .ok()
    }
}

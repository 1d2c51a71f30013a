//! Thrown values: conversion between failures of wasm and JavaScript exceptions.

use crate::engine::Compiler;
use crate::error::{Error, ErrorKind};
use crate::napi::context::Context;
use crate::napi::convert::describe::strings;
use crate::napi::convert::types::is_convertible;
use crate::napi::convert::value::{externref_to_js, to_js, to_wasm};
use crate::napi::env::exception::{PendingException, ThrownValue};
use crate::napi::env::throw::{NativeError, refuse};
use crate::napi::env::value::{JsEnv, Value};
use crate::store::{ExceptionRef, Failure, FuncRef, RawValue, TagId, Thrown};
use std::rc::Rc;

/// Takes the pending exception, as the failure of a call into wasm.
#[cold]
pub fn take_failure(env: JsEnv<'_>) -> Failure {
    Failure::Thrown(Box::new(ThrownValue::take(env)))
}

/// Converts the failure of a cold call. A JavaScript exception is thrown unchanged, other errors go through `lib/`.
#[cold]
pub fn refuse_failure(context: &Rc<Context>, failure: Failure) -> NativeError {
    match failure {
        Failure::Error(error) => refuse(error),
        thrown => throw_failure(context, thrown).into(),
    }
}

/// Throws the failure of a call of `called`, and notes the instances that are to be recycled. A JavaScript exception is thrown
/// unchanged.
#[cold]
pub fn throw_failure_of(context: &Rc<Context>, called: FuncRef, failure: Failure) -> PendingException {
    let Failure::Error(error) = failure else { return throw_failure(context, failure) };
    let unwound = match error.kind() {
        ErrorKind::Trap { trace, .. } | ErrorKind::Timeout { trace, .. } | ErrorKind::Interrupted { trace, .. } => {
            context.store.unwound(called, trace.as_deref())
        }
        _ => Vec::new(),
    };
    context.environment.throw_noted(&with_link(context, error), |error| {
        if !unwound.is_empty() {
            context.deferred.note_trapped(context.js(), unwound, error);
        }
    })
}

/// Throws a failure. A JavaScript exception is thrown unchanged.
#[cold]
pub fn throw_failure(context: &Rc<Context>, failure: Failure) -> PendingException {
    match failure {
        Failure::Error(error) => context.environment.throw(&with_link(context, error)),
        Failure::Exception(exception) => throw_exception(context, exception),
        Failure::Thrown(thrown) => match thrown.downcast::<ThrownValue>() {
            Ok(exception) => {
                exception.throw(context.js());
                PendingException
            }
            Err(other) => match other.downcast::<Error>() {
                Ok(error) => context.environment.throw(&error),
                Err(other) => context.environment.throw(&ErrorKind::Internal { message: other.to_string() }.into()),
            },
        },
    }
}

/// Adds the link under which a trap happened to its error.
fn with_link(context: &Context, error: Error) -> Error {
    let ErrorKind::Trap { trace: Some(trace), .. } = error.kind() else { return error };
    match context.slots.borrow().linked_function(&context.store, &**trace) {
        Some(function) => error.kind().clone().with_link(function).into(),
        None => error,
    }
}

/// Throws the JavaScript value of an exception that wasm did not catch.
fn throw_exception(context: &Rc<Context>, exception: ExceptionRef) -> PendingException {
    let value = match context.exceptions.value(exception) {
        Some(reference) => Ok(externref_to_js(context, reference)),
        None => make_exception(context, exception),
    };
    if let Ok(value) = value {
        context.js().throw(value);
    }
    PendingException
}

/// Makes the `Exception` of an exception that wasm threw.
fn make_exception(context: &Rc<Context>, exception: ExceptionRef) -> Result<Value<'_>, PendingException> {
    let env = context.js();
    let (tag, values) = exception.contents(&context.store);
    let types = tag.ty(&context.store).parameters;
    let (list, names) = (env.array(), env.array());
    env.set_element(list, 0, env.uint32(tag.0));
    env.set_element(list, 1, names);
    for (((ty, value), index), name) in types.iter().zip(values).zip(2..).zip(strings(&types)) {
        env.set_element(names, index - 2, env.string(&name));
        // Values that are not convertible are left out: `getArg` throws for them.
        if is_convertible(*ty) {
            // SAFETY: the values have the tag's types.
            env.set_element(list, index, unsafe { to_js(context, *ty, &value)? });
        }
    }
    let value = context.environment.call(|lib| &lib.from_exception, &[list])?;
    context.exceptions.insert(exception, context.externrefs.add(env, value));
    Ok(value)
}

/// Throws the pending JavaScript exception at the calling wasm. With `adapted`, wasm may catch it.
///
/// # Errors
/// The exception, if wasm may not catch it.
pub fn throw_at_wasm(context: &Rc<Context>, adapted: bool) -> Result<(), Thrown> {
    throw_value_at_wasm(context, ThrownValue::take(context.js()), adapted)
}

/// Throws a value at the calling wasm. With `adapted`, wasm may catch it.
///
/// # Errors
/// The value, if wasm may not catch it.
pub fn throw_value_at_wasm(context: &Rc<Context>, exception: ThrownValue, adapted: bool) -> Result<(), Thrown> {
    let catchable = || catchable(context, context.exceptions.tag()?, exception.value(context.js())?);
    match adapted.then(catchable).flatten() {
        Some(exception) => {
            exception.throw(&context.store);
            Ok(())
        }
        None => Err(Thrown(Box::new(exception))),
    }
}

/// A thrown value as a wasm exception. An `Exception` gets its own tag if that still exists and its values may go
/// into wasm; any other value gets the tag `js`. None if wasm may not catch the value.
fn catchable(context: &Context, js: TagId, value: Value<'_>) -> Option<ExceptionRef> {
    let env = context.js();
    let reference = context.externrefs.add(env, value);
    let list = clear_pending(env, context.environment.call(|lib| &lib.to_exception, &[value]))?;
    if env.is_null(list) {
        return None;
    }
    // Closing an instance ends its tag, but JavaScript may still have exceptions with that tag.
    let own = if env.is_undefined(list) { None } else { tag_and_values(context, list) };
    let (tag, values) = own.unwrap_or_else(|| (js, vec![reference.to_raw()]));
    let exception = ExceptionRef::new(&context.store, tag, &values);
    context.exceptions.insert(exception, reference);
    Some(exception)
}

/// The tag and the values of an `Exception`, from the list of `to_exception`. None if the tag is gone, or a value
/// may not go into wasm any more.
fn tag_and_values(context: &Context, list: Value<'_>) -> Option<(TagId, Vec<RawValue>)> {
    let env = context.js();
    let tag = env.get_uint32(env.element(list, 0)).map(TagId).filter(|tag| tag.exists(&context.store))?;
    let types = tag.ty(&context.store).parameters;
    // Only code of Cranelift supports exceptions.
    let convert = |(ty, index): (&_, u32)| to_wasm(context, *ty, env.element(list, index), Compiler::Cranelift);
    let values = types.iter().zip(1..).map(convert);
    Some((tag, clear_pending(env, values.collect::<Result<Vec<_>, _>>())?))
}

/// The value; none for a pending exception, which is cleared.
fn clear_pending<T>(env: JsEnv<'_>, result: Result<T, PendingException>) -> Option<T> {
    result.inspect_err(|PendingException| drop(ThrownValue::take(env))).ok()
}

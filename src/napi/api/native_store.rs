//! The native store class, whose methods stand by their nouns: `store`, `instances`, `objects`, `collector`, and
//! `napi::link`.

use crate::napi::context::Context;
use crate::napi::env::throw::{NativeError, refuse};
use crate::napi::env::value::{JsEnv, Value};
use napi::bindgen_prelude::Unknown;
use napi_derive::napi;
use std::rc::Rc;

/// A store. It belongs to the thread that made it.
#[napi]
pub struct NativeStore {
    pub(in crate::napi) context: Rc<Context>,
}

impl NativeStore {
    /// The JavaScript environment.
    pub(in crate::napi) fn js(&self) -> JsEnv<'_> {
        self.context.js()
    }

    /// A value for napi-rs to return.
    pub(in crate::napi) fn unknown<'a>(&'a self, value: Value<'a>) -> Unknown<'a> {
        self.js().to_unknown(value)
    }

    /// Whether the store is open.
    ///
    /// # Errors
    /// `ClosedStore`.
    pub(in crate::napi) fn check_open(&self) -> Result<(), NativeError> {
        self.context.check_open().map_err(refuse)
    }
}

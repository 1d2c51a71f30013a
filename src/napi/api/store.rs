//! The native store class: making stores, and the wrappers of what is in them.

use crate::engine::{Quota, Resource};
use crate::error::ErrorKind;
use crate::napi::api::native_store::NativeStore;
use crate::napi::call::function::trampoline;
use crate::napi::call::look;
use crate::napi::context::Context;
use crate::napi::env::throw::{NativeError, refuse};
use crate::napi::env::value::{JsEnv, Value};
use crate::napi::gc::collect::collect_if_due;
use crate::napi::gc::wrappers::WrapperKind;
use crate::store::{DEFAULT_SIZE, Store, Timeout};
use napi::Env;
use napi::bindgen_prelude::{Object, Unknown};
use napi_derive::napi;
use std::rc::Rc;

#[napi]
impl NativeStore {
    /// Makes an empty store. `lib` has the functions of `lib/` (`env/lib_functions.rs`) and the store's object there, `store`.
    /// `stack_size` is the size of the stack that its calls run on, in bytes; `timeout` that of each call, in milliseconds;
    /// `limits` are in the order of `Resource::ALL`.
    #[napi(constructor)]
    pub fn new(
        env: &Env,
        #[napi(ts_arg_type = "object")] lib: Object<'_>,
        stack_size: Option<u32>,
        timeout: Option<f64>,
        limits: Option<Vec<f64>>,
    ) -> Result<Self, NativeError> {
        let (env, lib) = (JsEnv::of(env), Value::of(&lib));
        let stack_size = stack_size.map_or(DEFAULT_SIZE, |size| size as usize);
        let mut wasm_store = Store::new(stack_size, Quota::new(amounts(limits))).map_err(refuse)?;
        wasm_store.timeout = timeout.map(Timeout::new);
        let store = env.property(lib, c"store");
        let context = Rc::new(Context::new(env, lib, store, trampoline, wasm_store));
        look::install(&context);
        Ok(Self { context })
    }

    /// Makes `object` the wrapper of a thing. Returns the retainer of the thing's node, which the object must hold.
    #[napi(catch_unwind, ts_return_type = "object | null")]
    pub fn keep(&self, kind: String, id: u32, object: Object<'_>) -> Result<Option<Unknown<'_>>, NativeError> {
        let (context, env) = (&self.context, self.js());
        let kind = self::kind(&kind)?;
        context.wrappers.register(env, kind, id, Value::of(&object));
        context.retainers.note_change(1);
        let node = kind.node(id, &context.store, &context.slots.borrow());
        let retainer = node.map(|node| context.retainers.retainer(env, &context.store, node));
        // Creating a wrapper allocates too, so check the threshold here.
        collect_if_due(context);
        Ok(retainer.map(|retainer| self.unknown(retainer)))
    }

    /// The wrapper of a thing; null if it has none.
    #[napi(catch_unwind, ts_return_type = "object | null")]
    pub fn find(&self, kind: String, id: u32) -> Result<Option<Unknown<'_>>, NativeError> {
        let wrapper = self.context.wrappers.find(self.js(), self::kind(&kind)?, id);
        Ok(wrapper.map(|wrapper| self.unknown(wrapper)))
    }

    /// Whether uses of a closed thing do nothing, instead of throwing.
    #[napi(catch_unwind)]
    pub fn is_silent(&self, kind: String, id: u32) -> bool {
        let is_silent = |kind| self.context.wrappers.is_silent(kind, id);
        self.context.silent.get() || WrapperKind::from_name(&kind).is_some_and(is_silent)
    }
}

/// Limits as `lib/` gives them, in the order of `Resource::ALL`; none for those that are not there.
pub(in crate::napi) fn amounts(limits: Option<Vec<f64>>) -> [u64; Resource::COUNT] {
    let mut amounts = [u64::MAX; Resource::COUNT];
    amounts.iter_mut().zip(limits.into_iter().flatten()).for_each(|(amount, limit)| *amount = limit as u64);
    amounts
}

fn kind(name: &str) -> Result<WrapperKind, NativeError> {
    WrapperKind::from_name(name).ok_or_else(|| {
        let message = format!("expected a kind of object, got {name:?}");
        refuse(ErrorKind::ArgumentValue { message }.into())
    })
}

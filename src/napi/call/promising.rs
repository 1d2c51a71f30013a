//! Calls whose imports may suspend them: JavaScript makes a promise of each (`lib/api/promising.js`).

use crate::error::ErrorKind;
use crate::napi::call::import::ImportedFunction;
use crate::napi::call::scope::CallScope;
use crate::napi::context::Context;
use crate::napi::convert::exported::ExportedFunction;
use crate::napi::convert::thrown::{refuse_failure, take_failure, throw_failure_of};
use crate::napi::convert::value::{throw_unconvertible, to_wasm};
use crate::napi::env::exception::PendingException;
use crate::napi::env::throw::{NativeError, refuse};
use crate::napi::env::value::{JsEnv, Value};
use crate::store::{HostFunction, Progress, PromisingCall, RawValue};
use napi::Env;
use napi::bindgen_prelude::Unknown;
use napi_derive::napi;
use std::cell::{Cell, RefCell};
use std::ptr;
use std::rc::Rc;

/// A call of an exported function whose imports may suspend it.
#[napi]
pub struct NativePromisingCall {
    exported: Rc<ExportedFunction>,
    /// None once it has ended
    call: RefCell<Option<Rc<PromisingCall>>>,
    /// The import for which it is suspended, and where that puts its results
    suspended: Cell<Option<(*const ImportedFunction, *mut RawValue)>>,
}

/// How a call begins or goes on.
#[napi]
pub enum NativeOutcome {
    /// It begins.
    Begin,
    /// The promise of the import was fulfilled with a value.
    Fulfilled,
    /// The promise of the import was rejected with a value.
    Rejected,
}

/// How far a call has come.
#[napi(object, object_from_js = false)]
pub struct NativeProgress<'a> {
    /// Whether it has returned
    pub returned: bool,
    /// Its result, or the promise of the import
    pub value: Unknown<'a>,
    /// What the suspended call may use: to be held until it goes on
    #[napi(ts_type = "object[]")]
    pub held: Vec<Unknown<'a>>,
}

#[napi]
impl NativePromisingCall {
    /// A call of the function at an address, which is yet to begin.
    #[napi(factory, catch_unwind)]
    pub fn of(address: f64) -> Result<Self, NativeError> {
        let exported = ExportedFunction::at(address as usize).ok_or_else(|| refuse(ErrorKind::ClosedCall.into()))?;
        Ok(Self { exported, call: RefCell::default(), suspended: Cell::new(None) })
    }

    /// Whether the call is suspended and cannot go on.
    #[napi(getter)]
    pub fn ended(&self) -> bool {
        self.call.borrow().as_ref().is_some_and(|call| call.has_ended())
    }

    /// Begins the call, with an array of its arguments as the `value`; or goes on with it, with that of the import's promise.
    #[napi(catch_unwind)]
    pub fn go_on<'a>(
        &'a self,
        env: &'a Env,
        outcome: NativeOutcome,
        value: Unknown<'a>,
    ) -> Result<NativeProgress<'a>, NativeError> {
        let env = JsEnv::of(env);
        let context = &self.exported.context;
        let mut call = self.call.take();
        let progress = self.run(&mut call, outcome, Value::of(&value));
        let Some(call) = call else { return Err(progress.err().unwrap_or_else(has_ended)) };
        match progress {
            Ok(None) => {
                let held = call.nodes().into_iter();
                let held = held.map(|node| env.to_unknown(context.retainers.retainer(env, &context.store, node)));
                let held = held.collect();
                self.call.replace(Some(call));
                let import = self.suspended.get().map(|(import, _)| import).expect("`run` has set it");
                // SAFETY: the call keeps the instance that imports it.
                let value = env.to_unknown(unsafe { &*import }.take_promise(env));
                Ok(NativeProgress { returned: false, value, held })
            }
            Ok(Some(result)) => {
                free(call, context);
                Ok(NativeProgress { returned: true, value: env.to_unknown(result), held: Vec::new() })
            }
            Err(error) => {
                free(call, context);
                Err(error)
            }
        }
    }
}

impl NativePromisingCall {
    /// Begins the call, which `call` is then, or goes on with it. Returns its result; none if it was suspended.
    fn run(
        &self,
        call: &mut Option<Rc<PromisingCall>>,
        outcome: NativeOutcome,
        value: Value<'_>,
    ) -> Result<Option<Value<'_>>, NativeError> {
        let (exported, context) = (&self.exported, &self.exported.context);
        self.check_open()?;
        let is_new = matches!(outcome, NativeOutcome::Begin);
        // SAFETY: JavaScript holds the function as long as this runs.
        let scope = unsafe { CallScope::enter(context, exported.reference(), false) };
        let _scope = scope.map_err(|PendingException| refuse_failure(context, take_failure(context.js())))?;
        if is_new {
            *call = Some(Rc::new(self.begin(value)?));
        }
        let call = call.as_ref().ok_or_else(has_ended)?;
        // Before the import throws: what is pending then is for the call to take.
        let deadline = context.store.deadline(exported.timeout).map_err(refuse)?;
        let thrown = match (outcome, self.suspended.take()) {
            (NativeOutcome::Fulfilled, Some((import, results))) => {
                // SAFETY: the call keeps the instance that imports it, and waits for results of its type there.
                unsafe { (*import).resolve(context, value, results) }
            }
            // SAFETY: as above.
            (NativeOutcome::Rejected, Some((import, _))) => unsafe { (*import).thrown(context, value) },
            _ => Ok(()),
        };
        // SAFETY: `exported` holds the context, and no `RefCell` of it is borrowed. The arguments or results are written.
        let result = unsafe { call.go_on(&context.store, thrown.err()) };
        drop(deadline);
        context.buffers.detach_grown(context.js(), &context.store);
        // Converted before the scope is dropped: the deferred work frees what wasm has let go of.
        match result {
            Ok(Progress::Suspended { import, results }) => {
                self.suspended.set(Some((ptr::with_exposed_provenance(import), results)));
                Ok(None)
            }
            Ok(Progress::Returned) => {
                let values = call.values().take();
                // SAFETY: the call has written results of these types.
                let result = unsafe { exported.results(&values) }?;
                Ok(Some(result.unwrap_or_else(|| context.js().undefined())))
            }
            Err(failure) => {
                if let Some(import) = call.import() {
                    // SAFETY: nothing is collected before the scope is dropped.
                    unsafe { &*ptr::with_exposed_provenance::<ImportedFunction>(import) }.not_suspended();
                }
                Err(throw_failure_of(context, exported.target().0, failure).into())
            }
        }
    }

    /// A new call with these arguments.
    fn begin(&self, arguments: Value<'_>) -> Result<PromisingCall, NativeError> {
        let (exported, context) = (&self.exported, &self.exported.context);
        if let Some(ty) = exported.unconvertible {
            return Err(throw_unconvertible(context, ty).into());
        }
        let (target, compiler) = exported.target();
        let ty = &exported.ty;
        let mut values = vec![RawValue::default(); ty.parameters.len().max(ty.results.len())];
        for ((value, ty), index) in values.iter_mut().zip(&ty.parameters).zip(0..) {
            *value = to_wasm(context, *ty, context.js().element(arguments, index), compiler)?;
        }
        // SAFETY: `values` holds the arguments.
        unsafe { exported.charge_externrefs(values.as_ptr())? };
        // A conversion may have run JavaScript that closed the instance.
        self.check_open()?;
        // SAFETY: the values are of the function's type. `exported` holds the context, and no `RefCell` of it is borrowed.
        let call =
            unsafe { PromisingCall::new(&context.store, target, exported.stack_pointer, values.into_boxed_slice()) };
        call.map_err(|failure| refuse_failure(context, failure))
    }

    fn check_open(&self) -> Result<(), NativeError> {
        if self.exported.is_closed() { Err(refuse(ErrorKind::ClosedCall.into())) } else { Ok(()) }
    }
}

fn has_ended() -> NativeError {
    refuse(ErrorKind::Internal { message: "internal error: the call has ended".to_owned() }.into())
}

impl Drop for NativePromisingCall {
    fn drop(&mut self) {
        if let Some(call) = self.call.take() {
            free(call, &self.exported.context);
        }
    }
}

/// Frees the stacks of a call, unless it runs at this moment.
fn free(call: Rc<PromisingCall>, context: &Context) {
    if let Some(call) = Rc::into_inner(call) {
        call.free(&context.store);
    }
}

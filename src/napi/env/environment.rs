//! The environment of a store: its JavaScript environment, the functions of `lib/` for it, and calls of those.

use crate::error::Error;
use crate::napi::env::exception::PendingException;
use crate::napi::env::lib_functions::LibFunctions;
use crate::napi::env::reference::StrongReference;
use crate::napi::env::running::RunningFunction;
use crate::napi::env::throw::panicked;
use crate::napi::env::value::{JsEnv, Value};
use napi::sys;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

/// The environment of a store. It stays on the thread of its environment, since it holds raw pointers.
pub struct Environment {
    raw: sys::napi_env,
    /// The functions of `lib/`
    pub lib: LibFunctions,
    /// The function that JavaScript is calling
    pub running: RunningFunction,
}

/// Objects that belong to an environment.
pub trait InEnvironment {
    /// The environment.
    fn environment(&self) -> &Environment;
}

impl Environment {
    /// An environment with the functions of `lib/` that are properties of `lib`.
    pub fn new(env: JsEnv<'_>, lib: Value<'_>) -> Self {
        Self { raw: env.raw(), lib: LibFunctions::new(env, lib), running: RunningFunction::default() }
    }

    /// The JavaScript environment.
    #[inline]
    pub fn js(&self) -> JsEnv<'_> {
        // SAFETY: `new` got it from a `JsEnv` of this thread. Callers are callbacks or what those call, so a handle scope
        // is open, and it stays open while they borrow this.
        unsafe { JsEnv::from_raw(self.raw) }
    }

    /// Calls a function of `lib/`.
    ///
    /// # Errors
    /// The exception that it throws, as when it runs the user's code.
    #[inline(never)] // keeps its frame out of the conversions of values
    pub fn call(
        &self,
        function: impl FnOnce(&LibFunctions) -> &StrongReference,
        arguments: &[Value<'_>],
    ) -> Result<Value<'_>, PendingException> {
        self.running.hold(self.js());
        self.call_after(function, arguments)
    }

    /// `call` for when wasm has returned: the running function no longer has to be held.
    ///
    /// # Errors
    /// The exception that it throws.
    pub fn call_after(
        &self,
        function: impl FnOnce(&LibFunctions) -> &StrongReference,
        arguments: &[Value<'_>],
    ) -> Result<Value<'_>, PendingException> {
        let env = self.js();
        env.call(function(&self.lib).get(env), arguments)
    }

    /// Throws the JavaScript error that `lib/` builds of `error`.
    #[cold]
    pub fn throw(&self, error: &Error) -> PendingException {
        self.throw_noted(error, |_| {})
    }

    /// `throw`, which first gives the error to `note`.
    #[cold]
    pub fn throw_noted(&self, error: &Error, note: impl FnOnce(Value<'_>)) -> PendingException {
        let env = self.js();
        let json = error.to_json(self.stack_trace_limit());
        // If `lib/` itself throws, its exception is the pending one.
        if let Ok(error) = self.call_after(|lib| &lib.error, &[env.string(&json)]) {
            note(error);
            env.throw(error);
        }
        PendingException
    }

    /// Runs the work of a callback, and throws its error or panic. Returns the result for N-API.
    pub fn finish<'a>(&self, run: impl FnOnce() -> Result<Option<Value<'a>>, Error>) -> sys::napi_value {
        let error = match catch_unwind(AssertUnwindSafe(run)) {
            Ok(Ok(value)) => return value.map_or(ptr::null_mut(), Value::raw),
            Ok(Err(error)) => error,
            Err(panic) => panicked(&*panic),
        };
        self.throw(&error);
        ptr::null_mut()
    }

    /// Whether a `FinalizationRegistry` callback is running.
    pub fn in_finalizer(&self) -> bool {
        let answer = self.call_after(|lib| &lib.in_finalizer, &[]);
        answer.ok().and_then(|answer| self.js().get_bool(answer)).unwrap_or(false)
    }

    /// `Error.stackTraceLimit`, in frames; 0 where JavaScript cannot run.
    fn stack_trace_limit(&self) -> usize {
        let answer = self.call_after(|lib| &lib.stack_trace_limit, &[]);
        answer.ok().and_then(|answer| self.js().get_double(answer)).unwrap_or(0.0) as usize
    }
}

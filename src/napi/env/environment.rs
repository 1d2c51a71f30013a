//! The environment of a store: its JavaScript environment, the host functions, and calls of those.

use crate::error::Error;
use crate::napi::env::exception::PendingException;
use crate::napi::env::host::Host;
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
    /// The host functions
    pub host: Host,
    /// The function that JavaScript is calling
    pub running: RunningFunction,
}

/// Objects that belong to an environment.
pub trait InEnvironment {
    /// The environment.
    fn environment(&self) -> &Environment;
}

impl Environment {
    /// An environment with the host functions that are properties of `host`.
    pub fn new(env: JsEnv<'_>, host: Value<'_>) -> Self {
        Self { raw: env.raw(), host: Host::new(env, host), running: RunningFunction::default() }
    }

    /// The JavaScript environment.
    #[inline]
    pub fn js(&self) -> JsEnv<'_> {
        // SAFETY: `new` got it from a `JsEnv` of this thread. Callers are callbacks or what those call, so a handle scope
        // is open, and it stays open while they borrow this.
        unsafe { JsEnv::from_raw(self.raw) }
    }

    /// Calls a host function.
    ///
    /// # Errors
    /// The exception that it throws, as when it runs the user's code.
    pub fn call(
        &self,
        function: impl FnOnce(&Host) -> &StrongReference,
        arguments: &[Value<'_>],
    ) -> Result<Value<'_>, PendingException> {
        self.running.hold(self.js());
        self.call_after(function, arguments)
    }

    /// The same once wasm has returned: the running function no longer has to be held.
    ///
    /// # Errors
    /// The exception that it throws.
    pub fn call_after(
        &self,
        function: impl FnOnce(&Host) -> &StrongReference,
        arguments: &[Value<'_>],
    ) -> Result<Value<'_>, PendingException> {
        let env = self.js();
        env.call(function(&self.host).get(env), arguments)
    }

    /// Throws the JavaScript error that `lib/` builds of `error`.
    #[cold]
    pub fn throw(&self, error: &Error) -> PendingException {
        let env = self.js();
        let json = error.to_json(self.stack_trace_limit());
        // If `lib/` itself throws, its exception is the pending one.
        if let Ok(error) = self.call_after(|host| &host.error, &[env.string(&json)]) {
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
        let answer = self.call_after(|host| &host.in_finalizer, &[]);
        answer.ok().and_then(|answer| self.js().get_bool(answer)).unwrap_or(false)
    }

    /// `Error.stackTraceLimit`, in frames; 0 where JavaScript cannot run.
    fn stack_trace_limit(&self) -> usize {
        let answer = self.call_after(|host| &host.stack_trace_limit, &[]);
        answer.ok().and_then(|answer| self.js().get_double(answer)).unwrap_or(0.0) as usize
    }
}

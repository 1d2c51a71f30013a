//! An imported function of WASI, which wasm calls without JavaScript.

use crate::error::ErrorKind;
use crate::napi::call::import::run_javascript;
use crate::napi::context::Context;
use crate::napi::env::value::Value;
use crate::napi::wasi::host::WasiHost;
use crate::store::{HostFunction, ImporterMemory, RawValue, StaticCode, Thrown, must_stop};
use crate::wasi::{Function, GuestBytes, SystemOutcome};
use crate::wasm::FuncType;
use std::cell::Cell;
use std::ptr::NonNull;
use std::rc::{Rc, Weak};

/// A function of a system, as `lib/` passes it.
pub struct WasiFunction {
    /// The system and its host
    pub host: Rc<WasiHost>,
    /// The function
    pub function: &'static Function,
}

/// The function as one instance imports it.
pub struct WasiImport {
    /// Weak, since the context owns the store, which owns this
    context: Weak<Context>,
    function: Rc<WasiFunction>,
    /// The memory of the importer, once that exists; none if it has no memory
    memory: Cell<Option<ImporterMemory>>,
}

impl WasiImport {
    /// The import for a value that `lib/` passes; none if that is no function of WASI.
    pub fn of(context: &Rc<Context>, value: Value<'_>) -> Option<Self> {
        // SAFETY: `lib/` passes functions and what it has made: the only external values among these are `WasiFunction`s.
        let function = unsafe { context.js().data_of::<WasiFunction>(value) }?;
        Some(Self { context: Rc::downgrade(context), function, memory: Cell::new(None) })
    }

    /// Its type.
    pub fn ty(&self) -> FuncType {
        self.function.function.ty()
    }

    /// The memory of the importer.
    fn bytes(&self) -> GuestBytes {
        match self.memory.get() {
            // SAFETY: the importer calls this, so its memory exists. `System` borrows it for one operation at a time, during
            // which neither wasm nor JavaScript of this thread runs.
            Some(memory) => unsafe { GuestBytes::new(memory.data(), memory.is_shared) },
            // SAFETY: there are no bytes.
            None => unsafe { GuestBytes::new((NonNull::dangling().as_ptr(), 0), false) },
        }
    }

    /// Does what remains for the host.
    #[cold]
    fn finish(&self, outcome: SystemOutcome) -> Result<i32, Thrown> {
        let Some(context) = self.context.upgrade() else { return Err(Thrown::error(ErrorKind::ClosedCall.into())) };
        let mut done = None;
        run_javascript(&context, false, || {
            done = Some(self.function.host.finish(context.js(), outcome, || self.bytes())?);
            // The host may have grown shared memories.
            context.shared_memories.publish_lengths(&context.environment)
        })?;
        done.unwrap_or(Ok(0)).map_err(Thrown::error)
    }
}

impl HostFunction for WasiImport {
    unsafe fn call(&self, values: *mut RawValue) -> Result<(), Thrown> {
        let WasiFunction { host, function } = &*self.function;
        let fault = |error| Thrown::error(ErrorKind::Internal { message: format!("WASI: {error}") }.into());
        // SAFETY: by the contract of `HostFunction::call`; the import has the function's type.
        let outcome = unsafe { host.system.call(function, || self.bytes(), values, must_stop, fault) }?;
        let errno = match outcome {
            SystemOutcome::Errno(errno) if !host.system.outbox.is_full() => errno,
            outcome => self.finish(outcome)?,
        };
        // SAFETY: by the contract of `HostFunction::call`. There is room for a result, also where there is none.
        unsafe { *values = RawValue { i64: errno.into() } };
        Ok(())
    }

    fn code(&self) -> Option<StaticCode> {
        Some(self.function.function.code())
    }

    fn set_memory(&self, memory: ImporterMemory) {
        self.memory.set(Some(memory));
    }
}

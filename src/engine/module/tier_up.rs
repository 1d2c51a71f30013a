//! Tier-up: Singlepass code that starts early, and Cranelift code that replaces it.

use crate::engine::compile::cancellation::Cancellation;
use crate::engine::compile::compiler::Compiler;
use crate::engine::compile::options::CompileOptions;
use crate::engine::compile::threads::{has_room_for_thread, hash};
use crate::engine::module::compiled::{compile, compiled_before};
use crate::engine::module::compiled_code::Code;
use crate::error::{Error, ErrorKind, Result};
use crate::rewrite::why_no_tier_up;
use crate::wasm::Binary;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::{Arc, Once, OnceLock};
use std::thread;

/// A compiled module, and its tier-up if it has one.
pub struct Tiered {
    /// The code to start with
    pub code: Arc<Code>,
    /// How to compile the tier-up code; none if `code` is final
    pub tier_up: Option<TierUp>,
}

/// Tier-up code that is not being compiled yet.
pub struct TierUp {
    bytes: Vec<u8>,
    options: CompileOptions,
}

/// Tier-up code that is being compiled, or is done. Dropping it stops the compile.
pub struct PendingTierUp {
    result: Arc<OnceLock<Result<Arc<Code>>>>,
    cancellation: Cancellation,
}

impl PendingTierUp {
    /// Whether the compile has ended.
    pub fn is_done(&self) -> bool {
        self.result.get().is_some()
    }

    /// The code, once it is compiled; none if that failed.
    pub fn code(&self) -> Option<&Arc<Code>> {
        self.result.get()?.as_ref().ok()
    }
}

impl Drop for PendingTierUp {
    fn drop(&mut self) {
        self.cancellation.cancel();
    }
}

/// Cranelift's code, if the cache has it. Else Singlepass's code, where Cranelift's can replace it later
/// (`why_no_tier_up`) and Singlepass supports the module. Else newly compiled code of Cranelift.
///
/// # Errors
/// The errors of `compile`.
pub fn compile_tiered(bytes: Vec<u8>, options: CompileOptions) -> Result<Tiered> {
    // Both compiles together have the time of one.
    let cancellation = options.cancellation.within(options.limits.time);
    let options = CompileOptions { compiler: Compiler::Cranelift, tiers_up_from: None, cancellation, ..options };
    if options.cache_target.is_some()
        && let Some(code) = compiled_before(hash(&bytes), &options)
    {
        return Ok(Tiered { code, tier_up: None });
    }
    if may_begin_small(&bytes, &options.cancellation) {
        let small = CompileOptions { compiler: Compiler::Singlepass, ..options.clone() };
        match compile(&bytes, &small) {
            Ok(code) => {
                let options = CompileOptions { tiers_up_from: Some(Compiler::Singlepass), ..options };
                return Ok(Tiered { code, tier_up: Some(TierUp { bytes, options }) });
            }
            Err(error) if options.cancellation.is_cancelled() => return Err(error),
            Err(_) => {}
        }
    }
    if options.cancellation.is_late() {
        return Err(options.limits.too_late());
    }
    Ok(Tiered { code: compile(&bytes, &options)?, tier_up: None })
}

fn may_begin_small(bytes: &[u8], cancellation: &Cancellation) -> bool {
    let binary = Binary::parse_while(bytes, Compiler::Singlepass.features(), &|| cancellation.check());
    binary.is_ok_and(|binary| matches!(why_no_tier_up(bytes, &binary), Ok(None)))
}

impl TierUp {
    /// Compiles it on a thread of its own that is never joined, not even at the end of the process.
    pub fn start(self) -> PendingTierUp {
        let Self { bytes, options } = self;
        // The module may outlive the call that compiled it, so it has a flag of its own.
        let options = CompileOptions { cancellation: Cancellation::default(), ..options };
        let pending = PendingTierUp { result: Arc::default(), cancellation: options.cancellation.clone() };
        let result = pending.result.clone();
        stay_silent_at_the_end();
        let work = move || {
            // At the end of the process, wasmer panics rather than register code.
            let compiled = catch_unwind(AssertUnwindSafe(|| compile(&bytes, &options)));
            drop(result.set(compiled.unwrap_or_else(|_| Err(failed("a panic")))));
        };
        // Without a thread, the instance keeps running Singlepass's code.
        let thread = || thread::Builder::new().name("wasm-relink-tier-up".to_owned());
        if !has_room_for_thread() || thread().spawn(work).is_err() {
            drop(pending.result.set(Err(failed("no thread"))));
        }
        pending
    }
}

fn failed(why: &str) -> Error {
    ErrorKind::Internal { message: format!("the code for tier-up was not compiled: {why}") }.into()
}

/// Silences wasmer's panic in a compile that the end of the process interrupts. Only our panics reach this hook.
pub fn stay_silent_at_the_end() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = take_hook();
        set_hook(Box::new(move |panic| {
            let says = panic.payload().downcast_ref::<&str>().copied();
            if says.is_none_or(|says| !says.contains("during the process exit")) {
                before(panic);
            }
        }));
    });
}

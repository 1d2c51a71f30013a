//! The native module class: compiled code as JavaScript holds it.

use crate::engine::{Code, PendingTierUp, TierUp, Tiered, trim, try_copy};
use crate::error::ErrorKind;
use crate::napi::convert::describe::{self, NativeExport, NativeFunction, NativeImport};
use crate::napi::env::external_memory::ExternalMemory;
use crate::napi::env::throw::{NativeError, refuse};
use crate::napi::env::value::JsEnv;
use crate::wasm::{ExternType, PAGE_SIZE};
use napi::Env;
use napi::bindgen_prelude::{ArrayBuffer, ObjectFinalize};
use napi_derive::napi;
use std::cell::RefCell;
use std::sync::Arc;

/// The limits of a memory, in pages.
#[napi(object, object_from_js = false)]
pub struct NativeLimits {
    /// Initial size
    pub initial: u32,
    /// Maximum size
    pub maximum: u32,
}

/// A compiled module.
#[napi(custom_finalize)]
pub struct NativeModule {
    pub(in crate::napi) code: Arc<Code>,
    /// The tier-up that has not started to compile
    unstarted_tier_up: RefCell<Option<TierUp>>,
    /// The tier-up that is being compiled, or is done
    pending_tier_up: RefCell<Option<PendingTierUp>>,
    /// The size of the code: V8 sees an object of a few bytes
    #[expect(dead_code, reason = "held for its destructor")]
    external: ExternalMemory,
}

impl NativeModule {
    /// Wraps code for JavaScript.
    pub fn new(env: Env, Tiered { code, tier_up }: Tiered) -> Self {
        let external = ExternalMemory::report(JsEnv::of(&env), code.size as u64);
        Self { code, unstarted_tier_up: RefCell::new(tier_up), pending_tier_up: RefCell::default(), external }
    }
}

impl ObjectFinalize for NativeModule {
    fn finalize(self, _env: Env) -> napi::Result<()> {
        drop(self);
        trim();
        Ok(())
    }
}

#[napi]
impl NativeModule {
    /// The compiler of the code.
    #[napi]
    pub fn compiler(&self) -> &'static str {
        self.code.compiler.name()
    }

    /// The BLAKE3 hash of the module's bytes, in hex.
    #[napi]
    pub fn hash(&self) -> String {
        self.code.hash.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The address space that its memories reserve.
    #[napi]
    pub fn reserve(&self) -> &'static str {
        self.code.reserve.name()
    }

    /// Starts to compile the tier-up of this module; returns whether it has one that was not started before.
    #[napi]
    pub fn start_tier_up(&self) -> bool {
        let Some(tier_up) = self.unstarted_tier_up.take() else { return false };
        *self.pending_tier_up.borrow_mut() = Some(tier_up.start());
        true
    }

    /// Whether the tier-up is compiled, has failed, or was never started.
    #[napi]
    pub fn tier_up_is_done(&self) -> bool {
        self.pending_tier_up.borrow().as_ref().is_none_or(PendingTierUp::is_done)
    }

    /// The module to tier up to; null if it is not compiled, or failed.
    #[napi]
    pub fn tier_up(&self, env: Env) -> Option<NativeModule> {
        let code = self.pending_tier_up.borrow().as_ref()?.code()?.clone();
        Some(Self::new(env, Tiered { code, tier_up: None }))
    }

    /// The imports that an instance needs, in the order of the binary.
    #[napi]
    pub fn imports(&self) -> Vec<NativeImport> {
        describe::imports(&self.code.binary)
    }

    /// The exports, in the order of the binary.
    #[napi]
    pub fn exports(&self) -> Vec<NativeExport> {
        describe::exports(&self.code.binary)
    }

    /// Initial size of the memories that an instance makes, in bytes.
    #[napi]
    pub fn memory_size(&self) -> f64 {
        let own = self.code.binary.memories.iter().skip(self.code.binary.imported_memories());
        let pages = own.map(|memory| match memory {
            ExternType::Memory { limits, .. } => limits.minimum as f64,
            _ => 0.0,
        });
        pages.sum::<f64>() * PAGE_SIZE as f64
    }

    /// The limits of the shared memories that an instance makes, in pages.
    #[napi]
    pub fn shared_memories(&self) -> Vec<NativeLimits> {
        let own = self.code.binary.memories.iter().skip(self.code.binary.imported_memories());
        let shared = own.filter_map(|memory| match memory {
            ExternType::Memory { limits, shared: true } => Some(limits),
            _ => None,
        });
        // A shared memory always has a maximum, so the fallback is never used.
        let pages = |size: u64| u32::try_from(size).unwrap_or(u32::MAX);
        let limits = shared.map(|limits| NativeLimits {
            initial: pages(limits.minimum),
            maximum: pages(limits.maximum.unwrap_or(limits.minimum)),
        });
        limits.collect()
    }

    /// The contents of the custom sections of this name.
    #[napi]
    pub fn custom_sections<'env>(&self, env: &'env Env, name: String) -> Result<Vec<ArrayBuffer<'env>>, NativeError> {
        let sections = self.code.custom_sections.iter().filter(|(each, _)| *each == name);
        let copy = |data: &[u8]| {
            let message = || format!("there is no room for a copy of a section of {} bytes", data.len());
            let copy = try_copy(data).ok_or_else(|| refuse(ErrorKind::Memory { message: message() }.into()))?;
            ArrayBuffer::from_data(env, copy)
                .map_err(|error| refuse(ErrorKind::Memory { message: error.reason }.into()))
        };
        sections.map(|(_, data)| copy(data)).collect()
    }

    /// The slots. `instanceSlot` takes positions in this list.
    #[napi]
    pub fn slots(&self) -> Vec<NativeFunction> {
        describe::slots(&self.code.original, &self.code.slots, self.code.details())
    }

    /// The functions that are not slots.
    #[napi]
    pub fn no_slots(&self) -> Vec<NativeFunction> {
        let code = &self.code;
        describe::no_slots(&code.original, code.name_section(), &code.slots, &code.details().roles)
    }
}

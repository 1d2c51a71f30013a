use super::describe::{self, NativeExport, NativeFunction, NativeImport};
use crate::engine::Code;
use crate::wasm::ExternType;
use napi::Env;
use napi::bindgen_prelude::ArrayBuffer;
use napi_derive::napi;
use std::sync::Arc;

/// The size of a memory, and the greatest that it may have, in pages.
#[napi(object, object_from_js = false)]
pub struct NativeLimits {
    /// At the beginning
    pub initial: u32,
    /// At the most
    pub maximum: u32,
}

/// A compiled module.
#[napi]
pub struct NativeModule {
    pub(super) code: Arc<Code>,
}

#[napi]
impl NativeModule {
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

    /// The limits of the shared memories that an instance makes, in pages.
    #[napi]
    pub fn shared_memories(&self) -> Vec<NativeLimits> {
        let own = self.code.binary.memories.iter().skip(self.code.binary.imported_memories());
        let shared = own.filter_map(|memory| match memory {
            ExternType::Memory { limits, shared: true } => Some(limits),
            _ => None,
        });
        // A shared memory has a maximum.
        let pages = |size: u64| u32::try_from(size).unwrap_or(u32::MAX);
        let limits = shared.map(|limits| NativeLimits {
            initial: pages(limits.minimum),
            maximum: pages(limits.maximum.unwrap_or(limits.minimum)),
        });
        limits.collect()
    }

    /// The contents of the custom sections of this name.
    #[napi]
    pub fn custom_sections<'env>(&self, env: &'env Env, name: String) -> napi::Result<Vec<ArrayBuffer<'env>>> {
        let sections = self.code.custom_sections.iter().filter(|(each, _)| *each == name);
        sections.map(|(_, data)| ArrayBuffer::from_data(env, data.to_vec())).collect()
    }

    /// The slots. The position in this list is how an instance is asked for one.
    #[napi]
    pub fn slots(&self) -> Vec<NativeFunction> {
        describe::slots(&self.code.original, &self.code.slots, &self.code.roles)
    }

    /// The functions that are no slots.
    #[napi]
    pub fn no_slots(&self) -> Vec<NativeFunction> {
        let code = &self.code;
        describe::no_slots(&code.original, code.name_section(), &code.slots, &code.roles)
    }
}

use super::describe::{self, NativeExport, NativeFunction, NativeImport};
use crate::engine::Code;
use napi::Env;
use napi::bindgen_prelude::ArrayBuffer;
use napi_derive::napi;
use std::sync::Arc;

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

use crate::engine::Code;
use crate::link::SlotKind;
use crate::wasm::{Declaration, FuncType};
use napi::Env;
use napi::bindgen_prelude::ArrayBuffer;
use napi_derive::napi;
use std::sync::Arc;

/// A compiled module.
#[napi]
pub struct NativeModule {
    pub(super) code: Arc<Code>,
}

/// An import, as `lib/` reads it.
#[napi(object)]
pub struct NativeImport {
    /// The module that it is asked of
    pub module: String,
    /// Its name there
    pub name: String,
    /// What it is
    pub kind: String,
    /// Its type, for messages
    #[napi(js_name = "type")]
    pub ty: String,
}

/// An export, as `lib/` reads it.
#[napi(object)]
pub struct NativeExport {
    /// Its name
    pub name: String,
    /// What it is
    pub kind: String,
}

/// What a slot takes.
#[napi(object)]
pub struct NativeSlotType {
    /// Its name
    pub name: String,
    /// Where it comes from
    pub kind: String,
    /// Parameter types
    pub parameters: Vec<String>,
    /// Result types
    pub results: Vec<String>,
    /// The Rust signature, as its author wrote it
    pub rust: Option<String>,
    /// The documentation comment
    pub docs: Option<String>,
    /// Its id, where it is a slot of an instance
    pub id: Option<u32>,
}

impl NativeSlotType {
    pub(super) fn new(name: &str, kind: SlotKind, ty: &FuncType, declaration: Option<&Declaration>) -> Self {
        Self {
            name: name.to_owned(),
            kind: kind.name().to_owned(),
            parameters: ty.parameters.iter().map(ToString::to_string).collect(),
            results: ty.results.iter().map(ToString::to_string).collect(),
            rust: declaration.map(|declaration| declaration.signature.clone()),
            docs: declaration.and_then(|declaration| declaration.docs.clone()),
            id: None,
        }
    }
}

#[napi]
impl NativeModule {
    /// The imports that an instance needs, in the order of the binary.
    #[napi]
    pub fn imports(&self) -> Vec<NativeImport> {
        let imports = self.code.binary.imports.iter().map(|import| NativeImport {
            module: import.module.clone(),
            name: import.name.clone(),
            kind: import.ty.kind().name().to_owned(),
            ty: import.ty.to_string(),
        });
        imports.collect()
    }

    /// The exports, in the order of the binary.
    #[napi]
    pub fn exports(&self) -> Vec<NativeExport> {
        let exports = self.code.binary.exports.iter();
        exports.map(|export| NativeExport { name: export.name.clone(), kind: export.kind.name().to_owned() }).collect()
    }

    /// The contents of the custom sections of this name.
    #[napi]
    pub fn custom_sections<'env>(&self, env: &'env Env, name: String) -> napi::Result<Vec<ArrayBuffer<'env>>> {
        let sections = self.code.custom_sections.iter().filter(|(each, _)| *each == name);
        sections.map(|(_, data)| ArrayBuffer::from_data(env, data.to_vec())).collect()
    }

    /// The declared slots.
    #[napi]
    pub fn slots(&self) -> Vec<NativeSlotType> {
        let slots = self.code.slots.iter();
        slots
            .map(|slot| NativeSlotType::new(&slot.name, SlotKind::Declared, &slot.ty, slot.declaration.as_ref()))
            .collect()
    }
}

//! Descriptions of functions, slots, imports and exports for `lib/`.

use crate::error;
use crate::napi::convert::types::from_name;
use crate::rewrite::{Details, ModuleSlot, Named, Roles, SlotKind, WhyNot, others};
use crate::wasm::{Binary, Declaration, ExternKind, ExternType, FuncType};
use napi_derive::napi;
use std::collections::BTreeSet;

/// The type of a global.
#[napi(object)]
pub struct NativeGlobalType {
    /// Its value type
    pub value: String,
    /// Whether it is mutable
    pub mutable: bool,
}

/// An import of a module.
#[napi(object)]
pub struct NativeImport {
    /// The module name
    pub module: String,
    /// The field name
    pub name: String,
    /// Its kind, like "function"
    pub kind: String,
    /// Its type as text, for messages
    #[napi(js_name = "type")]
    pub ty: String,
    /// Its type, if it is a global
    pub global: Option<NativeGlobalType>,
}

/// An export of a module.
#[napi(object)]
pub struct NativeExport {
    /// Its name
    pub name: String,
    /// Its kind, like "function"
    pub kind: String,
}

/// A slot of a store.
#[napi(object)]
pub struct NativeSlot {
    /// Its id
    pub id: u32,
    /// Its name
    pub name: String,
    /// Its slot kind
    pub kind: String,
    /// Its type; none for an empty table entry
    #[napi(js_name = "type")]
    pub ty: Option<NativeFunctionType>,
    /// Whether its declaration says that an implementation may suspend the caller
    pub suspend: bool,
}

/// The type of a function.
#[napi(object)]
pub struct NativeFunctionType {
    /// Parameter types
    pub parameters: Vec<String>,
    /// Result types
    pub results: Vec<String>,
}

/// A function of a module: one of its slots, or a function that is not a slot.
#[napi(object)]
pub struct NativeFunction {
    /// Its name
    pub name: String,
    /// Its slot kind
    pub kind: String,
    /// Parameter types
    pub parameters: Vec<String>,
    /// Result types
    pub results: Vec<String>,
    /// Its Rust path
    pub path: Option<String>,
    /// Its index in the module
    pub function_index: u32,
    /// The index of a function table's entry that holds it
    pub table_index: Option<u32>,
    /// Other names
    pub aliases: Vec<String>,
    /// Whether the module exports it; false for a function that is not a slot
    pub exported: bool,
    /// Why it is not a slot, or why it should be linked with care: one word
    pub reason: Option<String>,
    /// The reason as a sentence
    pub message: Option<String>,
    /// The Rust signature, as its author wrote it
    pub rust: Option<String>,
    /// The documentation comment
    pub docs: Option<String>,
    /// True if the declaration says that an implementation may suspend the caller
    pub suspend: Option<bool>,
}

/// Which functions become slots.
#[napi(object, object_to_js = false)]
pub struct NativeSelection {
    /// "default", "all", "none" or "more"
    pub kind: String,
    /// Indices of the functions that become slots besides the default ones, for "more"
    pub functions: Option<Vec<u32>>,
}

pub(in crate::napi) fn strings(types: &[crate::wasm::ValType]) -> Vec<String> {
    types.iter().map(ToString::to_string).collect()
}

impl NativeFunctionType {
    pub(in crate::napi) fn of(ty: &FuncType) -> Self {
        Self { parameters: strings(&ty.parameters), results: strings(&ty.results) }
    }

    /// The type; none if it names a type that does not exist.
    pub(in crate::napi) fn parse(&self) -> Option<FuncType> {
        let types = |names: &[String]| names.iter().map(|name| from_name(name)).collect::<Option<Box<[_]>>>();
        Some(FuncType { parameters: types(&self.parameters)?, results: types(&self.results)? })
    }
}

impl NativeFunction {
    fn new(named: &Named, kind: SlotKind, ty: &FuncType, function_index: u32) -> Self {
        Self {
            name: named.name.clone(),
            kind: kind.name().to_owned(),
            parameters: strings(&ty.parameters),
            results: strings(&ty.results),
            path: named.path.clone(),
            function_index,
            table_index: None,
            aliases: named.aliases.clone(),
            exported: false,
            reason: None,
            message: None,
            rust: None,
            docs: None,
            suspend: None,
        }
    }

    fn slot(binary: &Binary, slot: &ModuleSlot, named: &Named, roles: &Roles) -> Self {
        let declaration = slot.declaration.as_ref();
        let merged = Some(named.merged(slot.kind)).filter(|names| !names.is_empty());
        Self {
            table_index: roles.entries.get(&slot.function).copied(),
            reason: merged.map(|_| "merged".to_owned()),
            message: merged.map(|names| format!("it {}", error::merged(names))),
            rust: declaration.map(|declaration: &Declaration| declaration.signature.clone()),
            docs: declaration.and_then(|declaration| declaration.docs.clone()),
            suspend: declaration.is_some_and(|declaration| declaration.suspend).then_some(true),
            ..Self::new(named, slot.kind, &binary.types[slot.ty as usize], slot.function)
        }
    }

    fn other(binary: &Binary, named: &Named, function: u32, why: &WhyNot, roles: &Roles) -> Self {
        let imported = function < binary.imported_functions;
        let kind = if imported { SlotKind::Import } else { SlotKind::Function };
        Self {
            table_index: roles.entries.get(&function).copied(),
            reason: Some(why.reason().to_owned()),
            message: Some(why.to_string()),
            ..Self::new(named, kind, binary.function_type(function), function)
        }
    }
}

/// The slots of a module. `binary` is the module before the load-time pass.
pub(in crate::napi) fn slots(binary: &Binary, slots: &[ModuleSlot], details: &Details) -> Vec<NativeFunction> {
    let functions = binary.exports.iter().filter(|export| export.kind == ExternKind::Function);
    let exported: BTreeSet<u32> = functions.map(|export| export.index).collect();
    let all = slots.iter().zip(&details.names);
    let describe = |(slot, named): (&ModuleSlot, &Named)| NativeFunction {
        exported: exported.contains(&slot.function),
        ..NativeFunction::slot(binary, slot, named, &details.roles)
    };
    all.map(describe).collect()
}

/// The functions of a module that are not slots.
pub(in crate::napi) fn no_slots(
    binary: &Binary,
    names: Option<&[u8]>,
    slots: &[ModuleSlot],
    roles: &Roles,
) -> Vec<NativeFunction> {
    let others = others(binary, names, slots, roles).into_iter();
    others.map(|each| NativeFunction::other(binary, &each.named, each.index, &each.why, roles)).collect()
}

pub(in crate::napi) fn imports(binary: &Binary) -> Vec<NativeImport> {
    let imports = binary.imports.iter().map(|import| NativeImport {
        module: import.module.clone(),
        name: import.name.clone(),
        kind: import.ty.kind().name().to_owned(),
        ty: import.ty.to_string(),
        global: match &import.ty {
            ExternType::Global(ty) => Some(NativeGlobalType { value: ty.value.to_string(), mutable: ty.mutable }),
            _ => None,
        },
    });
    imports.collect()
}

pub(in crate::napi) fn exports(binary: &Binary) -> Vec<NativeExport> {
    let exports = binary.exports.iter();
    exports.map(|export| NativeExport { name: export.name.clone(), kind: export.kind.name().to_owned() }).collect()
}

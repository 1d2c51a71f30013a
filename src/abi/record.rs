//! Records of typed functions: the lines of the custom section `relink` that have WIT text.

use super::function_type::FunctionType;
use super::parse;
use crate::wasm::original_export;
use crate::wasm::{Binary, DECLARED_MODULE, Declaration, DeclarationKind, ExternKind, ExternType, FuncType, ValType};
use serde::Serialize;

/// The export by which memory of a guest is allocated.
pub const REALLOC: &str = "cabi_realloc";

/// The export that is the memory of a guest.
const MEMORY: &str = "memory";

/// A typed function of a module.
#[derive(Debug, Serialize)]
pub struct TypedRecord {
    /// Its kind
    pub kind: DeclarationKind,
    /// The slot's name; of an export or import, its core name
    pub name: String,
    /// The core module of an import
    pub module: Option<String>,
    /// The signature as its author wrote it
    pub signature: Option<String>,
    /// The documentation comment
    pub docs: Option<String>,
    /// Whether an implementation may suspend its caller
    pub suspend: bool,
    /// The core name of the export in the lifted shape: an export, or the original of a slot
    pub lifted: Option<String>,
    /// The type of the function
    pub function: FunctionType,
    /// The structure of the type as text; the same text means the same values
    pub structure: String,
    /// The WIT text
    pub wit: Option<String>,
}

impl TypedRecord {
    fn of(declaration: &Declaration, wit: &str) -> Result<Self, String> {
        let function = parse::function(wit)
            .map_err(|message| format!("the record of \"{}\": its `wit` is not valid: {message}", declaration.name))?;
        Ok(Self {
            signature: Some(declaration.signature.clone()),
            docs: declaration.docs.clone(),
            suspend: declaration.suspend,
            wit: Some(wit.to_owned()),
            ..Self::new(declaration.kind, declaration.name.clone(), declaration.module.clone(), function)
        })
    }

    /// The record of a function that no section describes.
    pub fn new(kind: DeclarationKind, name: String, module: Option<String>, function: FunctionType) -> Self {
        let module = module.or_else(|| (kind == DeclarationKind::Import).then(|| "env".to_owned()));
        let lifted = match kind {
            DeclarationKind::Slot => Some(format!("{DECLARED_MODULE}:lifted:{name}")),
            DeclarationKind::Export => Some(name.clone()),
            DeclarationKind::Import => None,
        };
        let structure = function.to_string();
        let (signature, docs, wit) = (None, None, None);
        Self { kind, name, module, signature, docs, suspend: false, lifted, function, structure, wit }
    }

    /// Checks the record against the module: its imports and exports must exist in the shapes of the type.
    ///
    /// # Errors
    /// A message that names the record.
    pub fn check(&self, binary: &Binary) -> Result<(), String> {
        let (lowered, lifted) = (self.function.lowered(), self.function.lifted());
        let module = if self.kind == DeclarationKind::Slot { Some(DECLARED_MODULE) } else { self.module.as_deref() };
        let imports = binary.imports.iter().filter(|import| Some(import.module.as_str()) == module);
        let mut used = false;
        for import in imports.filter(|import| import.name == self.name && self.kind != DeclarationKind::Export) {
            used = true;
            let ExternType::Function(actual) = &import.ty else { continue };
            self.compare(&format!("the import \"{}\".\"{}\"", import.module, import.name), &lowered, actual)?;
        }
        if let Some(original) = self.original().and_then(|name| exported(binary, &name)) {
            used = true;
            self.compare(&format!("the export \"{}\"", original_export(&self.name)), &lowered, original)?;
        }
        if let Some(name) = &self.lifted {
            match exported(binary, name) {
                Some(actual) => self.compare(&format!("the export \"{name}\""), &lifted, actual)?,
                // The linker drops what nothing uses.
                None if !used && self.kind == DeclarationKind::Slot => return Ok(()),
                None => return Err(self.lacks(&format!("the function \"{name}\""))),
            }
        } else if !used {
            return Ok(());
        }
        if self.function.uses_memory() && !has_memory(binary) {
            return Err(self.lacks("its memory, which is not shared, as \"memory\""));
        }
        let (parameters, result) = (self.function.allocates_parameters(), self.function.allocates_result());
        let allocates = match self.kind {
            DeclarationKind::Slot => parameters || result,
            DeclarationKind::Export => parameters,
            DeclarationKind::Import => result,
        };
        if !allocates {
            return Ok(());
        }
        let expected = FuncType { parameters: [ValType::I32; 4].into(), results: [ValType::I32].into() };
        match exported(binary, REALLOC) {
            Some(actual) => self.compare(&format!("the export \"{REALLOC}\""), &expected, actual),
            None => Err(self.lacks(&format!("the function \"{REALLOC}\", by which its memory is allocated"))),
        }
    }

    fn original(&self) -> Option<String> {
        (self.kind == DeclarationKind::Slot).then(|| original_export(&self.name))
    }

    fn compare(&self, what: &str, expected: &FuncType, actual: &FuncType) -> Result<(), String> {
        if actual == expected {
            return Ok(());
        }
        Err(format!("the record of \"{}\": {what} must have the type {expected}, got {actual}", self.name))
    }

    fn lacks(&self, what: &str) -> String {
        format!("the record of \"{}\": the module does not export {what}", self.name)
    }
}

fn has_memory(binary: &Binary) -> bool {
    let export = binary.exports.iter().find(|export| export.name == MEMORY && export.kind == ExternKind::Memory);
    let memory = export.and_then(|export| binary.memories.get(export.index as usize));
    matches!(memory, Some(ExternType::Memory { shared: false, .. }))
}

fn exported<'a>(binary: &'a Binary, name: &str) -> Option<&'a FuncType> {
    let export = binary.exports.iter().find(|export| export.name == name && export.kind == ExternKind::Function)?;
    Some(binary.function_type(export.index))
}

/// Checks the typed functions of a module.
///
/// # Errors
/// A message that names the record.
pub fn check_records(binary: &Binary) -> Result<(), String> {
    records_of(&binary.declarations)?.iter().try_for_each(|record| record.check(binary))
}

/// The typed functions that the records of a module describe.
///
/// # Errors
/// A message that names the record.
pub fn records_of(declarations: &[Declaration]) -> Result<Vec<TypedRecord>, String> {
    let typed = declarations.iter().filter_map(|each| Some((each, each.wit.as_ref()?)));
    typed.map(|(declaration, wit)| TypedRecord::of(declaration, wit)).collect()
}

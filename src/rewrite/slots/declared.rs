//! The declared slots of a module.

use crate::abi::check_records;
use crate::error::{Error, ErrorKind, Result};
use crate::wasm::{
    Binary, DECLARED_MODULE, Declaration, DeclarationKind, Export, ExternKind, ExternType, original_export,
};
use std::collections::{BTreeMap, HashMap};

/// A slot that a module declares.
#[derive(Debug)]
pub(in crate::rewrite) struct DeclaredSlot<'a> {
    /// Its name
    pub name: &'a str,
    /// Function index of its original
    pub original: u32,
    /// The imports through which it is called; the linker drops the import of a function without callers
    pub imports: Vec<u32>,
    /// Its record in the `relink` section
    pub record: Option<&'a Declaration>,
}

impl DeclaredSlot<'_> {
    /// The function that identifies the slot: its import, or the original if there is none.
    pub fn function(&self) -> u32 {
        self.imports.first().copied().unwrap_or(self.original)
    }
}

/// The slots that a module declares: first those with an import, in the order of the imports, then the others.
///
/// # Errors
/// `Declaration` if the import and the original of a slot have different types.
pub(in crate::rewrite) fn declared(binary: &Binary) -> Result<Vec<DeclaredSlot<'_>>> {
    if let Some(message) = &binary.bad_declarations {
        return Err(bad(message.clone()));
    }
    check_records(binary).map_err(bad)?;
    let originals = binary.exports.iter().filter(|export| export.name.starts_with(DECLARED_MODULE));
    let originals: HashMap<&str, &Export> = originals.map(|export| (export.name.as_str(), export)).collect();
    let original = |name: &str| match originals.get(original_export(name).as_str()) {
        None => Ok(None),
        Some(export) if export.kind == ExternKind::Function => Ok(Some(export.index)),
        Some(export) => Err(bad(format!("the export \"{}\" is a {}, not a function", export.name, export.kind.name()))),
    };
    let declarations: Vec<&Declaration> =
        binary.declarations.iter().filter(|record| record.kind == DeclarationKind::Slot).collect();
    // Of two records with one name, the first one is used.
    let records: HashMap<&str, &Declaration> =
        declarations.iter().rev().map(|record| (record.name.as_str(), *record)).collect();
    let mut slots: Vec<DeclaredSlot<'_>> = Vec::new();
    let mut by_name = HashMap::new();
    let mut function = 0;
    for import in &binary.imports {
        let ExternType::Function(ty) = &import.ty else { continue };
        let index = function;
        function += 1;
        if import.module != DECLARED_MODULE {
            continue;
        }
        let Some(original) = original(&import.name)? else { continue };
        let actual = binary.function_type(original);
        if actual != ty {
            return Err(bad(format!("\"{}\" is imported as {ty}, but its original is {actual}", import.name)));
        }
        let name = import.name.as_str();
        let position = *by_name.entry(name).or_insert_with(|| {
            slots.push(DeclaredSlot { name, original, imports: Vec::new(), record: records.get(name).copied() });
            slots.len() - 1
        });
        slots[position].imports.push(index);
    }
    for record in declarations {
        let Some(original) = original(&record.name)? else { continue };
        by_name.entry(record.name.as_str()).or_insert_with(|| {
            let record = records.get(record.name.as_str()).copied();
            slots.push(DeclaredSlot {
                name: record.map_or("", |each| &each.name),
                original,
                imports: Vec::new(),
                record,
            });
            slots.len() - 1
        });
    }
    let imports: BTreeMap<u32, &str> =
        slots.iter().flat_map(|slot| slot.imports.iter().map(|import| (*import, slot.name))).collect();
    match slots.iter().find(|slot| imports.contains_key(&slot.original)) {
        Some(slot) => Err(bad(format!("the original of \"{}\" is an import of a declared slot", slot.name))),
        None => Ok(slots),
    }
}

fn bad(message: String) -> Error {
    ErrorKind::Declaration { message }.into()
}

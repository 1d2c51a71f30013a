use super::DeclaredSlot;
use crate::error::{Error, ErrorKind, Result};
use crate::wasm::{Binary, DECLARED_MODULE, ExternKind, ExternType, Limits, RefType, TableType, original_export};

/// What the pass is going to do with one module.
#[derive(Debug)]
pub(super) struct Plan {
    /// Slots by their entry in the dispatch table; `original` and `thunk` are new indices
    pub slots: Vec<DeclaredSlot>,
    /// Type index of each slot's function
    pub slot_types: Vec<u32>,
    /// For each function that the module imports: the entry of the slot that it becomes
    declared: Vec<Option<usize>>,
    /// Position of the declared imports in the import list
    removed_imports: Vec<usize>,
    /// New index of the first thunk: behind every function of the module
    first_thunk: u32,
    /// Index of the dispatch table: behind every table of the module
    pub dispatch_table: u32,
    /// Whether some local funcref table is of fixed size
    fixed_tables: bool,
}

impl Plan {
    /// # Errors
    /// `Declaration` when the two sides of a declared slot do not fit.
    pub fn new(binary: &Binary) -> Result<Self> {
        let mut plan = Self {
            slots: Vec::new(),
            slot_types: Vec::new(),
            declared: Vec::new(),
            removed_imports: Vec::new(),
            first_thunk: 0,
            dispatch_table: binary.tables.len() as u32,
            fixed_tables: binary.tables[binary.imported_tables as usize..].iter().any(is_fixed),
        };
        let mut originals = Vec::new();
        for (position, import) in binary.imports.iter().enumerate() {
            let ExternType::Function(ty) = &import.ty else { continue };
            let function = plan.declared.len();
            let export =
                (import.module == DECLARED_MODULE).then(|| binary.export(&original_export(&import.name))).flatten();
            let Some(export) = export else {
                plan.declared.push(None);
                continue;
            };
            let bad = |message: String| Error::from(ErrorKind::Declaration { message });
            if export.kind != ExternKind::Function {
                return Err(bad(format!("the export \"{}\" is a {}, not a function", export.name, export.kind.name())));
            }
            let original = binary.function_type(export.index);
            if original != ty {
                return Err(bad(format!("\"{}\" is imported as {ty}, but its original is {original}", import.name)));
            }
            plan.removed_imports.push(position);
            let known = plan.slots.iter().position(|slot| slot.name == import.name);
            let entry = known.unwrap_or_else(|| {
                plan.slots.push(DeclaredSlot {
                    name: import.name.clone(),
                    ty: ty.clone(),
                    original: 0,
                    thunk: 0,
                    declaration: binary.declarations.iter().find(|record| record.name == import.name).cloned(),
                });
                plan.slot_types.push(binary.functions[function]);
                originals.push(export.index);
                plan.slots.len() - 1
            });
            plan.declared.push(Some(entry));
        }
        plan.first_thunk = (binary.functions.len() - plan.removed_imports.len()) as u32;
        for (entry, original) in originals.into_iter().enumerate() {
            if plan.entry(original).is_some() {
                let name = &plan.slots[entry].name;
                let message = format!("the original of \"{name}\" is an import of a declared slot");
                return Err(ErrorKind::Declaration { message }.into());
            }
            let (original, thunk) = (plan.function(original), plan.first_thunk + entry as u32);
            let slot = &mut plan.slots[entry];
            (slot.original, slot.thunk) = (original, thunk);
        }
        Ok(plan)
    }

    /// Whether the module may stay as it is.
    pub fn is_identity(&self) -> bool {
        self.slots.is_empty() && !self.fixed_tables
    }

    /// The slot that function `index` of the original module is the import of.
    pub fn entry(&self, index: u32) -> Option<usize> {
        self.declared.get(index as usize).copied().flatten()
    }

    /// The new index of function `index`; that of a declared import is its slot's thunk.
    pub fn function(&self, index: u32) -> u32 {
        if let Some(entry) = self.entry(index) {
            return self.first_thunk + entry as u32;
        }
        let before = &self.declared[..self.declared.len().min(index as usize)];
        index - before.iter().flatten().count() as u32
    }

    /// Whether the import at `position` of the import list stays.
    pub fn keeps_import(&self, position: usize) -> bool {
        self.removed_imports.binary_search(&position).is_err()
    }

    /// The maximum that the bytes give a local table: one above the size of a fixed one, since
    /// wasmer copies the entries of a table that cannot grow and never looks at the table again.
    pub fn table_maximum(ty: &TableType) -> Option<u64> {
        if is_fixed(ty) { ty.limits.maximum.map(|maximum| maximum + 1) } else { ty.limits.maximum }
    }

    /// The dispatch table as its author would write it.
    pub fn dispatch_table_type(&self) -> TableType {
        let size = self.slots.len() as u64;
        TableType { element: RefType::Func, limits: Limits { minimum: size, maximum: Some(size) } }
    }

    /// The description of the module after the pass.
    pub fn apply(self, mut binary: Binary) -> (Binary, Vec<DeclaredSlot>) {
        let mut position = 0;
        binary.imports.retain(|_| {
            position += 1;
            self.keeps_import(position - 1)
        });
        for export in &mut binary.exports {
            if export.kind == ExternKind::Function {
                export.index = self.function(export.index);
            }
        }
        let mut index = 0;
        binary.functions.retain(|_| {
            index += 1;
            self.entry(index - 1).is_none()
        });
        binary.functions.extend(&self.slot_types);
        binary.imported_functions -= self.removed_imports.len() as u32;
        if !self.slots.is_empty() {
            binary.tables.push(self.dispatch_table_type());
        }
        (binary, self.slots)
    }
}

/// Whether wasmer would freeze this table.
fn is_fixed(ty: &TableType) -> bool {
    ty.element == RefType::Func && ty.limits.maximum == Some(ty.limits.minimum)
}

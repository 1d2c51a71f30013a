use super::{DeclaredSlot, Forwarder, Options, Origins};
use crate::error::{Error, ErrorKind, Result};
use crate::wasm::{
    Binary, DECLARED_MODULE, Declaration, Export, ExternKind, ExternType, Limits, RefType, TableType, ValType,
    original_export,
};
use std::collections::HashMap;

/// What the pass is going to do with one module.
#[derive(Debug)]
pub(super) struct Plan {
    /// Slots by their entry in the dispatch table; `original` and `thunk` are new indices
    pub slots: Vec<DeclaredSlot>,
    /// Type index of each slot's function
    pub slot_types: Vec<u32>,
    /// For each function that the module imports: the entry of the slot that it becomes
    declared: Vec<Option<usize>>,
    /// For each function that the module imports: how many declared ones come before it
    moved: Vec<u32>,
    /// Position of the declared imports in the import list
    removed_imports: Vec<usize>,
    /// The function that each slot's thunk stands for: the declared import, or else the original
    origins: Vec<u32>,
    /// The imported functions that get a forwarder, in the order of their indices
    pub forwarded: Vec<Forwarded>,
    /// New index of the first thunk: behind every function of the module, and before the forwarders
    first_thunk: u32,
    /// Index of the dispatch table: behind every table of the module
    pub dispatch_table: u32,
    /// Whether some local funcref table is of fixed size
    fixed_tables: bool,
    /// Whether the name section cannot be read: it is left out, since wasmer would refuse it
    pub bad_names: bool,
}

/// An imported function that gets a forwarder.
#[derive(Debug)]
pub(super) struct Forwarded {
    /// Its index in the original module
    pub import: u32,
    /// Its type index
    pub ty: u32,
    /// How many parameters it has
    pub parameters: usize,
}

impl Plan {
    /// # Errors
    /// `Declaration` when the two sides of a declared slot do not fit.
    pub fn new(binary: &Binary, options: Options) -> Result<Self> {
        let mut plan = Self {
            slots: Vec::new(),
            slot_types: Vec::new(),
            declared: Vec::new(),
            moved: Vec::new(),
            removed_imports: Vec::new(),
            origins: Vec::new(),
            forwarded: Vec::new(),
            first_thunk: 0,
            dispatch_table: binary.tables.len() as u32,
            fixed_tables: binary.tables[binary.imported_tables as usize..].iter().any(is_fixed),
            bad_names: binary.bad_names,
        };
        let declared = Declared::new(binary);
        let mut originals = Vec::new();
        let mut by_name = HashMap::new();
        for (position, import) in binary.imports.iter().enumerate() {
            let ExternType::Function(ty) = &import.ty else { continue };
            let index = plan.declared.len() as u32;
            plan.moved.push(plan.removed_imports.len() as u32);
            let original = if import.module == DECLARED_MODULE { declared.original(&import.name)? } else { None };
            let Some(original) = original else {
                plan.declared.push(None);
                continue;
            };
            if binary.function_type(original) != ty {
                let actual = binary.function_type(original);
                return Err(bad(format!("\"{}\" is imported as {ty}, but its original is {actual}", import.name)));
            }
            plan.removed_imports.push(position);
            let entry = *by_name.entry(import.name.as_str()).or_insert_with(|| {
                originals.push(original);
                plan.origins.push(index);
                plan.add(binary, &declared, &import.name, original)
            });
            plan.declared.push(Some(entry));
        }
        // The linker drops the import of a function that its own module never calls.
        for record in &binary.declarations {
            let Some(original) = declared.original(&record.name)? else { continue };
            by_name.entry(record.name.as_str()).or_insert_with(|| {
                originals.push(original);
                plan.origins.push(original);
                plan.add(binary, &declared, &record.name, original)
            });
        }
        if options.forward_float_imports {
            plan.forward(binary);
        }
        plan.first_thunk = (binary.functions.len() - plan.removed_imports.len()) as u32;
        for (entry, original) in originals.into_iter().enumerate() {
            if plan.entry(original).is_some() {
                let name = &plan.slots[entry].name;
                return Err(bad(format!("the original of \"{name}\" is an import of a declared slot")));
            }
            let (original, thunk) = (plan.function(original), plan.first_thunk + entry as u32);
            let slot = &mut plan.slots[entry];
            (slot.original, slot.thunk) = (original, thunk);
        }
        Ok(plan)
    }

    /// Adds a slot, whose indices are known once all of them are. Gives its entry.
    fn add(&mut self, binary: &Binary, declared: &Declared<'_>, name: &str, original: u32) -> usize {
        self.slots.push(DeclaredSlot {
            name: name.to_owned(),
            ty: binary.function_type(original).clone(),
            original: 0,
            thunk: 0,
            declaration: declared.records.get(name).map(|record| (*record).clone()),
        });
        self.slot_types.push(binary.functions[original as usize]);
        self.slots.len() - 1
    }

    /// Gives a forwarder to each import that is taken as a value and has a float among its parameters.
    fn forward(&mut self, binary: &Binary) {
        for &index in &binary.taken_imports {
            let float = |ty: &ValType| matches!(ty, ValType::F32 | ValType::F64);
            if self.entry(index).is_none() && binary.function_type(index).parameters.iter().any(float) {
                let parameters = binary.function_type(index).parameters.len();
                self.forwarded.push(Forwarded { import: index, ty: binary.functions[index as usize], parameters });
            }
        }
    }

    /// Whether the module may stay as it is.
    pub fn is_identity(&self) -> bool {
        self.slots.is_empty() && self.forwarded.is_empty() && !self.fixed_tables && !self.bad_names
    }

    /// The slot that function `index` of the original module is the import of.
    pub fn entry(&self, index: u32) -> Option<usize> {
        self.declared.get(index as usize).copied().flatten()
    }

    /// What stands for function `index` where it is taken as a value: for a declared import its
    /// slot's thunk, for a forwarded one its forwarder.
    pub fn function(&self, index: u32) -> u32 {
        if let Some(entry) = self.entry(index) {
            return self.first_thunk + entry as u32;
        }
        match self.forwarded.binary_search_by_key(&index, |forwarded| forwarded.import) {
            Ok(position) => self.first_thunk + (self.slots.len() + position) as u32,
            Err(_) => self.called(index),
        }
    }

    /// The new index of function `index`, which is no declared import.
    pub fn called(&self, index: u32) -> u32 {
        let removed = self.moved.get(index as usize).copied();
        index - removed.unwrap_or(self.removed_imports.len() as u32)
    }

    /// Whether the import at `position` of the import list stays.
    pub fn keeps_import(&self, position: usize) -> bool {
        self.removed_imports.binary_search(&position).is_err()
    }

    /// Type indices of the functions that are added: the thunks, then the forwarders.
    pub fn added_types(&self) -> impl Iterator<Item = u32> {
        self.slot_types.iter().copied().chain(self.forwarded.iter().map(|forwarded| forwarded.ty))
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
    pub fn apply(self, mut binary: Binary) -> (Binary, Vec<DeclaredSlot>, Vec<Forwarder>, Origins) {
        let forwarded = || self.forwarded.iter().map(|forwarded| forwarded.import);
        let forwarders =
            forwarded().map(|index| Forwarder { import: self.called(index), function: self.function(index) }).collect();
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
        binary.functions.extend(self.added_types());
        binary.imported_functions -= self.removed_imports.len() as u32;
        if !self.slots.is_empty() {
            binary.tables.push(self.dispatch_table_type());
        }
        let added = self.origins.iter().copied().chain(forwarded()).collect();
        let imports = self.declared.iter().enumerate();
        let removed = imports.filter_map(|(index, entry)| entry.map(|_| index as u32)).collect();
        let origins = Origins { removed, first_added: Some(self.first_thunk), added };
        (binary, self.slots, forwarders, origins)
    }
}

/// What a module declares, by name.
struct Declared<'a> {
    exports: HashMap<&'a str, &'a Export>,
    records: HashMap<&'a str, &'a Declaration>,
}

impl<'a> Declared<'a> {
    fn new(binary: &'a Binary) -> Self {
        let originals = binary.exports.iter().filter(|export| export.name.starts_with(DECLARED_MODULE));
        Self {
            exports: originals.map(|export| (export.name.as_str(), export)).collect(),
            // Of two records of one name, the first counts.
            records: binary.declarations.iter().rev().map(|record| (record.name.as_str(), record)).collect(),
        }
    }

    /// The function that is the original of the declared slot `name`; none without its export.
    fn original(&self, name: &str) -> Result<Option<u32>> {
        match self.exports.get(original_export(name).as_str()) {
            None => Ok(None),
            Some(export) if export.kind == ExternKind::Function => Ok(Some(export.index)),
            Some(export) => {
                Err(bad(format!("the export \"{}\" is a {}, not a function", export.name, export.kind.name())))
            }
        }
    }
}

fn bad(message: String) -> Error {
    ErrorKind::Declaration { message }.into()
}

/// Whether wasmer would freeze this table.
fn is_fixed(ty: &TableType) -> bool {
    ty.element == RefType::Func && ty.limits.maximum == Some(ty.limits.minimum)
}

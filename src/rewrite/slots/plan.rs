//! The plan: every change that the pass makes to a module.

use crate::error::Result;
use crate::rewrite::slots::declared::{DeclaredSlot, declared};
use crate::rewrite::slots::fixed_tables::needs_room;
use crate::rewrite::{Forwarder, ModuleEntry, ModuleSlot, Named, Options, Origins, Roles, Selection, SlotKind};
use crate::wasm::{Binary, ExternKind, ExternType, Limits, RefType, TableType, Uses, ValType};
use std::collections::{BTreeMap, BTreeSet};

/// All changes that the pass makes to one module.
#[derive(Debug)]
pub(in crate::rewrite) struct Plan<'a> {
    pub binary: &'a Binary,
    uses: Uses,
    /// The slots, the declared ones first
    pub slots: Vec<ModuleSlot>,
    /// For each function of the original module, its slot
    by_function: Vec<Option<u32>>,
    /// Roles of functions besides having a slot
    pub roles: Roles,
    /// Names of the declared slots, in their order
    pub declared_names: Vec<Named>,
    /// The imported functions that leave the import list
    removed: Vec<u32>,
    /// Slots by their entry in the dispatch table
    pub dispatch: Vec<usize>,
    /// Index of the dispatch table: after all tables of the module
    pub dispatch_table: u32,
    /// The added functions, in order
    pub added: Vec<Added>,
    /// Index of the first added function: after all functions of the module
    first_added: u32,
    /// Index of each import's forwarder, by the import
    forwarders: BTreeMap<u32, u32>,
    /// For each element segment: whether its entries hold the functions themselves
    pub direct_segments: Vec<bool>,
    /// The thunks that code refers to: a segment must declare them
    pub referenced: Vec<u32>,
    /// The local funcref tables of fixed size whose maximum is raised
    roomy: BTreeSet<u32>,
}

/// How the functions of a slot are used, which decides what the slot needs.
#[derive(Debug, Default, Clone, Copy)]
struct Demand {
    called: bool,
    taken: bool,
    referenced: bool,
}

/// A function that the pass adds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::rewrite) enum Added {
    /// Calls through a slot
    Thunk(usize),
    /// Calls an import
    Forwarder(u32),
}

impl<'a> Plan<'a> {
    /// # Errors
    /// `Declaration` if the import and the original of a declared slot have different types.
    pub fn new(bytes: &[u8], binary: &'a Binary, options: &Options) -> Result<Self> {
        let mut plan = Self {
            binary,
            uses: Uses::read(bytes, binary)?,
            slots: Vec::new(),
            by_function: vec![None; binary.functions.len()],
            roles: Roles::default(),
            declared_names: Vec::new(),
            removed: Vec::new(),
            dispatch: Vec::new(),
            dispatch_table: binary.tables.len() as u32,
            added: Vec::new(),
            first_added: 0,
            forwarders: BTreeMap::new(),
            direct_segments: Vec::new(),
            referenced: Vec::new(),
            roomy: BTreeSet::new(),
        };
        let declared = if options.selection == Selection::None { Vec::new() } else { declared(binary)? };
        plan.roles.entries = plan.uses.entries();
        plan.roomy = (binary.imported_tables..plan.dispatch_table)
            .filter(|table| needs_room(binary, &plan.uses, *table))
            .collect();
        plan.select(&declared, &options.selection);
        plan.removed = declared.iter().flat_map(|slot| slot.imports.iter().copied()).collect();
        plan.removed.sort_unstable();
        plan.first_added = (binary.functions.len() - plan.removed.len()) as u32;
        plan.collect_entries();
        plan.add(&declared, options.forward_float_imports);
        Ok(plan)
    }

    /// Selects the functions that become slots.
    fn select(&mut self, declared: &[DeclaredSlot<'_>], selection: &Selection) {
        for slot in declared {
            self.roles.originals.insert(slot.original, slot.name.to_owned());
            for import in &slot.imports {
                self.by_function[*import as usize] = Some(self.slots.len() as u32);
            }
            self.roles.declared.insert(slot.name.to_owned(), slot.imports.first().copied());
            self.slot(SlotKind::Declared, slot.function());
        }
        if *selection == Selection::None {
            return;
        }
        for function in 0..self.binary.functions.len() as u32 {
            let imported = function < self.binary.imported_functions;
            if selection.removes_calls_of(function, &self.uses) {
                self.roles.stripped.insert(function);
            } else if self.by_function[function as usize].is_none()
                && (imported || !self.roles.originals.contains_key(&function))
                && selection.selects(function, imported, &self.uses)
            {
                self.by_function[function as usize] = Some(self.slots.len() as u32);
                self.slot(if imported { SlotKind::Import } else { SlotKind::Function }, function);
            }
        }
    }

    /// Adds a slot. `collect_entries` and `add` fill in the rest once all slots are known.
    fn slot(&mut self, kind: SlotKind, function: u32) {
        self.slots.push(ModuleSlot {
            kind,
            function,
            ty: self.binary.functions[function as usize],
            original: 0,
            thunk: None,
            primary_entry: ModuleEntry { table: self.dispatch_table, index: 0 },
            direct_entries: Vec::new(),
            thunk_entries: Vec::new(),
            declaration: None,
        });
    }

    /// Finds the direct and the thunk entries of each slot. An entry can be direct only if its segment is known to fill it,
    /// and if no code can copy the function from there.
    fn collect_entries(&mut self) {
        let segments = || self.uses.segments.iter().enumerate();
        // A segment with an unknown offset may overwrite entries of the segments before it.
        let unknown = segments().filter_map(|(index, segment)| match segment.target {
            Some((table, None)) => Some((table, index)),
            _ => None,
        });
        let unknown: BTreeMap<u32, usize> = unknown.collect();
        let direct = segments().map(|(index, segment)| match segment.target {
            Some((table, Some(_))) => self.may_hold(table) && unknown.get(&table).is_none_or(|last| *last < index),
            _ => false,
        });
        self.direct_segments = direct.collect();
        for (table, entries) in self.uses.tables() {
            if table < self.binary.imported_tables {
                continue;
            }
            let holds = self.may_hold(table);
            for (index, function) in entries {
                let Some(slot) = function.and_then(|function| self.by_function[function as usize]) else { continue };
                let slot = &mut self.slots[slot as usize];
                if holds { &mut slot.direct_entries } else { &mut slot.thunk_entries }
                    .push(ModuleEntry { table, index });
            }
        }
    }

    /// Whether the entries of a table may be direct entries.
    fn may_hold(&self, table: u32) -> bool {
        table >= self.binary.imported_tables
            && self.binary.tables[table as usize].element == RefType::Func
            && !self.uses.read_tables.contains(&table)
    }

    /// Gives each slot its primary entry, its thunk and its original.
    fn add(&mut self, declared: &[DeclaredSlot<'_>], forward_float_imports: bool) {
        let exported: BTreeSet<u32> = self.binary.exports_of(ExternKind::Table).collect();
        let mut demands = vec![Demand::default(); self.slots.len()];
        for (function, slot) in self.by_function.iter().enumerate() {
            let Some(slot) = slot else { continue };
            let (each, demand) = (self.uses.functions[function], &mut demands[*slot as usize]);
            demand.called |= each.called;
            demand.taken |= each.exported || each.held || each.referenced;
            demand.referenced |= each.referenced;
        }
        for (segment, _) in self.uses.segments.iter().zip(&self.direct_segments).filter(|(_, direct)| !**direct) {
            for function in segment.functions.iter().flatten() {
                if let Some(slot) = self.by_function[*function as usize] {
                    demands[slot as usize].taken = true;
                }
            }
        }
        for (index, (slot, demand)) in self.slots.iter_mut().zip(demands).enumerate() {
            // JavaScript may read functions from an exported table, and these must follow later links.
            let thunk = demand.taken || slot.direct_entries.iter().any(|entry| exported.contains(&entry.table));
            // An entry that code may write cannot be the primary entry.
            let is_fixed =
                slot.direct_entries.first().is_some_and(|entry| !self.uses.written_tables.contains(&entry.table));
            if thunk || demand.called || !is_fixed {
                slot.primary_entry.index = self.dispatch.len() as u32;
                self.dispatch.push(index);
            } else {
                slot.primary_entry = slot.direct_entries.remove(0);
            }
            if thunk {
                let function = self.first_added + self.added.len() as u32;
                slot.thunk = Some(function);
                self.added.push(Added::Thunk(index));
                self.referenced.extend(demand.referenced.then_some(function));
            }
        }
        let slots = self.slots.iter();
        let mut forwarded: BTreeSet<u32> =
            slots.filter(|slot| slot.kind == SlotKind::Import).map(|slot| slot.function).collect();
        if forward_float_imports {
            forwarded.extend((0..self.binary.imported_functions).filter(|import| self.needs_forwarder(*import)));
        }
        for import in forwarded {
            self.forwarders.insert(import, self.first_added + self.added.len() as u32);
            self.added.push(Added::Forwarder(import));
        }
        for index in 0..self.slots.len() {
            let own = declared.get(index);
            self.slots[index].original = self.original(own.map_or(self.slots[index].function, |slot| slot.original));
            let Some(own) = own else { continue };
            let aliases = own.imports.iter().map(|import| format!("func[{import}]")).collect();
            self.declared_names.push(Named { name: own.name.to_owned(), aliases, ..Named::default() });
            self.slots[index].declaration = own.record.cloned();
        }
    }

    /// Whether an import is used as a value and has a float parameter.
    fn needs_forwarder(&self, import: u32) -> bool {
        let float = |ty: &ValType| matches!(ty, ValType::F32 | ValType::F64);
        self.uses.functions[import as usize].taken()
            && self.slot_of(import).is_none()
            && self.binary.function_type(import).parameters.iter().any(float)
    }

    /// Whether the pass changes nothing.
    pub fn is_identity(&self) -> bool {
        let nothing = self.slots.is_empty() && self.roles.stripped.is_empty() && self.added.is_empty();
        nothing && self.roomy.is_empty() && !self.binary.bad_names
    }

    /// The slot of function `function` of the original module.
    fn slot_of(&self, function: u32) -> Option<&ModuleSlot> {
        self.by_function[function as usize].map(|slot| &self.slots[slot as usize])
    }

    /// The type and the dispatch entry for calls of `function`; none if calls stay direct.
    pub fn dispatched(&self, function: u32) -> Option<(u32, u32)> {
        let slot = self.slot_of(function).filter(|slot| slot.primary_entry.table == self.dispatch_table)?;
        Some((slot.ty, slot.primary_entry.index))
    }

    /// Whether calls of `function` are removed.
    pub fn removes_calls_of(&self, function: u32) -> bool {
        self.roles.stripped.contains(&function)
    }

    /// The function that replaces `function` if it is used as a value.
    pub fn taken(&self, function: u32) -> u32 {
        match self.slot_of(function).and_then(|slot| slot.thunk) {
            Some(thunk) => thunk,
            None => self.original(function),
        }
    }

    /// The original of the slot of `function`: the function itself, the forwarder of an import, or for a declared import the
    /// exported original.
    pub fn original(&self, function: u32) -> u32 {
        match self.slot_of(function) {
            Some(slot) if slot.kind == SlotKind::Declared => slot.original,
            _ => self.forwarders.get(&function).copied().unwrap_or_else(|| self.moved(function)),
        }
    }

    /// The new index of `function`, which must not be a declared import.
    pub fn moved(&self, function: u32) -> u32 {
        function - self.removed.partition_point(|removed| *removed <= function) as u32
    }

    /// The new index of an element segment: the one for the dispatch table comes first.
    pub fn moved_segment(&self, segment: u32) -> u32 {
        segment + u32::from(!self.dispatch.is_empty())
    }

    /// Whether `function` is a removed import.
    pub fn removes(&self, function: u32) -> bool {
        self.removed.binary_search(&function).is_ok()
    }

    /// Whether a function with this index exists and stays. Indices in name sections are not validated.
    pub fn keeps(&self, function: u32) -> bool {
        (function as usize) < self.binary.functions.len() && !self.removes(function)
    }

    /// The type index of an added function.
    pub fn added_type(&self, added: Added) -> u32 {
        match added {
            Added::Thunk(slot) => self.slots[slot].ty,
            Added::Forwarder(import) => self.binary.functions[import as usize],
        }
    }

    /// The added functions, with their new indices.
    pub fn added(&self) -> impl Iterator<Item = (u32, Added)> {
        (self.first_added..).zip(self.added.iter().copied())
    }

    /// The maximum of a local table in the new bytes. For a fixed table that needs room: its size plus one, or none if that
    /// is above the limit.
    pub fn table_maximum(&self, table: u32) -> Option<u64> {
        let maximum = self.binary.tables[table as usize].limits.maximum;
        if self.roomy.contains(&table) {
            maximum.filter(|maximum| *maximum < u32::MAX.into()).map(|maximum| maximum + 1)
        } else {
            maximum
        }
    }

    /// The type of the dispatch table.
    pub fn dispatch_table_type(&self) -> TableType {
        let size = self.dispatch.len() as u64;
        TableType { element: RefType::Func, limits: Limits { minimum: size, maximum: Some(size) } }
    }

    /// The description of the module after the pass.
    pub fn describe(&self) -> Binary {
        let mut binary = self.binary.clone();
        let mut function = 0;
        binary.imports.retain(|import| {
            let index = function;
            let is_function = matches!(import.ty, ExternType::Function(_));
            function += u32::from(is_function);
            !(is_function && self.removes(index))
        });
        for export in binary.exports.iter_mut().filter(|export| export.kind == ExternKind::Function) {
            export.index = self.taken(export.index);
        }
        let mut function = 0;
        binary.functions.retain(|_| {
            function += 1;
            !self.removes(function - 1)
        });
        binary.functions.extend(self.added.iter().map(|added| self.added_type(*added)));
        binary.imported_functions -= self.removed.len() as u32;
        if !self.dispatch.is_empty() {
            binary.tables.push(self.dispatch_table_type());
        }
        binary
    }

    /// By table, the types by which code calls its entries, as type indices of the original module.
    pub fn call_sites(&self) -> BTreeMap<u32, BTreeSet<u32>> {
        self.uses.call_sites.clone()
    }

    /// The origins of the new module's functions.
    pub fn origins(&self) -> Origins {
        let added = self.added.iter().map(|added| match added {
            Added::Thunk(slot) => self.slots[*slot].function,
            Added::Forwarder(import) => *import,
        });
        Origins::new(&self.removed, self.first_added, added.collect())
    }

    /// The forwarders, with the new indices of their imports.
    pub fn forwarders(&self) -> Vec<Forwarder> {
        let forwarders = self.forwarders.iter();
        forwarders.map(|(import, function)| Forwarder { import: self.moved(*import), function: *function }).collect()
    }

    /// The imported tables from which code reads references, which it may store elsewhere.
    pub fn read_imported_tables(&self) -> Vec<u32> {
        self.uses.read_tables.range(..self.binary.imported_tables).copied().collect()
    }

    /// The imported tables and globals into which code writes references.
    pub fn written_imports(&self) -> (Vec<u32>, Vec<u32>) {
        let tables = self.uses.written_tables.union(&self.uses.grown_tables).copied();
        let tables = tables.filter(|table| *table < self.binary.imported_tables);
        let imported = self.binary.imports.iter().filter(|import| import.ty.kind() == ExternKind::Global).count();
        // Exceptions need no edge: while any is held, the store keeps all of them.
        let holds = |global: &u32| {
            matches!(self.binary.globals[*global as usize].value, ValType::Ref(RefType::Func | RefType::Extern))
        };
        let globals = self.uses.written_globals.range(..imported as u32).copied().filter(holds);
        (tables.collect(), globals.collect())
    }
}

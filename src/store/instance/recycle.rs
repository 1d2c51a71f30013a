//! Recycling: an instance that a trap has left in the middle of its work begins again.
//!
//! It gets new memories, tables and initial globals, but keeps its context, and so the address of each function. So exports,
//! slots and links stay what they are. The dispatch table stays too: only links write it.

use crate::engine::{
    Charge, InObjectList, ObjectIndices, Quota, Resource, SetAside, keep_table_charge, release_table, take_table_charge,
};
use crate::error::{Error, ErrorKind};
use crate::store::instance::entity::{InitialState, Instance};
use crate::store::instance::imported_tables::offset;
use crate::store::trap::Failure;
use crate::store::watch::dropped_segments::{self, DroppedSegments};
use crate::store::{DetachedMemory, MemoryId, RawValue, Store, TableId};
use crate::wasm::ExternKind;
use std::ptr::NonNull;
use std::sync::Arc;
use wasmer::sys::vm::{
    InternalStoreHandle, LinearMemory, VMGlobalDefinition, VMInstance, VMMemory, VMMemoryDefinition, VMTable,
    VMTableDefinition,
};
use wasmer_types::GlobalInit;

/// The exports that begin an instance after its start function: the panic hook of `relinkable::report_panics`, and the
/// initializer of a WASI reactor, which has no `COMMAND`.
const BEGINNINGS: [&str; 2] = ["relink:report_panics", INITIALIZE];
const INITIALIZE: &str = "_initialize";
const COMMAND: &str = "_start";

/// The parts of an instance from before it began again.
pub struct Former {
    memories: Vec<FormerMemory>,
    tables: Vec<FormerTable>,
    globals: Vec<(NonNull<VMGlobalDefinition>, RawValue)>,
    dropped: DroppedSegments,
}

struct FormerMemory {
    handle: InternalStoreHandle<VMMemory>,
    memory: VMMemory,
    location: NonNull<VMMemoryDefinition>,
    definition: VMMemoryDefinition,
    /// Its size: meanwhile, the new one takes its room
    aside: SetAside,
}

struct FormerTable {
    handle: InternalStoreHandle<VMTable>,
    table: VMTable,
    location: NonNull<VMTableDefinition>,
    definition: VMTableDefinition,
    charge: Option<Charge>,
    #[expect(dead_code, reason = "held for its destructor")]
    aside: SetAside,
}

impl Instance {
    /// Makes the instance recyclable. To be called before any of its code runs. `quota` is that of its objects. Its memories
    /// are not shared.
    pub fn make_recyclable(&self, store: &Store, quota: &Arc<Quota>) {
        let own = &self.contents.own.globals;
        let globals = store.with_objects(|objects| {
            // SAFETY: the definition lies in the context of the instance, and none of its code runs.
            own.iter().map(|handle| unsafe { handle.get(objects).vmglobal().as_ref().val }).collect()
        });
        store.has_recyclable.set(true);
        let is_first = self.initial.set(InitialState { globals, quota: quota.clone() }).is_ok();
        debug_assert!(is_first, "an instance is made once");
    }

    /// Whether it may be recycled.
    pub fn is_recyclable(&self) -> bool {
        self.initial.get().is_some()
    }

    /// Memories that it defines.
    pub fn own_memories(&self, store: &Store) -> Vec<MemoryId> {
        self.contents.own.memories.iter().map(|handle| MemoryId::of(store, *handle)).collect()
    }

    /// Tables of the author's module, imported ones first, and whether each gets its initial entries again. A tier-up instance
    /// exists only if nothing but links writes the tables, so they stay as they are.
    pub fn recycled_tables(&self, store: &Store) -> Vec<TableId> {
        if self.tier_up().is_some() {
            return Vec::new();
        }
        (0..self.code().original.tables.len() as u32).map(|index| self.table(store, index)).collect()
    }

    /// Puts new memories, tables and initial globals in the place of the former ones, and writes the active segments of tables.
    /// Call `start_again` next, and then `Former::discard` or `Former::put_back`.
    ///
    /// # Errors
    /// `Limit`, `Memory` or `AddressSpace` if there is no room; then nothing has changed.
    ///
    /// # Panics
    /// If the instance is not recyclable, or has not started.
    pub fn begin_again(&self, store: &Store) -> Result<Former, Error> {
        store.end_suspended(self.id);
        self.note_replaced(store);
        let InitialState { quota, .. } = self.initial.get().expect("the caller has checked that it is recyclable");
        let tables = self.recycled_tables(store);
        let imported = self.contents.imported.tables.len();
        let mut former = self.take_out(store, if tables.is_empty() { 0 } else { self.code().own_tables() }, quota);
        let places = ObjectIndices {
            memories: former.memories.iter().map(|memory| memory.handle).collect(),
            tables: former.tables.iter().map(|table| table.handle).collect(),
            globals: Vec::new(),
        };
        store.quota.take_refusal();
        let mut vm = self.vm.borrow_mut();
        let vm = vm.as_mut().expect("the caller has found it, so it has started");
        // SAFETY: no wasm is on the stack, and `take_out` has taken the objects out.
        let made = store.with_objects(|objects| unsafe { self.code().renew(vm, objects, places, quota) });
        if let Err(message) = made {
            let error = store.limit_or(ErrorKind::Memory { message });
            former.restore(store);
            return Err(error);
        }
        former.globals = self.reset_globals(store, vm);
        former.dropped = dropped_segments::take(vm.vmctx_ptr());
        for table in tables.iter().skip(imported) {
            table.write_copy(store);
        }
        self.write_segments(store, vm, &tables, &vec![true; tables.len()]);
        Ok(former)
    }

    /// Notes that the shadow stacks of calls in its memories are gone.
    fn note_replaced(&self, store: &Store) {
        let own = &self.contents.own.memories;
        let uses =
            |other: &Self| other.id == self.id || other.contents.imported.memories.iter().any(|it| own.contains(it));
        for instance in store.instances.borrow().values().filter(|other| uses(other)) {
            store.shadow_stacks.note_replaced(instance.stack_pointer());
        }
    }

    /// Takes the memories and the first `tables` tables that the instance defines out of the store.
    fn take_out(&self, store: &Store, tables: usize, quota: &Arc<Quota>) -> Former {
        let own = &self.contents.own;
        store.with_objects(|objects| {
            let memories = own.memories.iter().map(|handle| {
                let memory = std::mem::replace(handle.get_mut(objects), VMMemory::placeholder());
                let location = memory.vmmemory();
                // SAFETY: the definition lies in the context of the instance, and only this thread uses it.
                let definition = unsafe { *location.as_ptr() };
                let aside = quota.set_aside(Resource::MemorySize, definition.current_length as u64);
                FormerMemory { handle: *handle, memory, location, definition, aside }
            });
            let memories: Vec<_> = memories.collect();
            let tables = own.tables.iter().take(tables).map(|handle| {
                let table = std::mem::replace(handle.get_mut(objects), VMTable::placeholder());
                let (location, charge) = (table.vmtable(), take_table_charge(&table));
                let aside = quota.set_aside(Resource::TableElements, charge.as_ref().map_or(0, Charge::amount));
                // SAFETY: as above.
                let definition = unsafe { *location.as_ptr() };
                FormerTable { handle: *handle, table, location, definition, aside, charge }
            });
            Former { tables: tables.collect(), memories, globals: Vec::new(), dropped: DroppedSegments::default() }
        })
    }

    /// Sets the globals that the instance defines to their initial values. Returns the values before.
    fn reset_globals(&self, store: &Store, vm: &VMInstance) -> Vec<(NonNull<VMGlobalDefinition>, RawValue)> {
        let Some(InitialState { globals, .. }) = self.initial.get() else { return Vec::new() };
        let module = vm.module();
        let reset = store.with_objects(|objects| {
            let own = self.contents.own.globals.iter().zip(globals).zip(module.global_initializers.values());
            let reset = own.map(|((handle, initial), initializer)| {
                let definition = handle.get(objects).vmglobal();
                // The collector may have freed the externref that an imported global held; it holds the same one again.
                let initial = match initializer {
                    GlobalInit::GetGlobal(index) => match self.contents.imported.globals.get(index.as_u32() as usize) {
                        // SAFETY: the definition lives as long as its global, which this instance imports.
                        Some(imported) => unsafe { imported.get(objects).vmglobal().as_ref().val },
                        None => *initial,
                    },
                    _ => *initial,
                };
                // SAFETY: the definition lies in the context of the instance, none of whose code runs.
                let before = unsafe { std::mem::replace(&mut (*definition.as_ptr()).val, initial) };
                (definition, before)
            });
            reset.collect::<Vec<_>>()
        });
        reset.iter().for_each(|(definition, _)| store.shadow_stacks.note_set(*definition));
        reset
    }

    /// Writes the active data segments and runs the start function, then the exports in `BEGINNINGS`.
    ///
    /// # Errors
    /// The failure of a segment or a function.
    ///
    /// # Safety
    /// The caller keeps the store alive for the whole call. None of its objects is borrowed, and `begin_again` was called.
    pub unsafe fn start_again(&self, store: &Store) -> Result<(), Failure> {
        self.write_data(store)?;
        let start = self.vm.borrow().as_ref().and_then(|vm| vm.module().start_function);
        let beginning = |name: &&str| {
            let mut exports = self.code().binary.exports.iter();
            let is_it = |kind, index| kind == ExternKind::Function && self.has_no_values(index);
            exports.find(|export| export.name == **name && is_it(export.kind, export.index)).map(|export| export.index)
        };
        let is_command = self.code().binary.exports.iter().any(|export| export.name == COMMAND);
        let beginnings = BEGINNINGS.iter().filter(|name| **name != INITIALIZE || !is_command).filter_map(beginning);
        let functions: Vec<_> = start.map(|start| start.as_u32()).into_iter().chain(beginnings).collect();
        for index in functions {
            let function = self.function(store, index);
            let mut values = RawValue::default();
            // SAFETY: by the contract of this function; it has neither parameters nor results.
            unsafe { function.call(store, function.stack_pointer(store), &mut values)? };
        }
        Ok(())
    }

    fn has_no_values(&self, function: u32) -> bool {
        let binary = &self.code().binary;
        let ty = binary.functions.get(function as usize).and_then(|ty| binary.types.get(*ty as usize));
        ty.is_some_and(|ty| ty.parameters.is_empty() && ty.results.is_empty())
    }

    fn write_data(&self, store: &Store) -> Result<(), Failure> {
        let contents = &self.contents;
        let code = self.code().clone();
        for segment in code.data() {
            let index = segment.location.memory_index.as_u32() as usize;
            let mut memories = contents.imported.memories.iter().chain(&contents.own.memories);
            let memory = memories.nth(index).map(|handle| MemoryId::of(store, *handle));
            let first = {
                let mut vm = self.vm.borrow_mut();
                vm.as_mut().and_then(|vm| offset(store, vm, &segment.location.offset_expr))
            };
            let (Some((base, length)), Some(first)) = (memory.map(|memory| memory.data(store)), first) else {
                return Err(out_of_bounds());
            };
            if (first as usize).checked_add(segment.data.len()).is_none_or(|end| end > length) {
                return Err(out_of_bounds());
            }
            // SAFETY: the range lies in the memory, which is no part of the code, and no wasm runs.
            unsafe { base.add(first as usize).copy_from_nonoverlapping(segment.data.as_ptr(), segment.data.len()) };
        }
        Ok(())
    }
}

#[cold]
fn out_of_bounds() -> Failure {
    let message = "memory access out of bounds".to_owned();
    Error::from(ErrorKind::trap("memory-out-of-bounds", message, None)).into()
}

impl Former {
    /// Gives the former objects up. Returns the memories, of which the host may have buffers: until those are gone, they count in
    /// the store, but not in the instance.
    pub fn discard(self, store: &Store) -> Vec<(MemoryId, DetachedMemory)> {
        let memories =
            self.memories.into_iter().map(|FormerMemory { handle, memory, definition, mut aside, .. }| {
                aside.count_in_store();
                let bytes = definition.current_length as u64;
                (MemoryId::of(store, handle), DetachedMemory::replaced(memory, bytes, Some(aside)))
            });
        memories.collect()
    }

    /// Puts the former objects back in the place of the new ones. Returns the new memories, of which the host may have
    /// buffers.
    pub fn put_back(mut self, store: &Store, instance: &Instance) -> Vec<(MemoryId, DetachedMemory)> {
        if let Some(vm) = instance.vm.borrow().as_ref() {
            drop(dropped_segments::take(vm.vmctx_ptr()));
            dropped_segments::put_back(vm.vmctx_ptr(), std::mem::take(&mut self.dropped));
        }
        for (definition, value) in std::mem::take(&mut self.globals) {
            // SAFETY: the definition lies in the context of the instance, none of whose code runs.
            unsafe { (*definition.as_ptr()).val = value };
            store.shadow_stacks.note_set(definition);
        }
        let given_up = self.restore(store);
        instance.note_replaced(store);
        instance.recycled_tables(store).into_iter().for_each(|table| table.write_copy(store));
        given_up
    }

    fn restore(self, store: &Store) -> Vec<(MemoryId, DetachedMemory)> {
        let Self { memories, tables, .. } = self;
        let given_up = store.with_objects(|objects| {
            let given_up = memories.into_iter().map(|FormerMemory { handle, memory, location, definition, .. }| {
                // SAFETY: the definition lies in the context of the instance, none of whose code runs.
                let bytes = unsafe { std::mem::replace(&mut *location.as_ptr(), definition) }.current_length as u64;
                (handle, DetachedMemory::replaced(std::mem::replace(handle.get_mut(objects), memory), bytes, None))
            });
            let given_up: Vec<_> = given_up.collect();
            for FormerTable { handle, table, location, definition, charge, .. } in tables {
                let new = std::mem::replace(handle.get_mut(objects), table);
                release_table(&new);
                // SAFETY: as above.
                unsafe { *location.as_ptr() = definition };
                charge.into_iter().for_each(|charge| keep_table_charge(handle.get(objects), charge));
            }
            given_up
        });
        given_up.into_iter().map(|(handle, memory)| (MemoryId::of(store, handle), memory)).collect()
    }
}

//! The objects of instances, and their exports.

use crate::store::instance::entity::Instance;
use crate::store::instance::extern_value::{Callable, Extern};
use crate::store::{GlobalId, MemoryId, Store, TableId, TagId};
use crate::wasm::ExternKind;
use std::ptr::NonNull;
use wasmer::ExportIndex;
use wasmer::sys::vm::VMExtern;
use wasmer_types::{GlobalIndex, MemoryIndex, TableIndex, TagIndex};

impl Instance {
    /// The table with this index in its module.
    pub fn table(&self, store: &Store, index: u32) -> TableId {
        match self.lookup(ExportIndex::Table(TableIndex::from_u32(index))) {
            VMExtern::Table(handle) => {
                let id = TableId::of(store, handle);
                id.bind(store, self.code().compiler);
                self.note_copy(store, id, TableIndex::from_u32(index));
                id
            }
            _ => unreachable!("asked for a table"),
        }
    }

    /// Its first memory, in which the addresses of its code are; none for a module without one.
    pub fn first_memory(&self, store: &Store) -> Option<MemoryId> {
        let (imported, own) = (&self.contents.imported, &self.contents.own);
        imported.memories.first().or(own.memories.first()).map(|handle| MemoryId::of(store, *handle))
    }

    /// Notes its copy of a table's entries, if there is one: wasmer keeps a copy of each funcref table that the
    /// instance defines and that cannot grow.
    fn note_copy(&self, store: &Store, id: TableId, index: TableIndex) {
        let vm = self.vm.borrow();
        let copy = vm.as_ref().and_then(|vm| {
            let index = vm.module_ref().local_table_index(index)?;
            let offset = vm.vmoffsets().vmctx_fixed_funcref_table_anyfuncs(index)?;
            // SAFETY: the offset is that of the copy in the context that `vmctx_ptr` points to. The collector forgets
            // the table's facts, which hold the pointer, when it frees the instance.
            NonNull::new(unsafe { vm.vmctx_ptr().cast::<u8>().add(offset as usize) }.cast())
        });
        if let Some(copy) = copy {
            id.change_facts(store, |facts| facts.copy = Some(copy));
        }
    }

    /// Names and values of the exports, in the order of the module.
    pub fn exports(&self, store: &Store) -> Vec<(String, Extern)> {
        let exports = self.code().binary.exports.iter().map(|export| {
            let value = match export.kind {
                ExternKind::Function => {
                    Extern::Function(Callable::Wasm(self.function(store, export.index).canonical(store)))
                }
                ExternKind::Table => Extern::Table(self.table(store, export.index)),
                ExternKind::Memory => {
                    let index = ExportIndex::Memory(MemoryIndex::from_u32(export.index));
                    match self.lookup(index) {
                        VMExtern::Memory(handle) => Extern::Memory(MemoryId::of(store, handle)),
                        _ => unreachable!("asked for a memory"),
                    }
                }
                ExternKind::Global => {
                    let index = ExportIndex::Global(GlobalIndex::from_u32(export.index));
                    match self.lookup(index) {
                        VMExtern::Global(handle) => {
                            let id = GlobalId::of(store, handle);
                            id.bind(store, self.code().compiler);
                            Extern::Global(id)
                        }
                        _ => unreachable!("asked for a global"),
                    }
                }
                ExternKind::Tag => {
                    let index = ExportIndex::Tag(TagIndex::from_u32(export.index));
                    match self.lookup(index) {
                        VMExtern::Tag(handle) => Extern::Tag(TagId::of(store, handle)),
                        _ => unreachable!("asked for a tag"),
                    }
                }
            };
            (export.name.clone(), value)
        });
        exports.collect()
    }
}

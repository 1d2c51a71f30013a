//! Tier-up: moving an instance to the code of another compiler.

use crate::error::Result;
use crate::store::instance::entity::Instance;
use crate::store::instance::extern_value::Extern;
use crate::store::{GlobalId, MemoryId, Store};
use std::rc::Rc;
use wasmer::ExportIndex;
use wasmer::sys::vm::VMExtern;
use wasmer_types::{GlobalIndex, MemoryIndex};

impl Instance {
    /// The imports that a tier-up instance has besides the imports of its module: the memories and globals that this
    /// instance defines.
    pub fn state(&self, store: &Store) -> Vec<Extern> {
        let binary = &self.code().binary;
        let memories = binary.imported_memories() as u32..binary.memories.len() as u32;
        let globals = binary.imported_globals() as u32..binary.globals.len() as u32;
        let memories = memories.map(|index| ExportIndex::Memory(MemoryIndex::from_u32(index)));
        let globals = globals.map(|index| ExportIndex::Global(GlobalIndex::from_u32(index)));
        let externs = memories.chain(globals).map(|index| match self.lookup(index) {
            VMExtern::Memory(handle) => Extern::Memory(MemoryId::of(store, handle)),
            VMExtern::Global(handle) => Extern::Global(GlobalId::of(store, handle)),
            _ => unreachable!("asked for memories and globals"),
        });
        externs.collect()
    }

    /// Makes `new`, which works on this instance's memories and globals, the tier-up instance. Entries of this
    /// instance's tables are copied to the tables of `new`, now and on every write. Code of `new`'s compiler then calls
    /// `new` directly.
    ///
    /// Its code may keep running, on the stack and wherever its functions are held: both instances run the same
    /// module on the same state.
    ///
    /// # Errors
    /// The errors of `native_to`; then nothing has changed.
    pub fn attach_tier_up(&self, store: &Store, new: &Rc<Instance>) -> Result<()> {
        new.make_adapter();
        self.forget_bridges(store, new.code().compiler);
        self.set_tier_up(Some(new.clone()));
        let copied = self.copy_tables(store, new);
        if copied.is_err() {
            self.set_tier_up(None);
        }
        copied
    }

    fn copy_tables(&self, store: &Store, new: &Instance) -> Result<()> {
        let mut entries = Vec::new();
        let mut copies = Vec::new();
        for index in 0..self.code().binary.tables.len() as u32 {
            let (from, to) = (self.table(store, index), new.table(store, index));
            for entry in 0..from.size(store) {
                if let Some(function) = from.function(store, entry)? {
                    entries.push((to, entry, function.native_to(store, new.code().compiler)?));
                }
            }
            copies.push((from, to));
        }
        for (table, entry, native) in entries {
            table.put(store, entry, native)?;
        }
        copies.into_iter().for_each(|(from, to)| from.change_facts(store, |facts| facts.tier_up_copy = Some(to)));
        Ok(())
    }
}

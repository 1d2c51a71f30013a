//! Tier-up: moving an instance to the code of another compiler.

use crate::engine::Compiler;
use crate::error::Result;
use crate::store::instance::entity::Instance;
use crate::store::object::extern_value::Extern;
use crate::store::{FuncRef, Store};
use std::rc::Rc;
use wasmer::ExportIndex;
use wasmer::sys::vm::VMExtern;
use wasmer_types::{GlobalIndex, MemoryIndex};

impl Store {
    /// Imports of a tier-up instance besides those of its module: the memories and globals that `old` defines.
    pub fn state_of(&self, old: &Instance) -> Vec<Extern> {
        let binary = &old.code().binary;
        let memories = binary.imported_memories() as u32..binary.memories.len() as u32;
        let globals = binary.imported_globals() as u32..binary.globals.len() as u32;
        let memories = memories.map(|index| ExportIndex::Memory(MemoryIndex::from_u32(index)));
        let globals = globals.map(|index| ExportIndex::Global(GlobalIndex::from_u32(index)));
        let externs = memories.chain(globals).map(|index| match self.lookup(old, index) {
            VMExtern::Memory(handle) => Extern::Memory(self.memory_id(handle)),
            VMExtern::Global(handle) => Extern::Global(self.global_id(handle)),
            _ => unreachable!("asked for memories and globals"),
        });
        externs.collect()
    }

    /// Makes `new`, which works on the memories and globals of `old`, the tier-up instance of `old`. Entries of `old`'s
    /// tables are copied to `new`'s, now and on every write. Code of `new`'s compiler then calls `new` directly.
    ///
    /// Code of `old` may keep running, on the stack and wherever its functions are held: both instances run the same
    /// module on the same state.
    ///
    /// # Errors
    /// The errors of `native_to`; then nothing has changed.
    pub fn attach_tier_up(&self, old: &Rc<Instance>, new: &Rc<Instance>) -> Result<()> {
        new.make_adapter();
        self.forget_crossings(old, new.code().compiler);
        old.set_tier_up(Some(new.clone()));
        let copied = self.copy_tables(old, new);
        if copied.is_err() {
            old.set_tier_up(None);
        }
        copied
    }

    fn copy_tables(&self, old: &Instance, new: &Instance) -> Result<()> {
        let mut entries = Vec::new();
        let mut mirrors = Vec::new();
        for index in 0..old.code().binary.tables.len() as u32 {
            let (from, to) = (self.instance_table(old, index), self.instance_table(new, index));
            for entry in 0..self.table_size(from) {
                if let Some(function) = self.table_get(from, entry)? {
                    entries.push((to, entry, self.native_to(function, new.code().compiler)?));
                }
            }
            mirrors.push((from, to));
        }
        for (table, entry, native) in entries {
            self.table_put(table, entry, native)?;
        }
        mirrors.into_iter().for_each(|(from, to)| self.change_table_facts(from, |facts| facts.mirror = Some(to)));
        Ok(())
    }

    /// The tier-up copy of `function`, if its instance has a tier-up instance of `compiler`.
    pub fn tier_up_of(&self, function: FuncRef, compiler: Compiler) -> Option<FuncRef> {
        let (instance, index) = self.locate(function)?;
        let tier_up = instance.tier_up().filter(|tier_up| tier_up.code().compiler == compiler)?;
        Some(self.function(&tier_up, index))
    }
}

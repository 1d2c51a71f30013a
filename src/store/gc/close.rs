//! Closing instances.

use crate::store::instance::entity::{Instance, Objects};
use crate::store::object::index::{ObjectIndex, Owner};
use crate::store::{GlobalId, MemoryId, Store, TableId};
use std::cell::RefCell;
use wasmer::sys::vm::InternalStoreHandle;

/// Objects whose JavaScript handles have ended.
#[derive(Default)]
pub struct Hidden {
    /// Memories that had an id
    pub memories: Vec<MemoryId>,
    /// Tables that had an id
    pub tables: Vec<TableId>,
    /// Globals that had an id
    pub globals: Vec<GlobalId>,
}

impl Instance {
    /// Closes the instance. With `silent`, its functions do nothing when JavaScript calls them from then on. Returns the
    /// objects whose JavaScript handles have ended: those that no open instance imports.
    pub fn close(&self, store: &Store, silent: bool) -> Hidden {
        if self.is_closed() {
            return Hidden::default();
        }
        self.open_flag().close(silent);
        // The tier-up instance imports objects of this instance: unless it is closed first, their handles stay open.
        let mut hidden = self.tier_up().map(|tier_up| tier_up.close(store, silent)).unwrap_or_default();
        let contents = &self.contents;
        store.count_importers(&contents.imported, false);
        hidden.hide(store, &contents.own, |_| true);
        // Imported objects of instances that were closed before: this may have been their last open importer.
        let instances = store.instances.borrow();
        hidden.hide(store, &contents.imported, |owner| match owner {
            Owner::Instance(id) => instances.get(&id).is_none_or(|instance| instance.is_closed()),
            Owner::Host | Owner::Gone => false,
        });
        hidden
    }
}

impl Hidden {
    /// Ends the handles of the `objects` whose owner `which` accepts, unless an open instance imports them.
    fn hide(&mut self, store: &Store, objects: &Objects, which: impl Fn(Owner) -> bool) {
        self.tables.extend(hide_all(&store.tables, &objects.tables, &which).into_iter().map(TableId));
        self.globals.extend(hide_all(&store.globals, &objects.globals, &which).into_iter().map(GlobalId));
        self.memories.extend(hide_all(&store.memories, &objects.memories, &which).into_iter().map(MemoryId));
        hide_all(&store.tags, &objects.tags, &which);
    }
}

/// Ends the handles of objects of one kind. Returns their ids.
fn hide_all<T>(
    index: &RefCell<ObjectIndex<T>>,
    handles: &[InternalStoreHandle<T>],
    which: impl Fn(Owner) -> bool,
) -> Vec<u32> {
    let mut index = index.borrow_mut();
    let mut hide = |handle: &InternalStoreHandle<T>| which(index.owner(*handle)).then(|| index.hide(*handle)).flatten();
    handles.iter().filter_map(&mut hide).collect()
}

#[cfg(test)]
mod tests {
    use crate::engine::Compiler;
    use crate::store::Extern;
    use crate::store::test_support::{compile, instantiate, memory, new_store};

    #[test]
    fn what_an_open_instance_imports_stays_open_until_that_is_closed_too() {
        let store = new_store();
        let provider =
            compile(r#"(module (memory (export "memory") 1) (table (export "table") 1 funcref))"#, Compiler::Cranelift);
        let importer = compile(r#"(module (import "a" "memory" (memory 1)))"#, Compiler::Cranelift);
        let first = instantiate(&store, &provider, Vec::new()).unwrap();
        let memory = memory(&store, &first, "memory");
        let second = instantiate(&store, &importer, vec![Extern::Memory(memory)]).unwrap();
        let hidden = first.close(&store, true);
        assert_eq!((hidden.memories.len(), hidden.tables.len()), (0, 1));
        assert!(first.is_closed() && first.open_flag().is_silent() && memory.is_open(&store));
        let again = first.close(&store, false);
        assert!(again.tables.is_empty() && first.open_flag().is_silent(), "closing twice changes nothing");
        let hidden = second.close(&store, false);
        assert_eq!(hidden.memories, [memory]);
        assert!(!memory.is_open(&store) && !second.open_flag().is_silent());
    }
}

//! Sweeping: freeing the nodes that marking has not reached.

use crate::store::gc::removal::bytes_of;
use crate::store::instance::entity::Objects;
use crate::store::object::index::{ObjectIndex, Owner, index_of};
use crate::store::{DetachedMemory, GlobalId, InstanceId, Marks, MemoryId, Node, Store, TableId};
use rustc_hash::FxHashSet;
use wasmer::sys::vm::InternalStoreHandle;

/// Instances and objects that a sweep has freed.
#[derive(Default)]
pub struct Swept {
    /// Freed instances
    pub instances: FxHashSet<InstanceId>,
    /// Freed tables that had an id
    pub tables: FxHashSet<TableId>,
    /// Detached memories that had an id
    pub memories: Vec<(MemoryId, DetachedMemory)>,
}

impl Store {
    /// Frees all nodes that were not reached. No wasm may be on the stack. Since `mark`, no object may have been made
    /// and no wasm may have run.
    pub fn sweep(&self, marks: &Marks) -> Swept {
        self.bridges.borrow_mut().forget(|function| marks.is_unreached(self, function));
        let unreached = |id: InstanceId| !marks.has(Node::Instance(id));
        let mut swept = Swept::default();
        let mut dead = Objects::default();
        let instances: Vec<_> =
            self.instances.borrow_mut().extract_if(|id, _| unreached(*id)).map(|(_, instance)| instance).collect();
        let mut freed = self.freed.get();
        for instance in &instances {
            swept.instances.insert(instance.id);
            if !instance.is_closed() {
                self.count_importers(&instance.contents.imported, false);
            }
            instance.open_flag().close(false);
            freed.instances += u64::from(instance.is_users());
            freed.functions += instance.function_count();
            self.shadow_stacks.remove(instance.stack_pointer());
            let own = &instance.contents.own;
            dead.memories.extend(&own.memories);
            dead.tables.extend(&own.tables);
            dead.globals.extend(&own.globals);
            dead.tags.extend(&own.tags);
        }
        dead.memories.extend(hosts(&self.memories.borrow(), |index| !marks.has(Node::Memory(index))));
        dead.tables.extend(hosts(&self.tables.borrow(), |index| !marks.has(Node::Table(index))));
        dead.globals.extend(hosts(&self.globals.borrow(), |index| !marks.has(Node::Global(index))));
        dead.tags.extend(hosts(&self.tags.borrow(), |index| !marks.has(Node::Tag(index))));
        for handle in &dead.tables {
            if let Some(id) = self.tables.borrow().known_id(*handle).map(TableId) {
                swept.tables.insert(id);
                id.forget(self);
            }
        }
        for handle in &dead.globals {
            if let Some(id) = self.globals.borrow().known_id(*handle).map(GlobalId) {
                id.forget(self);
            }
        }
        freed.memories += dead.memories.len() as u64;
        freed.memory_bytes += bytes_of(self, dead.memories.iter().copied());
        freed.tables += dead.tables.len() as u64;
        freed.globals += dead.globals.len() as u64;
        freed.tags += dead.tags.len() as u64;
        self.freed.set(freed);
        // Objects go before the instances whose contexts contain their definitions.
        swept.memories = dead.remove(self);
        self.by_context.borrow_mut().retain(|_, owner| !swept.instances.contains(&owner.instance.id));
        // Other holders of such an instance check its open flag before use, so its context can be freed now.
        instances.iter().for_each(|instance| {
            instance.set_tier_up(None);
            drop(instance.held.take());
            instance.free_vm();
        });
        swept
    }
}

/// The objects that the host owns and whose object index `which` accepts.
fn hosts<T>(index: &ObjectIndex<T>, which: impl Fn(usize) -> bool) -> Vec<InternalStoreHandle<T>> {
    let all = index.all().filter(|(handle, owner)| *owner == Owner::Host && which(index_of(*handle)));
    all.map(|(handle, _)| handle).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Compiler, Reserve};
    use crate::store::Roots;
    use crate::store::test_support::{EVERYTHING, call, collect, compile, everything, function, lengths, new_store};
    use crate::wasm::Limits;
    use std::sync::Arc;

    #[test]
    fn what_is_not_reached_goes_and_its_indices_are_used_again() {
        let store = new_store();
        let code = compile(EVERYTHING, Compiler::Cranelift);
        let kept = everything(&store, &code);
        drop(everything(&store, &code));
        let most = lengths(&store);
        for _ in 0..100 {
            let roots = Roots { instances: vec![kept.id], ..Roots::default() };
            assert_eq!(collect(&store, &roots).instances.len(), 1);
            let other = everything(&store, &code);
            assert_eq!(call(&store, function(&store, &other, "seven")).unwrap(), 7);
            assert_eq!(call(&store, function(&store, &kept, "call")).unwrap(), 42);
            assert_eq!(lengths(&store), most);
        }
        assert_eq!(collect(&store, &Roots::default()).instances.len(), 2);
        assert_eq!(store.counts().instances, 0);
        assert_eq!(Arc::strong_count(&code), 2, "the last one is held here, and by `kept`");
    }

    #[test]
    fn an_id_is_never_another_memorys() {
        let store = new_store();
        let limits = Limits { minimum: 1, maximum: None };
        let first = MemoryId::new(&store, limits, Reserve::available()).unwrap();
        collect(&store, &Roots::default());
        assert!(!first.is_open(&store));
        let second = MemoryId::new(&store, limits, Reserve::available()).unwrap();
        assert_ne!(first, second);
        assert_eq!(lengths(&store)[0], 1, "at the index of the first one");
        assert!(!first.is_open(&store) && second.is_open(&store));
    }
}
